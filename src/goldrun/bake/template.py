"""The recipe that ``goldrun recipe init`` writes: small, complete and working."""

from __future__ import annotations

_RECIPE = """\
# How the image FAMILY is made. `goldrun recipe check` reports every mistake with its line.
family = "FAMILY"
description = "Ubuntu 24.04 with jq"

[base]  # the image family that each architecture starts from
amd64 = "acs:ubuntu_24_04_x64"
arm64 = "acs:ubuntu_24_04_arm64"

[versions]  # pinned; scripts get them as JQ_VERSION and so on, and a change rebuilds
jq = "1.7"

[[files]]
source = "files/motd"
target = "/etc/motd"
mode = "0644"

[[steps]]  # bash, as root, in this order
name = "Install jq"
script = "scripts/install.sh"
timeout = "10m"

[[tests]]  # on the builder, before the image is made
name = "jq runs"
command = "jq --version"

[[smoke]]  # on an instance that was booted from the image
name = "jq is in the image"
command = "echo '{\\"a\\": 1}' | jq .a"

[builder]
cpu = "2.."
memory = "4.."
disk = 40

[retention]
keep = 2
"""
_INSTALL = """\
#!/usr/bin/env bash
# Runs as root on the builder. ARCH, FAMILY and the pinned versions are in the environment.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

apt-get update -q
apt-get install -qy jq
echo "wanted jq ${JQ_VERSION}, got $(jq --version)"
"""
TEMPLATE: dict[str, str] = {
    "recipe.toml": _RECIPE,
    "scripts/install.sh": _INSTALL,
    "files/motd": "FAMILY: made by goldrun\n",
}
