"""The network namespaces of an appliance and the NICs in each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.namespaces import HOST, Seen, parse_links
from limpet.host.facts.reading import names_in
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.guest.namespaces import SeenLink
    from limpet.host.ports import Commands, Files

NAMES = Path("/run/netns")
"""Where iproute2 keeps the names of network namespaces."""
_LARGE = 4 * 1024 * 1024


def look(files: Files, commands: Commands, namespaces: Sequence[str]) -> Seen:
    """The host's namespace, and those of `namespaces` that exist. Raises: HostError."""
    there = set(names_in(files, NAMES))
    found = {HOST: links_in(commands, HOST)}
    for name in namespaces:
        if name in there:
            found[name] = links_in(commands, name)
    return Seen(namespaces=found)


def links_in(commands: Commands, namespace: str) -> tuple[SeenLink, ...]:
    """The links of one namespace. Raises: HostError."""
    place = ("-netns", namespace) if namespace else ()
    done = commands.run(("ip", *place, "-json", "-details", "address", "show"), timeout=20.0, at_most=_LARGE)
    if done.exit_code != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise HostError(f"the NICs of {namespace or 'the host'} cannot be listed: {said or 'ip failed'}")
    try:
        return parse_links(done.stdout)
    except MalformedDocument as error:
        raise HostError(f"the NICs of {namespace or 'the host'} cannot be listed: {error}") from error
