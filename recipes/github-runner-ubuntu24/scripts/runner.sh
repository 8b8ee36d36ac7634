#!/usr/bin/env bash
# Installs GitHub's runner under /home/runner/actions-runner, with a verified checksum.
set -euo pipefail
: "${RUNNER_VERSION:?}" "${RUNNER_MIRROR:=https://github.com/actions/runner/releases/download}" "${ARCH:?}"

kind=x64
[[ "${ARCH}" == arm64 ]] && kind=arm64
file="actions-runner-linux-${kind}-${RUNNER_VERSION}.tar.gz"
folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
curl -fsSL --retry 5 "${RUNNER_MIRROR}/v${RUNNER_VERSION}/${file}" -o "${folder}/${file}"

# The checksum comes from the recipe or from GitHub's release, never from the mirror.
expected=$(awk -v file="${file}" '$2 == file { print $1 }' /opt/goldrun/checksums)
if [[ -z "${expected}" ]]; then
  expected=$(curl -fsSL --retry 5 "https://api.github.com/repos/actions/runner/releases/tags/v${RUNNER_VERSION}" \
    | jq -er --arg file "${file}" '.assets[] | select(.name == $file) | .digest' | sed 's/^sha256://')
fi
echo "${expected}  ${folder}/${file}" | sha256sum --check --quiet

install -d -o runner -g runner /home/runner/actions-runner
tar -xzf "${folder}/${file}" -C /home/runner/actions-runner
/home/runner/actions-runner/bin/installdependencies.sh
# What the runner sets for every job; it is not started by a login, which would read /etc/environment.
grep -v '^PATH=' /etc/environment > /home/runner/actions-runner/.env
chown -R runner:runner /home/runner
