#!/usr/bin/env bash
# Runs goldrun from the same checkout as the action; installs its dependencies the first time in a job, pinned by hash.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=${RUNNER_TEMP:?is set inside GitHub Actions}/goldrun-packages

python3 "${root}/tools/check_python.py"
if [[ ! -e "${packages}/.complete" ]]; then
  python3 -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: \
    --target "${packages}" -r "${root}/requirements/action.lock"
  touch "${packages}/.complete"
fi
PYTHONPATH="${packages}:${root}/src" exec python3 -m goldrun.cli.main "$@"
