"""Where the host name is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.host_name import DHCLIENT, FILE, HOSTS, LARGEST, HostNameFacts
from limpet.host.facts.reading import bytes_of, text_of

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files, Kernel


def look(files: Files, kernel: Kernel, library: Path) -> HostNameFacts:
    """Read it."""
    texts = {path: _text(files, path) for path in DHCLIENT}
    return HostNameFacts(
        kernel=kernel.host_name(),
        file=_text(files, FILE),
        hosts=_text(files, HOSTS),
        dhclient={path: text for path, text in texts.items() if text is not None},
        published=text_of(files, library / "published_hostname"),
    )


def _text(files: Files, path: Path) -> str | None:
    """Whole, with bytes that are not UTF-8 as surrogates, for it is written again."""
    content = bytes_of(files, path, at_most=LARGEST)
    return None if content is None else content.decode("utf-8", "surrogateescape")
