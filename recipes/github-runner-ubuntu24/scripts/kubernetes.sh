#!/usr/bin/env bash
# Installs kubectl and Helm.
set -euo pipefail
: "${KUBECTL_VERSION:?}" "${KUBECTL_URL:?}" "${KUBECTL_SHA256:?}" "${HELM_VERSION:?}" "${HELM_URL:?}" "${HELM_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
folder=$(workspace)
trap 'rm -rf "${folder}"' EXIT
fetch "${KUBECTL_URL}" "${KUBECTL_SHA256}" "${folder}/kubectl"
install -m 0755 "${folder}/kubectl" /usr/local/bin/kubectl
fetch "${HELM_URL}" "${HELM_SHA256}" "${folder}/helm.tar.gz"
tar -xzf "${folder}/helm.tar.gz" -C "${folder}" --strip-components=1
install -m 0755 "${folder}/helm" /usr/local/bin/helm
