#!/usr/bin/env bash
# The runner's user, the tool cache, and the settings of the system; docs/building.md gives the reasons.
set -euo pipefail
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh

id runner > /dev/null 2>&1 || useradd --create-home --shell /bin/bash runner
visudo --check --quiet --file /etc/sudoers.d/90-runner
install -d -o runner -g runner "${RUNNER_TOOL_CACHE}"
touch /etc/environment
# The actions take either name. With ImageOS, they keep the caches of different systems apart.
variable RUNNER_TOOL_CACHE "${RUNNER_TOOL_CACHE}"
variable AGENT_TOOLSDIRECTORY "${RUNNER_TOOL_CACHE}"
# shellcheck source=/dev/null
. /etc/os-release
variable ImageOS "${ID}${VERSION_ID%%.*}"

systemctl enable goldrun-swap.service
# As at every boot: it passes over what a kernel does not have, where the line begins with a dash.
/lib/systemd/systemd-sysctl /etc/sysctl.d/60-runner.conf
