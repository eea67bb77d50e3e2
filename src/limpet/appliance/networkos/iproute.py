"""Commands of iproute2, nftables and others in a network namespace, as steps: one process for many lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.namespaces import HOST
from limpet.guest.steps import Run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SECONDS = 30.0


def batch(namespace: str, lines: Iterable[str], *, tolerant: bool = False) -> tuple[Run, ...]:
    """Lines for `ip` in a namespace, in one process that stops at the first that fails; nothing where there is no line.

    tolerant: every line is tried, and failing is no problem.
    """
    text = "".join(f"{line}\n" for line in lines).encode()
    if not text:
        return ()
    place = ("-netns", namespace) if namespace != HOST else ()
    force = ("-force",) if tolerant else ()
    accepted = (0, 1) if tolerant else (0,)
    return (Run(("ip", *place, *force, "-batch", "-"), stdin=text, timeout=_SECONDS, accepted=accepted),)


def inside(namespace: str, argv: Sequence[str], *, stdin: bytes = b"") -> Run:
    """A program in a network namespace and in nothing else: `ip netns exec` would give it another /sys, too."""
    return Run(entered(namespace, argv), stdin=stdin, timeout=_SECONDS)


def entered(namespace: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command line of a program in a network namespace."""
    if namespace == HOST:
        return tuple(argv)
    return ("nsenter", f"--net=/run/netns/{namespace}", "--", *argv)
