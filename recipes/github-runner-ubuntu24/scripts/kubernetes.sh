#!/usr/bin/env bash
# Installs kubectl and Helm.
set -euo pipefail
: "${KUBECTL_VERSION:?}" "${KUBECTL_URL:?}" "${KUBECTL_SHA256:?}" "${HELM_VERSION:?}" "${HELM_URL:?}" "${HELM_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
fetch "${KUBECTL_URL}" "${KUBECTL_SHA256}" kubectl
install -m 0755 "${work}/kubectl" /usr/local/bin/kubectl
fetch "${HELM_URL}" "${HELM_SHA256}" helm.tar.gz
tar -xzf "${work}/helm.tar.gz" -C "${work}" --strip-components=1
install -m 0755 "${work}/helm" /usr/local/bin/helm
