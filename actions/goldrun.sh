#!/usr/bin/env bash
# Runs goldrun from the action's own checkout. The first call in a job installs its dependencies, pinned by hash.
#
# The environment contains keys, and the workspace may contain an untrusted pull request. So nothing is used from the
# workspace: no program (PATH), no module (python3 -I), no pip configuration. The caller may choose where packages are
# downloaded from; the lock file decides what they are.
set -euo pipefail

IFS=: read -ra folders <<< "${PATH}"
outside=
for folder in "${folders[@]}"; do
  [[ "${folder}" != /* || "${folder}/" == "${GITHUB_WORKSPACE:-${PWD}}/"* ]] || outside+="${outside:+:}${folder}"
done
PATH=${outside}
for name in "${!PIP_@}"; do
  [[ "${name}" =~ ^PIP_(INDEX_URL|CERT|PROXY)$ ]] || unset "${name}"
done

root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
# Builds and scans need more than what every job waits for; a statement comes after a build.
lock=action
[[ ! "${1:-} ${2:-}" =~ ^image\ (build|scan|statement)$ ]] || lock=build
packages=${RUNNER_TEMP:?is set inside GitHub Actions}/goldrun-packages-${lock}

python3 -I "${root}/tools/check_python.py"
if [[ ! -e "${packages}/.complete" ]]; then
  python3 -I -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: \
    --target "${packages}" -r "${root}/requirements/${lock}.lock"
  touch "${packages}/.complete"
fi
exec python3 -I -c 'import sys
sys.path[:0] = sys.argv[1:3]
sys.argv[:3] = ["goldrun"]
from goldrun.cli.main import run
run()' "${packages}" "${root}/src" "$@"
