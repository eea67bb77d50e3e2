"""Somebody near an appliance who sends through it all the time, and counts what does not come back."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab.commands import LabError, bound_to_us, kill_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.lab.netns import Network

TIME_TO_END = 20.0
SCRIPT = """\
import json, select, socket, struct, sys, time
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.connect((sys.argv[1], 0))
number, sent, back = 0, set(), {}
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
def look(patience, sources):
    until = time.monotonic() + patience
    while (left := until - time.monotonic()) > 0:
        ready = select.select(sources, [], [], left)[0]
        if raw in ready:
            data = raw.recv(2048)
            if len(data) >= 28 and data[20] == 0:
                back[struct.unpack("!H", data[26:28])[0]] = time.monotonic()
        elif ready:
            return False
    return True
going, first = True, None
while going and number < 60000:
    number += 1
    head = struct.pack("!BBHHH", 8, 0, 0, 4711, number)
    try:
        raw.send(struct.pack("!BBHHH", 8, 0, checksum(head), 4711, number))
    except OSError:
        pass
    sent.add(number)
    going = look(0.01, [raw, sys.stdin])
    if first is None and back:
        first = min(back)
        print("answered", flush=True)
look(0.3, [raw])
times = sorted(back.values())
sent = {each for each in sent if first and each >= first}
gaps = [b - a for a, b in zip(times, times[1:])]
print(json.dumps({"sent": len(sent), "lost": len(sent - back.keys()), "longest": max(gaps, default=None)}), flush=True)
"""
"""An ICMP echo every hundredth of a second until stdin ends; those before the first answer do not count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """What became of the packets. longest: seconds from one answer to the next; None without two."""

    sent: int
    lost: int
    longest: float | None


class Pings:
    """Made by `pings`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._answered = False

    def answered(self) -> bool:
        """Whether anything came back yet; does not wait."""
        stream = self._process.stdout
        if not self._answered and stream is not None and select.select([stream], [], [], 0)[0]:
            self._answered = stream.readline() == b"answered\n"
        return self._answered

    def end(self) -> Passage:
        """Stop, and tell. Raises: LabError."""
        try:
            said, _ = self._process.communicate(timeout=TIME_TO_END)
            return Passage(**json.loads(said))
        except (subprocess.TimeoutExpired, ValueError, TypeError) as error:
            raise LabError(
                f"whoever sent packets through the appliance does not tell of them: {error}"
            ) from error


@contextmanager
def pings(where: Network, target: str) -> Iterator[Pings]:
    """Send to `target` from a network, until it is ended. Raises: LabError."""
    process = subprocess.Popen(
        bound_to_us(where.inside([sys.executable, "-ISc", SCRIPT, target])),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Pings(process)
    finally:
        kill_session(process)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
