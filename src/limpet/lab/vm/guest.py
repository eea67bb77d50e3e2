"""What every test VM has besides its agent: a shell for the lab on the second serial port, and a stand-in for VMBus.

An emulated machine has no VMBus, by whose device ids agents find the resource disk. The stand-in gives the second SCSI
disk the ids of a generation 1 VM (or of generation 2, by the kernel argument ``limpet.lab.vmbus=2``) in an overlay over
/sys/bus, and the links that udev makes on Azure. All agents find the same. Source: guest-setup.md §A.10.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = "/usr/lib/limpet-lab"
SHELL_PORT = "/dev/ttyS1"
GENERATION_ARGUMENT = "limpet.lab.vmbus"
RESOURCE_IDS = {1: "00000000-0001-8899-0000-000000000000", 2: "f8b3781a-1e82-4818-a1c3-63d806ec15bb"}
OS_IDS = {1: "00000000-0000-8899-0000-000000000000", 2: RESOURCE_IDS[2]}
"""VMBus device ids of the controllers that hold the disks. Source: guest-setup.md §0.2."""

# One line for each command: its number, its time limit in seconds, itself in base64. One line for each answer: its number,
# the exit code, stdout and stderr in base64, behind an @.
SHELL = f"""\
#!/bin/sh
exec 3<>{SHELL_PORT}
stty raw -echo <&3
out=$(mktemp /run/limpet-lab-out.XXXXXX); err=$(mktemp /run/limpet-lab-err.XXXXXX)
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb
cd /
echo "@boot $(cat /proc/sys/kernel/random/boot_id)" >&3
while read -r number limit script <&3; do
  timeout --kill-after=2 "$limit" sh -c "$(echo "$script" | base64 -d)" >"$out" 2>"$err" </dev/null 3<&-
  echo "@$number $? $(base64 -w0 "$out"). $(base64 -w0 "$err")." >&3
done
"""
SHELL_UNIT = f"""\
[Unit]
Description=Commands from the lab
DefaultDependencies=no
After=systemd-remount-fs.service systemd-tmpfiles-setup-dev.service
IgnoreOnIsolate=yes

[Service]
ExecStart={FOLDER}/shell
Restart=always

[Install]
WantedBy=sysinit.target
"""

VMBUS = f"""\
#!/bin/sh
# The disks are LUN 0 and LUN 1 of the one controller; they may appear late and in any order.
set -e
generation=1
case " $(cat /proc/cmdline) " in *" {GENERATION_ARGUMENT}=2 "*) generation=2;; esac
tree=/run/limpet-lab/bus; devices=$tree/upper/vmbus/devices
mkdir -p $tree/upper $tree/work
mount -t tmpfs -o mode=0755 limpet-lab $tree
mkdir -p $devices $tree/work
add() {{  # add GUID LUN
  tries=0
  until set -- "$1" "$2" /sys/bus/scsi/devices/*:0:0:"$2"/block/*; [ -e "$3" ]; do
    [ $tries -lt 100 ] || return 0
    sleep 0.05; tries=$((tries + 1))
  done
  scsi=$(dirname "$(dirname "$3")"); address=$(basename "$scsi"); host=${{address%%:*}}
  place="$devices/$1"; mkdir -p "$place/host$host/target$host:0:0/$address"
  echo "{{$1}}" > "$place/device_id"
  ln -sfn /sys/bus/vmbus/drivers/hv_storvsc "$place/driver"
  [ $generation = 1 ] && echo '{{32412632-86cb-44a2-9b5c-50d1417354f5}}' > "$place/class_id"
  [ $generation = 2 ] && echo '{{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}}' > "$place/class_id"
  mkdir -p "$place/host$host/target$host:0:0/$address/block/${{3##*/}}"
}}
if [ $generation = 1 ]; then
  add {OS_IDS[1]} 0; add {RESOURCE_IDS[1]} 1
else
  add {RESOURCE_IDS[2]} 0; add {RESOURCE_IDS[2]} 1
fi
mount -t overlay -o lowerdir=/sys/bus,upperdir=$tree/upper,workdir=$tree/work limpet-lab /sys/bus
"""
VMBUS_UNIT = f"""\
[Unit]
Description=A stand-in for VMBus
DefaultDependencies=no
After=systemd-udevd.service systemd-remount-fs.service
Before=sysinit.target local-fs-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={FOLDER}/vmbus

[Install]
WantedBy=sysinit.target
"""

_DISK = 'SUBSYSTEM=="block", KERNEL=="sd*", SUBSYSTEMS=="scsi"'
UDEV_RULES = "".join(
    f'{_DISK}, KERNELS=="*:0:0:{lun}", ENV{{DEVTYPE}}=="{kind}", '
    f'SYMLINK+="disk/azure/{name}{suffix} disk/cloud/azure_{name}{suffix}"\n'
    for lun, name in ((0, "root"), (1, "resource"))
    for kind, suffix in (("disk", ""), ("partition", "-part%n"))
)

GUEST_FILES: Mapping[str, str] = {
    f"{FOLDER}/shell": SHELL,
    f"{FOLDER}/vmbus": VMBUS,
    "/etc/systemd/system/limpet-lab-shell.service": SHELL_UNIT,
    "/etc/systemd/system/limpet-lab-vmbus.service": VMBUS_UNIT,
    "/etc/udev/rules.d/66-limpet-lab-disks.rules": UDEV_RULES,
    "/etc/hostname": "debian\n",
    "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 debian\n",
    # The hypervisor's daemon makes it on the platform, where there is something to talk to.
    "/var/lib/hyperv/.kvp_pool_1": "",
    "/etc/fstab": "LABEL=root / ext4 defaults 0 1\n",
    "/etc/default/locale": "LANG=C.UTF-8\n",
}
GUEST_UNITS = ("limpet-lab-shell.service", "limpet-lab-vmbus.service")
