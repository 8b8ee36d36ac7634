#!/bin/bash
# Runs one job: waits for the runner's configuration, installs the runner where the image has none, starts it, and
# watches the clock and the spot market until it ends. When this script ends, the machine is deleted.
#
# It runs as root, and the job is not trusted: root neither writes, reads nor runs anything in the runner's folders,
# where any name may be a link. Work there is done as the runner's user.
set -uo pipefail
set -m # a process group for the runner: it must not ignore SIGINT

# shellcheck source=/dev/null
source /opt/goldrun/settings

readonly home=/home/runner root=/home/runner/actions-runner
readonly shipped=/opt/actions-runner     # where images of other builders have the runner, as root's
readonly inbox=/run/goldrun/config       # sent by Cloud Assistant; in memory, readable by root alone
readonly state=/run/goldrun-runner       # in memory too; the runner's
readonly notice=/run/goldrun-notice/spot-notice # root's; the job reads it
readonly metadata=http://100.100.100.200/latest
declare -A given=()

say() { echo "goldrun: $*"; }

# goldrun reads this on the console, and has some time to examine the instance.
fail() {
  say "failed: $*"
  report failed "$*"
  sleep "${EXAMINE_SECONDS}"
  exit 1
}

# Report the status, and the system, to an engine; do nothing without one.
report() { :; }
report_system() { :; }

