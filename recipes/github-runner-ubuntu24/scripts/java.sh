#!/usr/bin/env bash
# Installs Eclipse Temurin's JDK where setup-java finds it, with java, javac and jar in the PATH.
set -euo pipefail
: "${JAVA_VERSION:?}" "${JAVA_URL:?}" "${JAVA_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
archive=$(workspace)
trap 'rm -rf "${archive}"' EXIT
fetch "${JAVA_URL}" "${JAVA_SHA256}" "${archive}/jdk.tar.gz"
# setup-java's name for 21.0.12+8.
folder=$(tool_folder Java_Temurin-Hotspot_jdk "${JAVA_VERSION/+/-}")
tar -xzf "${archive}/jdk.tar.gz" -C "${folder}" --strip-components=1 --no-same-owner
tool_complete "${folder}"
link "${folder}/bin" java javac jar
variable JAVA_HOME "${folder}"
variable "JAVA_HOME_${JAVA_VERSION%%.*}_${tool_arch^^}" "${folder}"
