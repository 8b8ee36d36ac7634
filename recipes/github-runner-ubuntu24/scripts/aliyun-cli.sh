#!/usr/bin/env bash
# Installs the official Alibaba Cloud CLI, at a pinned version, with a verified checksum.
set -euo pipefail
: "${ALIYUN_CLI_VERSION:?}" "${ALIYUN_CLI_MIRROR:=https://aliyuncli.alicdn.com}" "${ARCH:?}"

folder=$(mktemp -d)
trap 'rm -rf "${folder}"' EXIT
file="aliyun-cli-linux-${ALIYUN_CLI_VERSION}-${ARCH}.tgz"
curl -fsSL --retry 5 "${ALIYUN_CLI_MIRROR}/${file}" -o "${folder}/${file}"

# The checksum comes from the recipe or from the release at GitHub, never from the place that has the file.
expected=$(awk -v file="${file}" '$2 == file { print $1 }' /opt/goldrun/checksums)
if [[ -z "${expected}" ]]; then
  expected=$(curl -fsSL --retry 5 "https://api.github.com/repos/aliyun/aliyun-cli/releases/tags/v${ALIYUN_CLI_VERSION}" \
    | jq -er --arg file "${file}" '.assets[] | select(.name == $file) | .digest' | sed 's/^sha256://')
fi
echo "${expected}  ${folder}/${file}" | sha256sum --check --quiet
tar -xzf "${folder}/${file}" -C "${folder}"
install -m 0755 "${folder}/aliyun" /usr/local/bin/aliyun
