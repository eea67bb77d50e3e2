"""Who keeps resolv.conf, and whether it says anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.network import RESOLVER, RESOLVER_OWNERS, ResolverFacts
from limpet.host.facts.reading import bytes_of, is_there
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.host.ports import Files

_LARGEST = 1024 * 1024


def look(files: Files) -> ResolverFacts:
    """Read it. A link belongs to who made it."""
    try:
        info = files.info(RESOLVER)
    except HostError:
        return ResolverFacts()
    content = bytes_of(files, RESOLVER, at_most=_LARGEST)
    empty = info is None or (content is not None and not _says_something(content))
    return ResolverFacts(
        empty=empty, owner=next((path for path in RESOLVER_OWNERS if is_there(files, path)), None)
    )


def _says_something(content: bytes) -> bool:
    """Comments alone are none, such as the head that a service left when it went. Source: resolv.conf(5)."""
    return any(line.strip() and not line.strip().startswith((b"#", b";")) for line in content.splitlines())
