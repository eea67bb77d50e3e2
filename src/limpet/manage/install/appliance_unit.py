"""The service of an appliance: the supervisor, which runs everything else."""

from __future__ import annotations

APPLIANCE = "limpet-appliance.service"

UNIT_TEXT = """\
# {mark}. Change it by drop-ins: systemctl edit {unit}
[Unit]
Description=Azure appliance: boot, handover, guest shell (limpet)
Documentation=man:limpet(1)
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
After=local-fs.target systemd-remount-fs.service systemd-modules-load.service systemd-sysusers.service systemd-tmpfiles-setup.service
RequiresMountsFor=/etc /var/lib
# It is ready when the boot stage has ended: nobody logs in with the keys of an image, no other service takes the NICs first.
Wants=network-pre.target
Before=network-pre.target ssh.service sshd.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={command} appliance run
TimeoutStartSec=infinity
Restart=always
RestartSec=1
# A wrong configuration is not made right by another start.
RestartPreventExitStatus=2
# Network OS and guest shell go on while the supervisor is started anew.
KillMode=process
TimeoutStopSec=60
Delegate=yes
# While the machine starts everything waits for this, and it for nothing of theirs.
StartupCPUWeight=1000
StartupIOWeight=1000
StandardOutput=journal
StandardError=journal

[Install]
WantedBy=multi-user.target
"""
