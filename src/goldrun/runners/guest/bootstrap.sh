#!/bin/bash
# Arms the self-destruct before anything that can fail, then lets the agent run one job.
set -uo pipefail
umask 022

# shellcheck source=/dev/null
source /opt/goldrun/settings

destroy() {
  python3 -I /opt/goldrun/self_destruct.py "$1" "${ENDPOINT}" > /dev/console 2>&1
  systemctl poweroff --force
}

# 1: from here on the instance is deleted at the end of its life, whatever happens.
systemd-run --quiet --unit=goldrun-life --on-active="${LIFE_SECONDS}" --timer-property=AccuracySec=1s \
  --property=StandardOutput=journal+console --property=StandardError=journal+console \
  python3 -I /opt/goldrun/self_destruct.py 'its time is over' "${ENDPOINT}" \
  || destroy 'the self-destruct could not be armed'

# 2: the instance is deleted when the agent ends, for any reason.
install -d -m 0700 /run/goldrun
systemd-run --quiet --unit=goldrun-runner --property=KillMode=mixed --property=TimeoutStopSec=infinity \
  --property=StandardOutput=journal+console --property=StandardError=journal+console \
  --property="ExecStopPost=/usr/bin/env python3 -I /opt/goldrun/self_destruct.py 'the runner has ended' '${ENDPOINT}'" \
  /bin/bash /opt/goldrun/agent.sh \
  || destroy 'the agent could not be started'
