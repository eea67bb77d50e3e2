"""What belongs in a bundle of logs, in which order, and how much of it. Source: guest-setup.md §D.3, extensions.md §11."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - values of it are taken apart here
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MIB = 1024 * 1024
_FORBIDDEN = re.compile(
    r".*\.(?:prv|pem|key|pfx|p12|p7m|ppk|kdbx)\Z|.*_key\Z|id_[a-z0-9]+\Z|g?shadow.*|.*custom-?data.*|user-data.*",
    re.IGNORECASE,
)
_COMPRESSED = re.compile(r".*\.(?:xz|bz2|zst|lz4|7z|tgz)\Z", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where things are here. library: the agent's; logs: handlers' logs; agent_log: the agent's where there is no journal."""

    library: Path
    logs: Path
    agent_log: Path


@dataclass(frozen=True, slots=True)
class Copy:
    """Files by a pattern of absolute paths, one level for each ``*``."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder's names, sizes and times, into the results."""

    folder: str


@dataclass(frozen=True, slots=True)
class Printed:
    """What a program prints, as a file of that name in the bundle."""

    name: str
    argv: tuple[str, ...]


Item = Copy | Listing | Printed


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How large a bundle gets. file, total: bytes before compression; files: how many."""

    file: int = 30 * _MIB
    total: int = 150 * _MIB
    files: int = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file that was found. problem: why it cannot be taken, found while looking."""

    path: Path
    size: int
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What is done with a candidate. name: in the bundle. start: how many bytes of its head are left out.

    problem: why it is not taken.
    """

    candidate: Candidate
    name: str
    start: int = 0
    problem: str | None = None

    @property
    def size(self) -> int:
        """How many of its bytes are taken."""
        return self.candidate.size - self.start


def must_have(places: Places) -> tuple[str, ...]:
    """The patterns whose files come first, in this order."""
    library, logs = places.library, places.logs
    return (
        str(places.agent_log),
        f"{library}/waagent_status.json",
        f"{library}/history/*.zip",
        f"{library}/history/*/*",
        "/var/lib/limpet/*.json",
        f"{logs}/*/*",
        f"{logs}/*/*/*",
        f"{places.agent_log}*",
    )


def manifest(places: Places, *, full: bool) -> tuple[Item, ...]:
    """Everything that is looked for."""
    library = places.library
    items: list[Item] = [
        Listing("/var/log"),
        Listing(str(library)),
        Listing("/var/lib/limpet"),
        Listing(str(places.logs)),
        Printed("journal/limpet.log", ("journalctl", "-q", "--no-pager", "-o", "short-iso-precise", "-n", "10000", "-t", "limpet")),
    ]  # fmt: skip
    items += map(Copy, must_have(places))
    items += map(Copy, _NORMAL)
    items += (
        Copy(f"{library}/{name}")
        for name in (
            "ovf-env.xml", "*/status/*.status", "*/config/*.settings", "*/config/HandlerState", "*/config/*.HandlerState",
            "*/config/HandlerStatus", "error.json", "fast_track.json", "events/*.tld",
        )
    )  # fmt: skip
    if full:
        items += [
            Listing("/lib/udev/rules.d"),
            Listing("/etc/udev/rules.d"),
            Printed("journal/boot.log", ("journalctl", "-q", "--no-pager", "-o", "short-iso-precise", "-n", "20000", "-b")),
            Printed("disks.txt", ("df", "-PT")),
        ]  # fmt: skip
        items += map(Copy, _FULL)
        items += (
            Copy(f"{library}/{name}")
            for name in ("provisioned", "SharedConfig.xml", "ManagedIdentity-*.json", "*/error.json")
        )
    return tuple(items)


_NORMAL = (
    "/etc/*-release",
    "/usr/lib/os-release",
    "/etc/HOSTNAME",
    "/etc/hostname",
    "/etc/limpet.toml",
    "/etc/waagent.conf",
    "/var/log/waagent.log*",
    "/var/log/limpet*",
    "/var/log/dmesg*",
    "/var/log/syslog*",
    "/var/log/auth*",
    "/var/log/azure/*/*",
    "/var/log/azure/*/*/*",
    "/var/log/azure/custom-script/handler.log",
)
_FULL = (
    "/etc/fstab",
    "/etc/ssh/sshd_config",
    "/etc/ssh/sshd_config.d/*.conf",
    "/boot/grub*/grub.c*",
    "/boot/grub*/menu.lst",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*.cfg",
    "/etc/netplan/*.yaml",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/run/systemd/resolve/*.conf",
    "/run/resolvconf/resolv.conf",
    "/etc/sysconfig/iptables",
    "/etc/sysconfig/network",
    "/etc/sysconfig/network-scripts/ifcfg-eth*",
    "/etc/sysconfig/network-scripts/route-eth*",
    "/etc/ufw/ufw.conf",
    "/var/lib/dhcp/*.lease*",
    "/var/lib/dhclient/*.lease*",
    "/var/lib/dhcpcd/*.lease",
    "/run/systemd/netif/leases/*",
    "/proc/mounts",
    "/proc/partitions",
    "/proc/meminfo",
    "/proc/cmdline",
    "/var/log/rsyslog*",
    "/var/log/messages*",
    "/var/log/kern*",
    "/var/log/dpkg*",
    "/var/log/yum*",
    "/var/log/cloud-init*",
    "/var/log/boot*",
    "/var/log/secure*",
    "/var/log/azure/run-command/handler.log",
    "/var/log/azure-proxy-agent/*",
)


def forbidden(path: Path) -> str | None:
    """Why a file never goes into a bundle, whatever pattern it fits; None when it may."""
    if _FORBIDDEN.match(path.name):
        return "it may hold a key or a password"
    if _COMPRESSED.match(path.name):
        return "it is compressed in a way in which it cannot be searched for secrets"
    return None


def choose(candidates: Iterable[Candidate], bounds: Bounds) -> list[Choice]:
    """What is taken of `candidates`, which come in order of their importance.

    Of a file that is too large the end is taken; what is compressed is then left out. Names are the paths without their
    first slash, so the same machine gives the same names.
    """
    choices: list[Choice] = []
    left, files = bounds.total, 0
    for candidate in candidates:
        start, name = 0, str(candidate.path).lstrip("/")
        problem = candidate.problem or forbidden(candidate.path)
        packed = candidate.path.suffix in {".gz", ".zip"}
        if problem is None and candidate.size > bounds.file:
            if packed:
                problem = f"it has {candidate.size} bytes and is compressed"
            start, name = candidate.size - bounds.file, f"truncated/truncated_{name.replace('/', '_')}"
        size = candidate.size - start
        if problem is None and files >= bounds.files:
            problem = f"the bundle has its {bounds.files} files"
        if problem is None and size > left:
            problem = f"the bundle has its {bounds.total} bytes"
        if problem is None:
            left, files = left - size, files + 1
        choices.append(
            Choice(candidate=candidate, name=name, start=start if problem is None else 0, problem=problem)
        )
    return choices
