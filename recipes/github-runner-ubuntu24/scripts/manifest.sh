#!/usr/bin/env bash
# Prints what is in the image, as name=version lines.
set -euo pipefail

package() { printf '%s=%s\n' "$1" "$(dpkg-query -W -f '${Version}' "$2" | sed 's/^[0-9]*://; s/[-+~].*//')"; }

# shellcheck source=/dev/null
. /etc/os-release
echo "ubuntu=${VERSION_ID}"
echo "actions-runner=${RUNNER_VERSION}"
[[ -z "${ALIYUN_CLI_VERSION:-}" ]] || echo "aliyun-cli=${ALIYUN_CLI_VERSION}"
if dpkg-query -s docker-ce > /dev/null 2>&1; then
  package docker docker-ce
  package buildx docker-buildx-plugin
  package compose docker-compose-plugin
fi
package git git
package git-lfs git-lfs
package jq jq
package curl curl
package python python3
