"""What the service manager is told (sd_notify(3)): that a service is ready, so that what comes after it starts."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def tell(words: str) -> None:
    """Tell the service manager something, such as ``READY=1``; nothing happens where none listens."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place.startswith(("/", "@")):
        return
    address = f"\0{place[1:]}" if place.startswith("@") else place
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.sendto(words.encode(), address)
