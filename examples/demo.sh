#!/usr/bin/env bash
# The main job from start to end on the local cloud: up, look both images up as the guide does, list, down.
# Usage: demo.sh FOLDER-OF-THE-GOLDRUN-COMMAND
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$1:$PATH"

folder=$(mktemp -d)
export GOLDRUN_LOCAL_DATA="$folder/demo.db"
trap 'goldrun --quiet local down; rm -rf "$folder"' EXIT

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[[ -t 1 && -z "${NO_COLOR:-}" ]] || say() { printf '\n$ %s\n' "$*"; }

say 'goldrun local up --detach --port 0 --seed'
goldrun local up --detach --port 0 --seed
# shellcheck disable=SC2016 # shown, not run
say 'eval "$(goldrun local env)"'
eval "$(goldrun local env)"

for ARCH in amd64 arm64; do
  export ARCH IMAGE_NAME="github-runner-ubuntu24-$ARCH-latest"
  say "IMAGE_NAME=$IMAGE_NAME ARCH=$ARCH python3 .github/scripts/get-image-id-by-name.py"
  python3 .github/scripts/get-image-id-by-name.py
done
unset ARCH IMAGE_NAME

say 'goldrun image id github-runner-ubuntu24 --arch arm64 --quiet'
goldrun image id github-runner-ubuntu24 --arch arm64 --quiet
say 'goldrun image ls --all'
goldrun image ls --all
say 'goldrun image id github-runner-ubuntu24-arm64-latest --arch amd64    # and why not'
goldrun image id github-runner-ubuntu24-arm64-latest --arch amd64 || echo "(exit code $?)"
say 'goldrun local down'
