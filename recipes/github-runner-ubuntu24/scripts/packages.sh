#!/usr/bin/env bash
# Installs common tools from the system's packages.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

# The first boot may still be in progress.
command -v cloud-init > /dev/null && cloud-init status --wait || true

if [[ -n "${APT_MIRROR:-}" && -e /etc/apt/sources.list.d/ubuntu.sources ]]; then
  sed -i "s#https\?://[a-z.]*ubuntu.com#${APT_MIRROR}#; s#https\?://[a-z.]*aliyuncs.com#${APT_MIRROR}#" \
    /etc/apt/sources.list.d/ubuntu.sources
fi

# The runner needs ICU, whose package is named after its version: Ubuntu 24.04 has libicu74.
apt-get update -q
icu=$(apt-cache --names-only search '^libicu[0-9]+$' | sort -V | tail -n 1 | cut -d ' ' -f 1)
apt-get install -qy --no-install-recommends \
  bzip2 ca-certificates curl file git git-lfs gnupg jq "${icu:?the archive has no libicu}" less openssh-client \
  python3 python3-venv procps rsync sudo tar unzip wget xz-utils zip zstd

# Unattended upgrades would hold apt's lock during a job.
systemctl disable --now unattended-upgrades.service apt-daily.timer apt-daily-upgrade.timer || true
