#!/usr/bin/env bash
# Installs Eclipse Temurin's JDK where setup-java finds it, with java, javac and jar in the PATH.
set -euo pipefail
: "${JAVA_VERSION:?}" "${JAVA_URL:?}" "${JAVA_SHA256:?}"
# shellcheck source=../files/tools.sh
. /opt/goldrun/tools.sh
# setup-java's name for 21.0.12+8.
unpack_tool Java_Temurin-Hotspot_jdk "${JAVA_VERSION/+/-}" "${JAVA_URL}" "${JAVA_SHA256}"
complete_tool
link "${folder}/bin" java javac jar
variable JAVA_HOME "${folder}"
variable "JAVA_HOME_${JAVA_VERSION%%.*}_${tool_arch^^}" "${folder}"
