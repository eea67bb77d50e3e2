"""The journal of an appliance's supervisor, and how one of its records is caught in the act."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """One record of the journal."""

    number: int
    at: float
    boot: str
    kind: str
    facts: Mapping[str, Any]


def read(journal: bytes) -> list[Noted]:
    """Its records. A line that is being written is left out."""
    found = []
    for line in journal.splitlines():
        with suppress(ValueError, KeyError):
            found.append(Noted(**json.loads(line.partition(b" ")[2])))
    return found


@contextmanager
def before_others() -> Iterator[None]:
    """This process runs whenever it can, however busy the machine is: what is to be caught in the act is quick."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with suppress(OSError):  # where that is not allowed, it must do without
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    try:
        yield
    finally:
        with suppress(OSError):
            os.sched_setscheduler(0, policy, parameter)
