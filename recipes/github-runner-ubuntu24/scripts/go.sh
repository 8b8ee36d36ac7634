#!/usr/bin/env bash
# Installs Go where setup-go finds it, with go and gofmt in the PATH.
set -euo pipefail
: "${GO_VERSION:?}" "${GO_URL:?}" "${GO_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
unpack_tool go "${GO_VERSION}" "${GO_URL}" "${GO_SHA256}"
complete_tool
link "${folder}/bin" go gofmt
IFS=. read -r major minor _ <<< "${GO_VERSION}"
variable "GOROOT_${major}_${minor}_${tool_arch^^}" "${folder}"
