"""The files that `limpet install` puts in place, as data: units of systemd, udev's rules, names of NICs, log rotation.

``@LIMPET@`` stands for the command's path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.manage.install import appliance_unit, interface_names
from limpet.manage.install.appliance_unit import APPLIANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = "@LIMPET@"
MARK = "Installed by limpet"
"""In the first line of every file that is ours; only such files are replaced and removed."""

UNIT_FOLDER = "etc/systemd/system"
BOOT, AGENT, FIREWALL = "limpet-boot.service", "limpet-agent.service", "limpet-firewall.service"
WANTED_BY: Mapping[str, str] = {
    BOOT: "multi-user.target",
    AGENT: "multi-user.target",
    FIREWALL: "multi-user.target",
}
"""The services of a plain VM."""
ALIASES = ("walinuxagent.service", "waagent.service")
"""Names under which scripts and handlers know the agent's service. Source: extensions.md §12.3, assumption 18.

As links to our unit they also hide another agent's unit of that name, enabled or not, until they are removed.
"""

_BOOT = f"""\
# {MARK}. Change it by drop-ins: systemctl edit {BOOT}
[Unit]
Description=Provision this Azure VM (limpet)
Documentation=man:limpet(1)
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
# File systems, kernel modules and users are there; devices that udev has not named yet are waited for by the program itself.
After=local-fs.target systemd-remount-fs.service systemd-modules-load.service systemd-sysusers.service systemd-tmpfiles-setup.service
# Key-value pairs reach the hypervisor through this one, where it is installed.
After=hv-kvp-daemon.service hypervkvpd.service hv_kvp_daemon.service
RequiresMountsFor=/etc /var/lib
# The network is handed on when its names, its host name and its lease are settled.
Wants=network-pre.target
Before=network-pre.target
# Nobody logs in with the host keys, users and passwords of an image. (Not ordered before ssh.socket: that comes before
# basic.target, and so may close a circle with the daemon above.)
Before=ssh.service sshd.service
Before={AGENT}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={COMMAND} boot
# A VM that is pre-provisioned waits in its pool for as long as nobody asks for it; every other wait of the program ends by itself.
TimeoutStartSec=infinity
# While the machine starts everything waits for this, and it for nothing of theirs.
StartupCPUWeight=1000
StartupIOWeight=1000
# The console hears of it by the program itself, as log.console says.
StandardOutput=journal
StandardError=journal

[Install]
WantedBy={WANTED_BY[BOOT]}
"""

_AGENT = f"""\
# {MARK}. Change it by drop-ins: systemctl edit {AGENT}
[Unit]
Description=Azure VM agent (limpet)
Documentation=man:limpet(1)
Wants=network-online.target
After=network-online.target {BOOT} {FIREWALL}
# cloud-init's unit has had two names. Source: guest-setup.md §L, defect 26.
After=cloud-init.service cloud-init-network.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={COMMAND} agent
Restart=always
RestartSec=5
# A wrong configuration is not made right by another start.
RestartPreventExitStatus=2
# What handlers have started outlives the agent: its end, its restarts, its updates. Source: extensions.md §12.3, assumption 9.
KillMode=process
TimeoutStopSec=30
Slice=azure.slice
CPUAccounting=yes
MemoryAccounting=yes

[Install]
WantedBy={WANTED_BY[AGENT]}
Alias={" ".join(ALIASES)}
"""

_FIREWALL = f"""\
# {MARK}. Change it by drop-ins: systemctl edit {FIREWALL}
[Unit]
Description=Let only root talk to Azure's wire server (limpet)
Documentation=man:limpet(1)
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
After=local-fs.target systemd-modules-load.service systemd-sysctl.service
# Provisioning comes first; nobody but root is there to talk to the wire server before it has ended.
After={BOOT}
# Rules that others load as a whole would take ours away: they come first.
After=nftables.service netfilter-persistent.service iptables.service
Wants=network-pre.target
Before=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={COMMAND} firewall apply
TimeoutStartSec=2min

