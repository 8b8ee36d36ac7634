#!/usr/bin/env bash
# Installs Go where setup-go finds it, with go and gofmt in the PATH.
set -euo pipefail
: "${GO_VERSION:?}" "${GO_URL:?}" "${GO_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
archive=$(workspace)
trap 'rm -rf "${archive}"' EXIT
fetch "${GO_URL}" "${GO_SHA256}" "${archive}/go.tar.gz"
folder=$(tool_folder go "${GO_VERSION}")
tar -xzf "${archive}/go.tar.gz" -C "${folder}" --strip-components=1 --no-same-owner
tool_complete "${folder}"
link "${folder}/bin" go gofmt
IFS=. read -r major minor _ <<< "${GO_VERSION}"
variable "GOROOT_${major}_${minor}_${tool_arch^^}" "${folder}"
