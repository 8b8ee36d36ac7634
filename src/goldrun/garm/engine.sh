# shellcheck shell=bash disable=SC1091,SC2034,SC2154 # it is a part of the agent, and shares its variables
# The agent's part for GARM: gets the configuration from the engine, and reports the status to it.
# The agent sources it; its functions replace the agent's.

: "${engine:=/run/goldrun/engine}" # the token, for curl alone: never among a process's arguments

ask() { # ask PATH: print the answer of the engine's metadata service
  curl -fsS --retry 5 --retry-delay 3 --retry-connrefused --max-time 60 --config "${engine}" \
    -H 'Accept: application/json' "${METADATA_URL%/}/$1"
}

json_text() { python3 -I -c 'import json, sys; print(json.dumps(sys.argv[1]), end="")' "$1"; }

send() { # send PATH JSON: to the engine's callbacks
  [[ -n ${CALLBACK_URL} ]] || return 0
  local url=${CALLBACK_URL%/}
  curl -fsS --retry 3 --retry-delay 3 --retry-connrefused --max-time 30 --config "${engine}" -X POST \
    -H 'Content-Type: application/json' -d "$2" -o /dev/null "${url%/status}/$1" || say 'the engine cannot be told'
}

report() { # report STATUS WORDS
  local message
  message=$(json_text "$2")
  send status "{\"status\": \"$1\", \"message\": ${message}, \"agent_id\": ${agent_id:-null}}"
}

report_system() {
  local name version
  name=$(json_text "$(. /etc/os-release 2> /dev/null && echo "${NAME:-}")")
  version=$(json_text "$(. /etc/os-release 2> /dev/null && echo "${VERSION_ID:-}")")
  send system-info/ "{\"os_name\": ${name}, \"os_version\": ${version}, \"agent_id\": ${agent_id:-null}}"
}

# The engine's unit file names the proxy with its password, which user data does not have.
ask_for_proxy() {
  local unit
  unit=$(ask 'systemd/unit-file?runAsUser=runner') || fail 'the engine gives no proxy: it must be reachable without one'
  given[PROXY]=$(sed -n 's/^Environment="https_proxy=\(.*\)"$/\1/p' <<< "${unit}")
  [[ -n ${given[PROXY]} ]] || given[PROXY]=$(sed -n 's/^Environment="http_proxy=\(.*\)"$/\1/p' <<< "${unit}")
  [[ -n ${given[PROXY]} ]] || fail 'the engine names no proxy any more'
}

authenticate() { (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "${INSTANCE_TOKEN}" > "${engine}"); }

take_configuration() {
  authenticate
  if [[ -n ${CA_BUNDLE:-} ]]; then
    printf '%s\n' "${CA_BUNDLE}" > /usr/local/share/ca-certificates/garm.crt
    update-ca-certificates > /dev/null 2>&1 || say 'the engine'"'"'s certificate could not be installed'
  fi
  given[PROXY]=${PROXY:-}
  given[NO_PROXY]=${NO_PROXY_FOR:-}
  # The token came with the user data: no copy of it stays on the disk.
  sed -i '/^INSTANCE_TOKEN=/d' /opt/goldrun/settings
  rm -f /var/lib/cloud/instances/*/user-data.txt* /var/lib/cloud/instances/*/scripts/part-* \
    /var/lib/cloud/instances/*/obj.pkl /var/lib/cloud/instances/*/cloud-config.txt
  unset INSTANCE_TOKEN
  [[ -z ${SECRET_PROXY:-} ]] || ask_for_proxy
  report installing 'the machine is up'
}

configure() {
  report installing 'configuring the runner'
  if [[ ${JIT} == true ]]; then
    local part
    for part in runner credentials credentials_rsaparams; do
      ask "credentials/${part}" | (umask 077 && as_runner tee "${state}/.${part}" > /dev/null) \
        || fail "the engine gives no ${part}"
    done
  else
    given[TOKEN]=$(ask runner-registration-token/) || fail 'the engine gives no registration token'
    (
      cd "${root}" || exit 1
      export ACTIONS_RUNNER_INPUT_TOKEN=${given[TOKEN]}
      as_runner env HOME="${home}" ./config.sh --unattended --ephemeral --replace --no-default-labels \
        --url "${REPO_URL}" --name "${RUNNER_NAME}" --labels "${LABELS}" ${GROUP:+--runnergroup "${GROUP}"}
    ) || fail 'GitHub does not take the runner (config.sh)'
    unset 'given[TOKEN]'
  fi
  agent_id=$( (as_runner cat "${root}/.runner") | tr -d '\n ' | sed -n 's/.*"agentId":\([0-9]*\).*/\1/p')
}