[Install]
WantedBy={WANTED_BY[FIREWALL]}
"""

_LOGROTATE = f"""\
# {MARK}. The agent's own log is in the journal, or limits itself; these are the logs of handlers.
/var/log/azure/*/*.log /var/log/azure/*/*/*.log {{
    weekly
    maxsize 10M
    rotate 4
    copytruncate
    compress
    delaycompress
    missingok
    notifempty
}}
"""

# Source: guest-setup.md §0.2, §C.7. Generation 1: the device id of the IDE channel; generation 2: the GUID of the SCSI controller.
_STORAGE = f"""\
# {MARK}. Names for the disks of an Azure VM: /dev/disk/azure/root, resource, scsiN/lunM, each with -partK for its partitions.
ACTION!="add|change", GOTO="limpet_storage_end"
SUBSYSTEM!="block", GOTO="limpet_storage_end"
ENV{{ID_VENDOR}}!="Msft", GOTO="limpet_storage_end"
ENV{{ID_MODEL}}!="Virtual_Disk", GOTO="limpet_storage_end"

ATTRS{{device_id}}=="?00000000-0000-*", ENV{{.LIMPET_DISK}}="root", GOTO="limpet_storage_link"
ATTRS{{device_id}}=="?00000000-0001-*", ENV{{.LIMPET_DISK}}="resource", GOTO="limpet_storage_link"
ATTRS{{device_id}}=="?00000001-0001-*", ENV{{.LIMPET_BUS}}="scsi0"
ATTRS{{device_id}}=="?00000001-0002-*", ENV{{.LIMPET_BUS}}="scsi1"
ATTRS{{device_id}}=="?00000001-0003-*", ENV{{.LIMPET_BUS}}="scsi2"
ATTRS{{device_id}}=="?00000001-0004-*", ENV{{.LIMPET_BUS}}="scsi3"
ATTRS{{device_id}}=="?f8b3781a-1e82-4818-a1c3-63d806ec15bb?", ENV{{.LIMPET_BUS}}="gen2"
ATTRS{{device_id}}=="?f8b3781b-1e82-4818-a1c3-63d806ec15bb?", ENV{{.LIMPET_BUS}}="scsi1"
ATTRS{{device_id}}=="?f8b3781c-1e82-4818-a1c3-63d806ec15bb?", ENV{{.LIMPET_BUS}}="scsi2"
ATTRS{{device_id}}=="?f8b3781d-1e82-4818-a1c3-63d806ec15bb?", ENV{{.LIMPET_BUS}}="scsi3"
ENV{{.LIMPET_BUS}}!="?*", GOTO="limpet_storage_end"

# The logical unit is the fourth number of the SCSI address.
PROGRAM="/bin/sh -c 'readlink /sys/class/block/%k/device /sys/class/block/%k/../device | head -n 1 | cut -s -d : -f 4'", ENV{{.LIMPET_LUN}}="%c"
ENV{{.LIMPET_LUN}}!="?*", GOTO="limpet_storage_end"
ENV{{.LIMPET_BUS}}=="gen2", ENV{{.LIMPET_LUN}}=="0", ENV{{.LIMPET_DISK}}="root", GOTO="limpet_storage_link"
ENV{{.LIMPET_BUS}}=="gen2", ENV{{.LIMPET_LUN}}=="1", ENV{{.LIMPET_DISK}}="resource", GOTO="limpet_storage_link"
ENV{{.LIMPET_BUS}}=="gen2", ENV{{.LIMPET_LUN}}=="2", GOTO="limpet_storage_end"
ENV{{.LIMPET_BUS}}=="gen2", ENV{{.LIMPET_BUS}}="scsi0"
ENV{{.LIMPET_DISK}}="$env{{.LIMPET_BUS}}/lun$env{{.LIMPET_LUN}}"

LABEL="limpet_storage_link"
ENV{{DEVTYPE}}=="partition", PROGRAM="/bin/sh -c 'cat /sys/class/block/%k/partition'", SYMLINK+="disk/azure/$env{{.LIMPET_DISK}}-part%c"
ENV{{DEVTYPE}}=="disk", SYMLINK+="disk/azure/$env{{.LIMPET_DISK}}"

LABEL="limpet_storage_end"
"""

_EVERYWHERE: Mapping[str, str] = {
    "etc/logrotate.d/limpet": _LOGROTATE,
    "etc/udev/rules.d/66-limpet-azure-storage.rules": _STORAGE,
    **interface_names.files(MARK),
}
_PLAIN: Mapping[str, str] = {
    f"{UNIT_FOLDER}/{BOOT}": _BOOT,
    f"{UNIT_FOLDER}/{AGENT}": _AGENT,
    f"{UNIT_FOLDER}/{FIREWALL}": _FIREWALL,
}
_APPLIANCE: Mapping[str, str] = {
    f"{UNIT_FOLDER}/{APPLIANCE}": appliance_unit.UNIT_TEXT.format(mark=MARK, unit=APPLIANCE, command=COMMAND)
}


CONFIGURATION = "etc/limpet.toml"
CONFIGURATION_TEXT = f"""\
# {MARK}. `limpet config show` says what is in effect and why; docs/settings.md has every setting.
#
# [goal_state]
# period = 6
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """What a machine is to limpet. wanted_by: its services, in no order, with the target that starts each.

    main: the one that other agents' names lead to. starts: those that are started when it is installed, in order.
    """

    name: str
    units: Mapping[str, str]
    wanted_by: Mapping[str, str]
    main: str
    starts: tuple[str, ...]

    def files(self, command: str) -> Mapping[str, bytes]:
        """Every file, by its path below the root, with the command's path in it."""
        every = {**self.units, **_EVERYWHERE}
        return {path: text.replace(COMMAND, command).encode() for path, text in every.items()}

    def links(self) -> Mapping[str, str]:
        """The links that enable the services, and those that hide the peers' units, with what they lead to."""
        found = {
            f"{UNIT_FOLDER}/{target}.wants/{unit}": f"/{UNIT_FOLDER}/{unit}"
            for unit, target in self.wanted_by.items()
        }
        return found | {f"{UNIT_FOLDER}/{alias}": f"/{UNIT_FOLDER}/{self.main}" for alias in ALIASES}


VM = Role(name="plain VM", units=_PLAIN, wanted_by=WANTED_BY, main=AGENT, starts=(FIREWALL, AGENT))
SUPERVISED = Role(
    name="appliance",
    units=_APPLIANCE,
    wanted_by={APPLIANCE: "multi-user.target"},
    main=APPLIANCE,
    # It takes the NICs: that is for the next start of the machine, not for the moment of installing.
    starts=(),
)
ROLES = (VM, SUPERVISED)
