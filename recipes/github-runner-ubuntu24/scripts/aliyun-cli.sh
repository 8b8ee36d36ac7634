#!/usr/bin/env bash
# Installs the official Alibaba Cloud CLI, at a pinned version.
set -euo pipefail
: "${ALIYUN_CLI_VERSION:?}" "${ALIYUN_CLI_MIRROR:=https://aliyuncli.alicdn.com}" "${ARCH:?}"

folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
file="aliyun-cli-linux-${ALIYUN_CLI_VERSION}-${ARCH}.tgz"
curl -fsSL --retry 5 "${ALIYUN_CLI_MIRROR}/${file}" -o "${folder}/${file}"

# A checksum in the recipe must match. Without one, print the checksum so that it can be added.
expected=$(awk -v file="${file}" '$2 == file { print $1 }' /opt/goldrun/checksums)
if [[ -n "${expected}" ]]; then
  echo "${expected}  ${folder}/${file}" | sha256sum --check --quiet
else
  echo "no checksum for ${file} in files/checksums: $(sha256sum "${folder}/${file}" | cut -d' ' -f1)"
fi
tar -xzf "${folder}/${file}" -C "${folder}"
install -m 0755 "${folder}/aliyun" /usr/local/bin/aliyun
