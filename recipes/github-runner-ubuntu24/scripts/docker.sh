#!/usr/bin/env bash
# Installs the pinned Docker engine with buildx and compose, from Docker's packages or a mirror.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
: "${DOCKER_VERSION:?}" "${CONTAINERD_VERSION:?}" "${BUILDX_VERSION:?}" "${COMPOSE_VERSION:?}"
: "${DOCKER_MIRROR:=https://download.docker.com}" "${DOCKER_KEY:?}"
# shellcheck source=/dev/null
. /etc/os-release

install -m 0755 -d /etc/apt/keyrings
curl -fsSL --retry 5 "${DOCKER_MIRROR}/linux/${ID}/gpg" -o /etc/apt/keyrings/docker.asc
GNUPGHOME=$(mktemp -d)
export GNUPGHOME
# A mirror must serve Docker's own signing key, and no other beside it: apt would trust every key in the file.
keys=$(gpg --show-keys --with-colons /etc/apt/keyrings/docker.asc | awk -F: '$1 == "pub" {new = 1} $1 == "fpr" && new {print $10; new = 0}')
[[ "${keys}" == "${DOCKER_KEY}" ]] || {
  echo "error: ${DOCKER_MIRROR} signs with ${keys:-no key}, not with ${DOCKER_KEY}" >&2
  exit 1
}
echo "deb [arch=$(dpkg --print-architecture) signed-by=/etc/apt/keyrings/docker.asc] \
${DOCKER_MIRROR}/linux/${ID} ${VERSION_CODENAME} stable" > /etc/apt/sources.list.d/docker.list

apt-get update -q
apt-get install -qy --no-install-recommends \
  "docker-ce=${DOCKER_VERSION}" "docker-ce-cli=${DOCKER_VERSION}" "containerd.io=${CONTAINERD_VERSION}" \
  "docker-buildx-plugin=${BUILDX_VERSION}" "docker-compose-plugin=${COMPOSE_VERSION}"
systemctl enable --now docker
usermod -aG docker runner
