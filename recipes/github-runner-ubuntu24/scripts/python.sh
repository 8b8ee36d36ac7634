#!/usr/bin/env bash
# Installs a relocatable build of Python where setup-python finds it. python3 in the PATH stays the system's.
set -euo pipefail
: "${PYTHON_VERSION:?}" "${PYTHON_URL:?}" "${PYTHON_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
# 3.13.15+20260814 is Python 3.13.15, built that day.
unpack_tool Python "${PYTHON_VERSION%%+*}" "${PYTHON_URL}" "${PYTHON_SHA256}"
# setup-python runs python, whatever the archive names it.
[[ -e "${folder}/bin/python" ]] || ln -s python3 "${folder}/bin/python"
complete_tool