take_configuration() {
  local limit=$((SECONDS + CONFIG_SECONDS)) line
  until grep -qs '^END=' "${inbox}"; do
    ((SECONDS < limit)) || fail "no configuration came within ${CONFIG_SECONDS} s"
    sleep 1
  done
  # Not split by `read`, which drops a "=" at the end: base64 ends with it.
  while IFS= read -r line; do given["${line%%=*}"]=${line#*=}; done < "${inbox}"
  rm -f "${inbox}"
}

use_proxy() {
  [[ -n ${given[PROXY]:-} ]] || return 0
  export HTTP_PROXY=${given[PROXY]} HTTPS_PROXY=${given[PROXY]} http_proxy=${given[PROXY]} https_proxy=${given[PROXY]}
  # Requests to the metadata service never use a proxy.
  export NO_PROXY="localhost,127.0.0.1,100.100.100.200${given[NO_PROXY]:+,${given[NO_PROXY]}}"
  export no_proxy=${NO_PROXY}
}

require_user() {
  id runner > /dev/null 2>&1 || useradd --create-home --shell /bin/bash runner || fail 'the user cannot be made'
}

install_runner() {
  require_user
  [[ -x ${root}/run.sh ]] && return 0
  take_shipped_runner && return 0
  say "the image has no runner: downloading ${RUNNER_URL}"
  local folder
  folder=$(mktemp -d)
  curl -fsSL --retry 5 --retry-connrefused --max-time 600 "${RUNNER_URL}" -o "${folder}/runner.tar.gz" \
    || fail "the runner cannot be downloaded from ${RUNNER_URL}"
  echo "${RUNNER_SHA256}  ${folder}/runner.tar.gz" | sha256sum --check --quiet \
    || fail 'what was downloaded is not the runner: its checksum differs'
  (as_runner mkdir -p "${root}")
  (as_runner tar -xz -C "${root}" < "${folder}/runner.tar.gz") || fail 'the runner cannot be unpacked'
  # Root runs a copy that no other user can have changed.
  tar -xzf "${folder}/runner.tar.gz" -C "${folder}" ./bin/installdependencies.sh
  "${folder}/bin/installdependencies.sh" > /dev/null 2>&1 || say 'some of its dependencies could not be installed'
  rm -rf "${folder}"
}

take_shipped_runner() {
  local version
  [[ -x ${shipped}/run.sh ]] || return 1
  if ! version=$(shipped_version) && [[ -O ${shipped} && -O ${shipped}/bin && -O ${shipped}/bin/installdependencies.sh ]]; then
    "${shipped}/bin/installdependencies.sh" > /dev/null 2>&1 || say 'some of its dependencies could not be installed'
    version=$(shipped_version)
  fi
  [[ ${version} =~ ^[0-9]+(\.[0-9]+){2}$ ]] || return 1
  if [[ $(printf '%s\n' "${RUNNER_OLDEST}" "${version}" | sort -V | head -n 1) != "${RUNNER_OLDEST}" ]]; then
    say "GitHub does not register the image's runner: version ${version} is older than ${RUNNER_OLDEST}"
    return 1
  fi
  (as_runner mkdir -p "${root}")
  (as_runner cp -r "${shipped}/." "${root}") || return 1
  say "using the image's runner ${version} from ${shipped}"
}

shipped_version() { as_runner "${shipped}/bin/Runner.Listener" --version 2> /dev/null; }

# Becomes the runner's user; callers with more to do use a subshell.
as_runner() { exec setpriv --reuid=runner --regid=runner --init-groups --inh-caps=-all "$@"; }

# The files with the runner's identity stay in memory.
keep_in_memory() {
  local file
  install -d -m 0755 "${notice%/*}"
  install -d -m 0700 -o runner -g runner "${state}"
  for file in .runner .credentials .credentials_rsaparams; do
    (as_runner ln -sfn "${state}/${file}" "${root}/${file}") || fail "${root} is not the runner's"
  done
}

configure() {
  [[ -z ${given[JITCONFIG]:-} && -n ${given[TOKEN]:-} ]] || return 0
  (
    cd "${root}" || exit 1
    # By environment: every user can read the arguments of a process.
    export ACTIONS_RUNNER_INPUT_TOKEN=${given[TOKEN]}
    as_runner env HOME="${home}" ./config.sh --unattended --ephemeral --replace --url "${given[URL]}" --name "${given[NAME]}" \
      --labels "${given[LABELS]}" ${given[GROUP]:+--runnergroup "${given[GROUP]}"}
  ) || fail 'GitHub does not take the runner (config.sh)'
  unset 'given[TOKEN]'
}

start_runner() {
  (
    cd "${root}" || exit 1
    [[ -z ${given[JITCONFIG]:-} ]] || export ACTIONS_RUNNER_INPUT_JITCONFIG=${given[JITCONFIG]}
    as_runner env HOME="${home}" USER=runner LOGNAME=runner RUNNER_MANUALLY_TRAP_SIG=1 \
      GOLDRUN_SPOT_NOTICE="${notice}" GOLDRUN_JOB_MARK="${state}/job" ACTIONS_RUNNER_HOOK_JOB_STARTED=/opt/goldrun/job-started.sh ./run.sh
  ) &
  runner=$!
  given=()
  say "the runner runs (process ${runner})"
}

alive() { kill -0 "${runner}" 2> /dev/null; }

termination_time() {
  local token
  token=$(curl -fsS --noproxy '*' --max-time 3 -X PUT -H 'X-aliyun-ecs-metadata-token-ttl-seconds: 60' \
    "${metadata}/api/token") || return 1
  curl -fsS --noproxy '*' --max-time 3 -H "X-aliyun-ecs-metadata-token: ${token}" \
    "${metadata}/meta-data/instance/spot/termination-time" 2> /dev/null
}

# The job may save its results; then the runner ends it, as GitHub does when a runner is shut down.
give_notice() {
  local limit=$((SECONDS + NOTICE_SECONDS))
  say "spot notice: the market takes this instance back at $1"
  # Renamed into place, so that no reader sees half of it.
  echo "$1" > "${notice}.new" && mv -T "${notice}.new" "${notice}"
  wall "goldrun: the spot market takes this instance back at $1" 2> /dev/null
  while alive && ((SECONDS < limit)); do sleep 1; done
  stop_runner
}

stop_runner() {
  local limit=$((SECONDS + 90))
  kill -INT "${runner}" 2> /dev/null
  while alive && ((SECONDS < limit)); do sleep 1; done
}

watch() {
  local limit=$((SECONDS + JOB_SECONDS)) look=0 when why="no job came within ${JOB_SECONDS} s"
  if ((limit > IDLE_SECONDS)); then
    limit=${IDLE_SECONDS}
    why="no job came while enough of the instance's life was left for one"
  fi
  while alive; do
    # An image whose .env names a hook of its own for jobs keeps ours from being called.
    if [[ -z ${had_job:-} ]] && { [[ -e ${state}/job ]] || pgrep -x Runner.Worker > /dev/null; }; then
      had_job=1
      say 'the job has begun'
    fi
    if [[ -z ${had_job:-} ]] && ((SECONDS >= limit)); then
      say "failed: ${why}"
      stop_runner
      return
    fi
    if ((SECONDS >= look)); then
      look=$((SECONDS + 5))
      if when=$(termination_time) && [[ -n ${when} ]]; then
        give_notice "${when}"
        return
      fi
    fi
    sleep 1
  done
}

# shellcheck source=/dev/null
[[ ! -e /opt/goldrun/engine.sh ]] || source /opt/goldrun/engine.sh

# Runs a script of the operator's as root, traced where they ask for it.
prepare() { # prepare KIND SCRIPT
  report installing "running $1"
  if [[ -n ${BOOT_DEBUG} && $(head -c 64 "$2" | head -n 1) =~ ^#!.*[/\ ]bash ]]; then
    bash -x "$2"
  else
    "$2"
  fi || fail "$1 ended with exit code $?"
}

# The installation alone is traced: what comes after it has secrets.
install_traced() {
  [[ -z ${BOOT_DEBUG} ]] || set -x
  install_runner
  { set +x; } 2> /dev/null
}

take_configuration
use_proxy
for script in /opt/goldrun/pre-install/*/*; do
  [[ ! -e ${script} ]] || prepare "the script ${script##*/}" "${script}"
done
rm -rf /opt/goldrun/pre-install
install_traced
if [[ -e /opt/goldrun/setup ]]; then
  bash ${BOOT_DEBUG:+-x} /opt/goldrun/setup || fail "the setup script ended with exit code $?"
fi
keep_in_memory
configure
start_runner
report_system
report idle 'the runner runs'
watch
rm -rf "${state}"
say 'the runner has ended'
