"""A command's output as the platform's users read it. Source: extensions.md §4.4."""

from __future__ import annotations

from limpet.model.redact import redacted

HEAD = 3200
TAIL = 3200
"""Bytes kept of a stream's beginning and of its end. Source: extensions.md §4.4."""

LONGEST = 3200
"""Longest formatted output, characters."""

_FRAME = "[stdout]\n{}\n\n[stderr]\n{}"
_GAP = "\n[...]\n"


def abridged(head: bytes, tail: bytes, left_out: int) -> bytes:
    """A stream of which only beginning and end were kept. left_out: bytes."""
    return head + b"\n[... %d bytes left out ...]\n" % left_out + tail


def format_output(stdout: bytes, stderr: bytes, *, longest: int = LONGEST) -> str:
    """Both streams in at most `longest` characters; what one does not need the other may have.

    A stream that is cut keeps a quarter of its share from its beginning and the rest from its end, where the reason of
    a failure usually is. SAS tokens are taken out.
    """
    room = longest - len(_FRAME.format("", ""))
    out, err = (redacted(stream.decode("utf-8", "backslashreplace")) for stream in (stdout, stderr))
    half = room // 2
    for_out = room - len(err) if len(err) < half else max(half, min(len(out), half))
    out = _cut(out, for_out)
    return _FRAME.format(out, _cut(err, room - len(out)))


def _cut(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    head = (longest - len(_GAP)) // 4
    tail = longest - len(_GAP) - head
    return text[:head] + _GAP + text[-tail:]
