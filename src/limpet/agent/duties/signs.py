"""What tells the resident agent that a duty must be looked into: a few system calls each, no process, no planner.

A sign is None where all is well, else a value: the duty is done once for each value that differs from the one before.
Whatever is not known is no reason to start anything, so what cannot be read is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.host.ports import Clock, Files, Kernel, Lookout

ANYWHERE = "192.0.2.1"
"""An address that no network has (RFC 5737): there is a way to it only by a default route."""

_PROC, _BLOCK = Path("/proc"), Path("/sys/block")
_SMALL = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Senses:
    """What signs are read from."""

    files: Files
    kernel: Kernel
    lookout: Lookout
    clock: Clock


def firewall(senses: Senses, _wish: Mapping[str, Any], memory: dict[str, Any]) -> object:
    """The kernel tells of changes in nftables. Of the older iptables it does not: the worker says how often to look."""
    if senses.lookout.rules_changed():
        memory["changes"] = memory.get("changes", 0) + 1
    unheard = memory.get("unheard")
    looks = senses.clock.monotonic() // unheard if unheard else 0
    return memory.get("changes"), looks


def dhcp(senses: Senses, wish: Mapping[str, Any], memory: dict[str, Any]) -> object:
    """A way is missing, or a DHCP client that was there has ended."""
    missing = tuple(address for address in wish["ways"] if senses.lookout.source_for(address) is None)
    clients = memory.get("clients")
    ended = clients is None or not all(senses.files.info(_PROC / str(pid)) for pid in clients)
    return (missing, ended) if missing or ended else None


def host_name(senses: Senses, wish: Mapping[str, Any], _memory: dict[str, Any]) -> object:
    """The kernel's name is not the one that was published."""
    name, published = senses.kernel.host_name(), _text(senses.files, Path(wish["record"]))
    return None if name == published else (name, published)


def scsi_timeout(senses: Senses, wish: Mapping[str, Any], _memory: dict[str, Any]) -> object:
    """A disk has another timeout."""
    found = []
    for name in senses.files.names(_BLOCK):
        if name.startswith("sd") and name.isalpha():
            timeout = _text(senses.files, _BLOCK / name / "device/timeout")
            if timeout not in {None, wish["timeout"]}:
                found.append((name, timeout))
    return tuple(found) or None


def persistent_names(senses: Senses, wish: Mapping[str, Any], _memory: dict[str, Any]) -> object:
    """A file of udev's is there again."""
    infos = [senses.files.info(Path(path)) for path in wish["files"]]
    return tuple(info and info.changed_ns for info in infos) if any(infos) else None


def _text(files: Files, path: Path) -> str | None:
    try:
        return files.read(path, at_most=_SMALL).decode("utf-8", "replace").strip()
    except (FileNotFoundError, HostError):
        return None
