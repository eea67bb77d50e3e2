"""What VMs consist of: Debian with ours, with its cloud-init, or with its waagent. Values; `image` builds them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from limpet.lab.recipes import DISTURBING, Recipe
from limpet.lab.vm.guest import GUEST_FILES, GUEST_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_ITS_OWN = ("getty-static.service", "getty.target", "systemd-udevd.service")
"""What a VM may have though a namespace may not: it has consoles and devices of its own."""

BASE = Recipe(
    packages=(
        "ca-certificates",
        "dbus",
        "e2fsprogs",
        "fdisk",
        "iproute2",
        "iptables",
        "kmod",
        "libpam-systemd",
        "login",
        "mount",
        "netbase",
        "nftables",
        "openssh-server",
        "openssl",
        "parted",
        "passwd",
        "procps",
        "python3",
        "sudo",
        "systemd",
        "systemd-sysv",
        "udev",
        "util-linux",
        "xfsprogs",
    ),
    enabled=("ssh.service",),
    masked=tuple(unit for unit in DISTURBING if unit not in OF_ITS_OWN),
)
"""A Debian 12 as it stands on a virtual disk, without any agent."""

NETWORKD = {
    "/etc/systemd/network/20-azure.network": """\
[Match]
Name=eth*

[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no

[DHCPv4]
RequestOptions=245
ClientIdentifier=mac
""",
    # A second NIC may have no network at all.
    "/etc/systemd/system/systemd-networkd-wait-online.service.d/any.conf": """\
[Service]
ExecStart=
ExecStart=/lib/systemd/systemd-networkd-wait-online --any
""",
}
IFUPDOWN = {
    "/etc/network/interfaces": """\
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet dhcp
""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class VmImage:
    """name: short, for files. files: by path, put over the recipe's tree; those that begin with ``#!`` can be run.

    units: enabled when the files are there. limpet: whether limpet is installed from its wheel. host_keys: whether it was
    left with ssh host keys, which its first boot is to replace. settings: changes to its waagent.conf. appliance: whether
    limpet is the supervisor of an appliance there, with the image of a guest shell.
    """

    name: str
    recipe: Recipe
    files: Mapping[str, str] = field(hash=False)
    units: tuple[str, ...]
    limpet: bool = False
    host_keys: bool = False
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)
    appliance: bool = False


PLAIN = VmImage(
    name="plain",
    recipe=BASE,
    files={**GUEST_FILES, **NETWORKD},
    units=(*GUEST_UNITS, "systemd-networkd.service"),
)
"""No agent at all."""

LIMPET = VmImage(name="limpet", recipe=PLAIN.recipe, files=PLAIN.files, units=PLAIN.units, limpet=True)
"""limpet as it is installed, and nothing else that provisions."""

SAME_KEYS = """\
[ssh]
host_key_types = "ed25519,ecdsa,rsa"
"""
LIMPET_SAME_KEYS = replace(
    LIMPET, name="limpet-same-keys", files={**LIMPET.files, "/etc/limpet.toml": SAME_KEYS}
)
"""The same, told to make the ssh host keys that Debian's waagent makes: an RSA key is most of the work."""

CLOUD_INIT = VmImage(
    name="cloud-init",
    recipe=BASE.with_packages("cloud-init", "eject", "isc-dhcp-client", "netcat-openbsd"),
    files={
        **GUEST_FILES,
        "/etc/cloud/cloud.cfg.d/91-azure.cfg": "datasource_list: [ Azure ]\n",
    },
    units=(*GUEST_UNITS, "systemd-networkd.service"),
)
"""Debian's cloud-init, which brings the network up itself; it has only one source to look at."""

WAAGENT = VmImage(
    name="waagent",
    recipe=BASE.with_packages("eject", "ifupdown", "isc-dhcp-client", "waagent"),
    files={
        **GUEST_FILES,
        **IFUPDOWN,
        # Debian's unit starts on Hyper-V only.
        "/etc/systemd/system/walinuxagent.service.d/limpet-lab.conf": "[Unit]\nConditionVirtualization=\n",
    },
    units=(*GUEST_UNITS, "networking.service", "walinuxagent.service"),
    host_keys=True,
    # Debian's leaves provisioning to cloud-init.
    settings={"Provisioning.Agent": "waagent", "ResourceDisk.Format": "y"},
)
"""Debian's waagent, which provisions by itself and restarts the NIC with ifupdown.

It starts when everything else has: without keys sshd would have failed too often by then to be started again.
"""
