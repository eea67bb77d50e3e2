"""The record of every request, by VM. What is shown of it has no SAS token."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from limpet.emulator.world.ring import Ring
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.emulator.exchange import Headers, Service

ENTRIES_PER_VM = 4000
BODY_COPY = 8 * 1024
HEADERS_COPY = 16 * 1024
"""Characters of a request's headers that are kept: theirs are about 2 KiB."""
STRANGER = ""
"""Under this name stand requests of addresses that are no VM's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One request and how it ended.

    id: grows by one over the whole ledger. at: seconds since 1970 at arrival; seconds: until the answer was written.
    vm: None when the address is no VM's. source: the client's address; of DHCP the VM's, or a MAC. endpoint: its name in the table of routes, ``unknown`` when it is in none.
    headers: the first HEADERS_COPY characters of them. body: the first BODY_COPY bytes of `body_size`. status: what was answered, None when nothing was (refused, cut
    before the status line); of DHCP the kind of the answer: 2 offer, 5 acknowledgement, 6 refusal. fault: what was done to the exchange on purpose, as words; None when nothing.
    remarks: what a stricter fabric would have refused.
    """

    id: int
    at: float
    vm: str | None
    service: Service
    endpoint: str
    method: str
    target: str
    headers: Headers
    body: bytes
    body_size: int
    status: int | None
    reply_size: int = 0
    fault: str | None = None
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    source: str = ""

    def as_json(self) -> dict[str, Any]:
        """The entry for people and tests, redacted."""
        return {
            "id": self.id,
            "at": self.at,
            "vm": self.vm,
            "source": self.source,
            "service": self.service.value,
            "endpoint": self.endpoint,
            "method": self.method,
            "target": redacted(self.target),
            "headers": [[name, redacted(value)] for name, value in self.headers],
            "body": redacted(self.body.decode("utf-8", "replace")),
            "bodySize": self.body_size,
            "status": self.status,
            "replySize": self.reply_size,
            "fault": self.fault,
            "remarks": list(self.remarks),
            "seconds": round(self.seconds, 6),
        }


def copied(headers: Headers) -> Headers:
    """The first of `headers`, as many as are kept."""
    left = HEADERS_COPY
    kept = []
    for name, value in headers:
        left -= len(name) + len(value) + len(": \r\n")
        if left < 0:
            break
        kept.append((name, value))
    return tuple(kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """The latest requests of each VM, and how many there ever were."""

    rings: Mapping[str, Ring[Entry]] = field(default_factory=dict)
    next_id: int = 1

    def record(self, entry: Entry) -> Ledger:
        """Add `entry` under the next id."""
        name = entry.vm or STRANGER
        ring = self.rings.get(name, Ring(capacity=ENTRIES_PER_VM))
        numbered = replace(entry, id=self.next_id)
        return replace(self, rings={**self.rings, name: ring.append(numbered)}, next_id=self.next_id + 1)

    def entries(self, vm: str | None, *, after: int = 0, endpoint: str | None = None) -> Iterator[Entry]:
        """Requests of `vm` (None: of strangers), oldest first, with an id above `after`."""
        for entry in self.rings.get(vm or STRANGER, ()):
            if entry.id > after and endpoint in {None, entry.endpoint}:
                yield entry

    def dropped(self, vm: str | None) -> int:
        """How many requests of `vm` were forgotten because newer ones came."""
        ring = self.rings.get(vm or STRANGER)
        return ring.dropped if ring else 0

    def seen(self, vm: str | None) -> int:
        """How many requests of `vm` there ever were."""
        ring = self.rings.get(vm or STRANGER)
        return ring.seen if ring else 0
