#!/usr/bin/env bash
# Prints what is in the image, as name=version lines. What is left out has no variable.
set -euo pipefail

package() { printf '%s=%s\n' "$1" "$(dpkg-query -W -f '${Version}' "$2" | sed 's/^[0-9]*://; s/[-+~].*//')"; }
# The version without its epoch, its revision and the day of its build.
pinned() { [[ -z "$2" ]] || printf '%s=%s\n' "$1" "$(sed 's/^[0-9]*://; s/-.*//; s/+.*//' <<< "$2")"; }

# shellcheck source=/dev/null
. /etc/os-release
echo "${ID}=${VERSION_ID}"
pinned runner "${RUNNER_VERSION:-}"
pinned docker "${DOCKER_VERSION:-}"
pinned containerd "${CONTAINERD_VERSION:-}"
pinned buildx "${BUILDX_VERSION:-}"
pinned compose "${COMPOSE_VERSION:-}"
pinned node "${NODE_VERSION:-}"
pinned python "${PYTHON_VERSION:-}"
pinned go "${GO_VERSION:-}"
pinned java "${JAVA_VERSION:-}"
pinned gh "${GH_VERSION:-}"
pinned kubectl "${KUBECTL_VERSION:-}"
pinned helm "${HELM_VERSION:-}"
pinned opentofu "${OPENTOFU_VERSION:-}"
pinned aliyun_cli "${ALIYUN_CLI_VERSION:-}"
package git git
package git-lfs git-lfs
package jq jq
package curl curl
package python-system python3
