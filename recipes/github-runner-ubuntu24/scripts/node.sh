#!/usr/bin/env bash
# Installs Node.js where setup-node finds it, with node, npm and npx in the PATH.
set -euo pipefail
: "${NODE_VERSION:?}" "${NODE_URL:?}" "${NODE_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
unpack_tool node "${NODE_VERSION}" "${NODE_URL}" "${NODE_SHA256}"
complete_tool
link "${folder}/bin" node npm npx
