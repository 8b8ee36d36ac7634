#!/bin/bash
# Lets this instance be stopped before it has a runner: when it is started again, it begins anew. Run as root.
set -euo pipefail

cloud-init status --wait > /dev/null 2>&1 || true # what it still writes would be lost
cat > /etc/systemd/system/goldrun-again.service <<'END'
[Unit]
Description=A runner for one job
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/bash /var/lib/cloud/instance/scripts/part-001

[Install]
WantedBy=multi-user.target
END
test -s /var/lib/cloud/instance/scripts/part-001
systemctl enable --quiet goldrun-again.service
# The self-destruct lets a system go that shuts down with this mark, which does not outlive it.
: > /run/goldrun/parked
sync
