#!/usr/bin/env bash
# Installs OpenTofu.
set -euo pipefail
: "${OPENTOFU_VERSION:?}" "${OPENTOFU_URL:?}" "${OPENTOFU_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
fetch "${OPENTOFU_URL}" "${OPENTOFU_SHA256}" tofu.tar.gz
tar -xzf "${work}/tofu.tar.gz" -C "${work}"
install -m 0755 "${work}/tofu" /usr/local/bin/tofu
