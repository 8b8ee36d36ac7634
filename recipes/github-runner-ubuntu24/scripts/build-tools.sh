#!/usr/bin/env bash
# Installs compilers and what native modules of Node, Python and Go want, from the system's packages.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get install -qy --no-install-recommends \
  autoconf automake bison build-essential cmake flex libffi-dev libssl-dev libtool ninja-build pkg-config zlib1g-dev
