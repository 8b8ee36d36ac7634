#!/usr/bin/env bash
# Installs OpenTofu.
set -euo pipefail
: "${OPENTOFU_VERSION:?}" "${OPENTOFU_URL:?}" "${OPENTOFU_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
folder=$(workspace)
trap 'rm -rf "${folder}"' EXIT
fetch "${OPENTOFU_URL}" "${OPENTOFU_SHA256}" "${folder}/tofu.tar.gz"
tar -xzf "${folder}/tofu.tar.gz" -C "${folder}"
install -m 0755 "${folder}/tofu" /usr/local/bin/tofu
