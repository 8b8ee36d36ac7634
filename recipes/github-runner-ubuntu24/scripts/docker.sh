#!/usr/bin/env bash
# Installs the Docker engine with buildx and compose, from Docker's packages or a mirror.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
: "${DOCKER_MIRROR:=https://download.docker.com}"

install -m 0755 -d /etc/apt/keyrings
curl -fsSL --retry 5 "${DOCKER_MIRROR}/linux/ubuntu/gpg" -o /etc/apt/keyrings/docker.asc
# A mirror must serve Docker's own signing key.
gpg --show-keys --with-colons /etc/apt/keyrings/docker.asc | grep -q '^fpr:*9DC858229FC7DD38854AE2D88D81803C0EBFCD88:'

# shellcheck source=/dev/null
. /etc/os-release
echo "deb [arch=$(dpkg --print-architecture) signed-by=/etc/apt/keyrings/docker.asc] \
${DOCKER_MIRROR}/linux/ubuntu ${VERSION_CODENAME} stable" > /etc/apt/sources.list.d/docker.list

apt-get update -q
apt-get install -qy --no-install-recommends \
  docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin
systemctl enable --now docker
