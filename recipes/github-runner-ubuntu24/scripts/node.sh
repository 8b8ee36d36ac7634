#!/usr/bin/env bash
# Installs Node.js where setup-node finds it, with node, npm and npx in the PATH.
set -euo pipefail
: "${NODE_VERSION:?}" "${NODE_URL:?}" "${NODE_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
archive=$(workspace)
trap 'rm -rf "${archive}"' EXIT
fetch "${NODE_URL}" "${NODE_SHA256}" "${archive}/node.tar.xz"
folder=$(tool_folder node "${NODE_VERSION}")
tar -xJf "${archive}/node.tar.xz" -C "${folder}" --strip-components=1 --no-same-owner
tool_complete "${folder}"
link "${folder}/bin" node npm npx
