# shellcheck shell=bash disable=SC2154 # it is a part of the agent, and shares its variables
# The operator's own template installs and starts the runner, in the place of the agent.
# The engine renders it with extra_context. It runs as GARM's own cloud-init runs it: as the runner's user, who may use
# sudo meanwhile. The agent keeps what it is for: the life, the wait for a job, the spot notice, the end.

readonly template=/opt/goldrun/template template_log=/run/goldrun/template.log sudo_rule=/etc/sudoers.d/goldrun-template

install_runner() { require_user; }

keep_in_memory() {
  install -d -m 0755 "${notice%/*}"
  install -d -m 0700 -o runner -g runner "${state}"
}

configure() {
  local script
  script=$(ask install-script/) || fail 'the engine gives no script for runner_install_template: GARM 0.2 or later has it'
  install -m 0500 -o runner -g runner /dev/null "${template}"
  printf '%s\n' "${script}" > "${template}"
  # The runner's service has them from systemd, whatever unit the template writes.
  systemctl set-environment GOLDRUN_SPOT_NOTICE="${notice}" GOLDRUN_JOB_MARK="${state}/job" \
    ACTIONS_RUNNER_HOOK_JOB_STARTED=/opt/goldrun/job-started.sh
}

start_runner() {
  local code=0 limit
  report installing 'running the template'
  [[ -d ${sudo_rule%/*} ]] || fail 'the image has no sudo, which the templates of GARM use'
  (umask 0337 && echo 'runner ALL=(ALL) NOPASSWD:ALL' > "${sudo_rule}")
  # Templates print tokens: root alone reads what they say.
  (umask 077 && : > "${template_log}")
  (cd "${home}" && as_runner env HOME="${home}" USER=runner LOGNAME=runner "${template}") > "${template_log}" 2>&1 || code=$?
  rm -f "${sudo_rule}" "${template}"
  ((code == 0)) || fail "the template ended with exit code ${code}; its output is in ${template_log}"
  limit=$((SECONDS + 60))
  until alive; do
    ((SECONDS < limit)) || fail "the template has started no runner; its output is in ${template_log}"
    sleep 1
  done
  say 'the runner of the template runs'
}

# GitHub's svc.sh and GARM name the runner's service actions.runner.…; other templates may start it in another way.
service() { systemctl list-units --plain --no-legend --all 'actions.runner.*.service' | awk 'NR == 1 { print $1 }'; }

alive() {
  local unit
  unit=$(service)
  if [[ -n ${unit} ]]; then systemctl is-active --quiet "${unit}"; else pgrep -u runner -x Runner.Listener > /dev/null; fi
}

stop_runner() {
  local unit
  unit=$(service)
  if [[ -n ${unit} ]]; then timeout 90 systemctl stop "${unit}"; else pkill -INT -u runner -x Runner.Listener; fi
}
