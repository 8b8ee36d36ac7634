#!/usr/bin/env bash
# Installs common tools from Ubuntu's packages.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

# The first boot may still be in progress.
command -v cloud-init > /dev/null && cloud-init status --wait || true

if [[ -n "${APT_MIRROR:-}" ]]; then
  sed -i "s#https\?://[a-z.]*ubuntu.com#${APT_MIRROR}#; s#https\?://[a-z.]*aliyuncs.com#${APT_MIRROR}#" \
    /etc/apt/sources.list.d/ubuntu.sources
fi

apt-get update -q
apt-get install -qy --no-install-recommends \
  build-essential ca-certificates curl git git-lfs gnupg jq libicu74 openssh-client \
  python3 python3-venv rsync sudo tar unzip wget xz-utils zip zstd

# Unattended upgrades would hold apt's lock during a job.
systemctl disable --now unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer || true
