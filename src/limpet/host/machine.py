"""Facts about this machine that reports and events carry."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.host.files import RealFiles
from limpet.model.errors import HostError
from limpet.model.status import GuestInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.host.ports import Files

_SMALL_FILE = 64 * 1024
_OS_RELEASE = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
_ASSIGNMENT = re.compile(r"""([A-Z][A-Z0-9_]*)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"'#]*))\s*\Z""")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What telemetry says of the VM. memory: MiB."""

    kernel: str
    architecture: str
    memory: int
    processors: int


def guest_info(agent_version: str, files: Files | None = None) -> GuestInfo:
    """Who reports: host name and distribution. Unknown words are empty. Source: wire-protocol.md §6.2."""
    release = _os_release(files or RealFiles())
    return GuestInfo(
        computer_name=os.uname().nodename,
        os_name=release.get("ID", "linux"),
        os_version=release.get("VERSION_ID", ""),
        agent_version=agent_version,
    )


def hardware() -> Hardware:
    """The VM's kernel, memory and processors."""
    system = os.uname()
    return Hardware(
        kernel=system.release,
        architecture=system.machine,
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024),
        processors=os.sysconf("SC_NPROCESSORS_ONLN"),
    )


def parse_os_release(text: str) -> dict[str, str]:
    """The assignments of an os-release file; lines that are none are passed over. Source: os-release(5)."""
    found = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line.strip())
        if match is not None:
            name, double, single, bare = match.groups()
            found[name] = _ESCAPED.sub(r"\1", double) if double is not None else single or bare or ""
    return found


def _os_release(files: Files) -> Mapping[str, str]:
    for path in _OS_RELEASE:
        try:
            # /etc/os-release is a link on most distributions.
            return parse_os_release(
                files.read(path.resolve(), at_most=_SMALL_FILE).decode("utf-8", "replace")
            )
        except (FileNotFoundError, HostError):
            continue
    return {}
