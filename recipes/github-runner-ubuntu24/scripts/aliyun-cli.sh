#!/usr/bin/env bash
# Installs the official Alibaba Cloud CLI.
set -euo pipefail
: "${ALIYUN_CLI_VERSION:?}" "${ALIYUN_CLI_URL:?}" "${ALIYUN_CLI_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
fetch "${ALIYUN_CLI_URL}" "${ALIYUN_CLI_SHA256}" aliyun.tgz
tar -xzf "${work}/aliyun.tgz" -C "${work}"
install -m 0755 "${work}/aliyun" /usr/local/bin/aliyun
