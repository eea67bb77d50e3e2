"""The Lookout port for tests: over the routes and rules of a fake machine's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.routes import parse_local_addresses, parse_route_table, way_to
from limpet.host.fake_programs.firewall import CHAIN, TABLES

if TYPE_CHECKING:
    from limpet.host.fake_files import FakeFiles

ROUTES, ADDRESSES = Path("/proc/net/route"), Path("/proc/net/fib_trie")
_LIMIT = 1024 * 1024


@dataclass
class FakeLookout:
    """deaf: whether the kernel has no nftables, and so no news of rules."""

    files: FakeFiles
    tables: tuple[str, ...] = ("limpet",)
    deaf: bool = False
    _seen: list[object] = field(default_factory=list)

    def source_for(self, address: str) -> str | None:
        """The address from which packets go to an IPv4 address; None where there is no way."""
        way = way_to(IPv4Address(address), parse_route_table(self._text(ROUTES)))
        own = sorted(parse_local_addresses(self._text(ADDRESSES)))
        return str(own[0]) if way is not None and own else None

    def rules_changed(self) -> bool:
        """Whether a table of interest has changed. True the first time."""
        infos = [self.files.info(path) for path in (*(TABLES / name for name in self.tables), CHAIN)]
        now: list[object] = [info and info.changed_ns for info in infos] or [None]
        changed = not self._seen or (now != self._seen and not self.deaf)
        self._seen = now
        return changed

    def _text(self, path: Path) -> str:
        return self.files.read(path, at_most=_LIMIT).decode() if self.files.info(path) is not None else ""
