#!/usr/bin/env bash
# Installs GitHub's CLI.
set -euo pipefail
: "${GH_VERSION:?}" "${GH_URL:?}" "${GH_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
folder=$(workspace)
trap 'rm -rf "${folder}"' EXIT
fetch "${GH_URL}" "${GH_SHA256}" "${folder}/gh.tar.gz"
tar -xzf "${folder}/gh.tar.gz" -C "${folder}" --strip-components=1
install -m 0755 "${folder}/bin/gh" /usr/local/bin/gh
