#!/usr/bin/env bash
# Fetches a file to the builder, and puts it there once its checksum is right.
set -euo pipefail
: "${URL:?}" "${SHA256:?}" "${TARGET:?}" "${MODE:?}" "${OWNER:?}"
file=$(mktemp)
trap 'rm -f "${file}"' EXIT
curl --fail --silent --show-error --location --proto-redir =https --retry 5 "${URL}" --output "${file}"
echo "${SHA256}  ${file}" | sha256sum --check --quiet
install -D --mode "${MODE}" --owner "${OWNER}" "${file}" "${TARGET}"
echo "${TARGET}: $(stat --format %s "${TARGET}") bytes, checksum right"
