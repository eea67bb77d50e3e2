"""What is swapped to, and the swap file as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.swap import FILE, SwapFacts, SwapFile
from limpet.host.facts.resource_disk import swaps_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.guest.resource_disk import Place
    from limpet.host.ports import Commands, Files, Kernel


def look(files: Files, commands: Commands, kernel: Kernel, place: Place | None) -> SwapFacts:
    """Look at the place that the resource disk's plan gave; what is on it is seen once it is mounted."""
    file, room = None, None
    if place is not None and place.mounted:
        path = place.mount_point / FILE
        try:
            room = files.room(place.mount_point)
            found = files.info(path)
            if found is not None and found.is_file:
                file = SwapFile(size=found.size, mode=found.mode)
        except HostError:
            pass
    return SwapFacts(
        active=swaps_of(files),
        file=file,
        room=room,
        page=kernel.page_size(),
        release=kernel.release(),
        swapon=commands.exists("swapon"),
    )
