"""Where the host name is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.host_name import DHCLIENT, FILE, HOSTS, LARGEST, HostNameFacts
from limpet.host.facts.reading import text_of, whole_text_of

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files, Kernel


def look(files: Files, kernel: Kernel, library: Path) -> HostNameFacts:
    """Read it."""
    texts = {path: whole_text_of(files, path, at_most=LARGEST) for path in DHCLIENT}
    return HostNameFacts(
        kernel=kernel.host_name(),
        file=whole_text_of(files, FILE, at_most=LARGEST),
        hosts=whole_text_of(files, HOSTS, at_most=LARGEST),
        dhclient={path: text for path, text in texts.items() if text is not None},
        published=text_of(files, library / "published_hostname"),
    )
