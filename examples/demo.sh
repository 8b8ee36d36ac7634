#!/usr/bin/env bash
# The main job from start to end on the local cloud: up, look both images up as the guide does, list, get a spot
# instance and see it gone again, down.
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

say 'goldrun spot ls --cpu 8 --arch amd64 --limit 3'
goldrun spot ls --cpu 8 --arch amd64 --limit 3
ALIYUN_IMAGE_ID=$(goldrun image id github-runner-ubuntu24 --arch amd64 --quiet)
export ALIYUN_IMAGE_ID
say "ALIYUN_IMAGE_ID=$ALIYUN_IMAGE_ID python3 .github/scripts/create-spot-instance.py"
INSTANCE=$(python3 .github/scripts/create-spot-instance.py)
echo "$INSTANCE"
say 'goldrun instance ls'
goldrun instance ls
say "goldrun instance rm --yes ${INSTANCE#INSTANCE_ID=}"
goldrun instance rm --yes "${INSTANCE#INSTANCE_ID=}"
say 'goldrun sweep'
goldrun sweep
say 'goldrun local down'
