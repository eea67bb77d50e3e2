"""What an image of the guest shell says of its agent: that a supervisor can lead it, and by which documents (R14).

An agent that does not know the supervisor's documents would never wait for the fabric lease, or stop when it is taken back.
"""

from __future__ import annotations

from pathlib import Path

PROFILE = Path("usr/share/limpet/appliance")
"""In an image that `limpet guestshell build` has made."""
LAUNCHER = Path("usr/bin/limpet")
EXCHANGE = 1
"""Of all documents in the exchange folder together. Whoever changes what one of them says in a way that others must know, raises it."""
LARGEST = 4096
_WORD = "exchange"


def render_profile() -> bytes:
    """The file `exchange_of` reads."""
    return f"{_WORD} {EXCHANGE}\n".encode("ascii")


def exchange_of(content: bytes) -> int | None:
    """By which documents the agent is led; None where that is not said."""
    for line in content.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        if name == _WORD and value.strip().isdecimal():
            return int(value)
    return None


def why_not(exchange: int | None) -> str | None:
    """Why the agent in an image cannot be led here; None where it can, or where that is not known."""
    if exchange is None or exchange == EXCHANGE:
        return None
    other = "newer" if exchange > EXCHANGE else "older"
    return (
        f"the limpet in it is {other}: it is led by documents of version {exchange}, this appliance's supervisor leads by"
        f" {EXCHANGE}. Take an image of the appliance's own version"
    )
