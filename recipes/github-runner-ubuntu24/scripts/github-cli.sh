#!/usr/bin/env bash
# Installs GitHub's CLI.
set -euo pipefail
: "${GH_VERSION:?}" "${GH_URL:?}" "${GH_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
fetch "${GH_URL}" "${GH_SHA256}" gh.tar.gz
tar -xzf "${work}/gh.tar.gz" -C "${work}" --strip-components=1
install -m 0755 "${work}/bin/gh" /usr/local/bin/gh
