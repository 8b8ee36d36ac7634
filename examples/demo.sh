#!/usr/bin/env bash
# Shows goldrun on the local cloud, from start to end: find both images of the guide, list images, launch a spot
# instance and delete it, run a GitHub Actions job on a runner that deletes itself.
# Usage: demo.sh FOLDER-OF-THE-GOLDRUN-COMMAND
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1 before=$PATH
export PATH="$bin:$PATH"

folder=$(mktemp -d)
export GOLDRUN_LOCAL_DATA="$folder/demo.db" XDG_CACHE_HOME="$folder/cache"
trap 'goldrun --quiet local down; rm -rf "$folder"' EXIT

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
[[ -t 1 && -z "${NO_COLOR:-}" ]] || say() { printf '\n$ %s\n' "$*"; }

say 'goldrun local up --detach --port 0 --seed --run-jobs-here'
goldrun local up --detach --port 0 --seed --run-jobs-here
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
say 'goldrun image id github-runner-ubuntu24-arm64-latest --arch amd64    # explains why not'
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
INSTANCE=$(tail -1 <<< "$INSTANCE")
say "goldrun instance rm --yes $INSTANCE"
goldrun instance rm --yes "$INSTANCE"

echo 'echo "hello from the job"' > "$folder/job.sh"
export ALIYUN_ECS_SELF_DESTRUCT_ROLE_NAME=self-destruct
say 'goldrun local clock --speed 20    # instances boot in seconds'
goldrun local clock --speed 20
say 'goldrun runner up --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64'
RUNNER=$(goldrun runner up --repo octo-org/octo-repo --image github-runner-ubuntu24 --arch amd64)
echo "$RUNNER"
NAME=$(sed -n 's/^RUNNER_NAME=//p' <<< "$RUNNER")
say "goldrun local job job.sh --repo octo-org/octo-repo --label $NAME --wait"
goldrun local job "$folder/job.sh" --repo octo-org/octo-repo --label "$NAME" --wait
say "goldrun runner down $NAME --repo octo-org/octo-repo --missing-ok --yes"
goldrun runner down "$NAME" --repo octo-org/octo-repo --missing-ok --yes
say 'goldrun sweep --repo octo-org/octo-repo --yes'
goldrun sweep --repo octo-org/octo-repo --yes
say 'goldrun local down'

# Where it is: the environment of this checkout is not on the PATH.
if [[ $(PATH=$before command -v goldrun) != "$bin/goldrun" ]]; then
  # shellcheck disable=SC2016 # shown, not expanded
  printf '\nThis shell does not find goldrun yet: export PATH="%s:$PATH"\n' "$bin"
fi
