"""What a root file system consists of: a value, whose fingerprint names the built tree."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace

SUITE = "bookworm"

# Services of the platform that would work against a test, or on the machine that the namespaces share.
DISTURBING = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
    "getty.target",
    "systemd-timesyncd.service",
    "systemd-udevd.service",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """packages: Debian's names. disabled: units that are there but not started. masked: units that cannot be started.

    enabled: units started at boot. edition: raised when what `rootfs` does to every tree changes.
    """

    packages: tuple[str, ...]
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    masked: tuple[str, ...] = DISTURBING
    suite: str = SUITE
    left_out: tuple[str, ...] = (
        "/usr/share/doc/*",
        "/usr/share/man/*",
        "/usr/share/locale/*",
        "/usr/share/info/*",
        "/usr/share/lintian/*",
    )
    edition: int = 2

    def fingerprint(self) -> str:
        """Short and stable; changes with anything that changes the tree."""
        canonical = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]

    def with_packages(self, *more: str) -> Recipe:
        """The same with more packages."""
        return replace(self, packages=(*self.packages, *more))


VM = Recipe(
    packages=(
        "ca-certificates",
        "dbus",
        "eject",  # waagent ejects the provisioning medium
        "ifupdown",  # waagent restarts the NIC with it
        "iproute2",
        "iptables",
        "isc-dhcp-client",
        "kmod",
        "login",
        "mount",
        "netbase",
        "nftables",
        "openssh-server",
        "openssl",
        "passwd",
        "procps",
        "python3",
        "python3-urllib3",
        "sudo",
        "systemd",
        "systemd-sysv",
        "util-linux",
        "waagent",
    ),
    disabled=("ssh.service", "walinuxagent.service", "networking.service"),
)
"""A plain Debian VM that can be provisioned, with Debian's own agent in it but not started."""

PROVISIONED_VM = replace(
    VM.with_packages(
        "e2fsprogs",  # a resource disk's file system
        "fdisk",
        "fuse",  # the host's kernel has no iso9660 and udf: fuseiso stands behind mount(8), see provisioning_media
        "fuseiso",
        "parted",
    ),
    enabled=("networking.service",),
    disabled=("ssh.service", "walinuxagent.service"),
)
"""A VM as it comes from an image: its NIC is configured by its own services, and it can read a provisioning DVD."""

CLOUD_INIT_VM = replace(
    PROVISIONED_VM,
    packages=(*(name for name in PROVISIONED_VM.packages if name != "waagent"), "cloud-init"),
    disabled=("ssh.service",),
)
"""The same with Debian's cloud-init instead of waagent."""

NEXT_VM = replace(VM, suite="trixie")
"""The same of the next Debian: its waagent acts on FastTrack goal states, where Debian 12's only compares them."""

APPLIANCE = replace(
    PROVISIONED_VM,
    packages=(
        *(name for name in PROVISIONED_VM.packages if name != "waagent"),
        "curl",
        "frr",  # the network OS of the driver of that name
        "lxc",  # the guest shell's runtimes
        "systemd-container",
    ),
    enabled=("networking.service",),
    disabled=("frr.service", "lxc-net.service", "lxc.service", "lxc-monitord.service", "ssh.service"),
)
"""The Linux below an appliance: what limpet needs there, no agent, and nothing of its network OS started by itself."""

WAAGENT_APPLIANCE = replace(
    APPLIANCE.with_packages("waagent"), disabled=(*APPLIANCE.disabled, "walinuxagent.service")
)
"""The same with Debian's agent in it but not started: the peer of the appliance's bench."""

GUEST_SHELL = Recipe(
    packages=(
        "ca-certificates",
        "curl",
        "dbus",
        "iproute2",
        "mount",
        "nftables",
        "openssl",
        "passwd",
        "procps",
        "python3",
        "sudo",
        "systemd",
        "systemd-sysv",
        "util-linux",
    ),
)
"""A guest shell's root file system for quick tests; the product's own is built by ``limpet guestshell build``."""

WAAGENT_GUEST_SHELL = replace(
    GUEST_SHELL.with_packages("iptables", "login", "waagent"), disabled=("walinuxagent.service",)
)
"""The same with Debian's agent in it but not started: a guest shell is a home for any agent."""
