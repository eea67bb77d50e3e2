"""Where moments come from: the fabric's event stream and a VM's journal, each read by a thread of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, bound_to_us, kill_session
from limpet.lab.timeline.journal import FINISHED_STARTING, journal_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.lab.machine import Machine

    Take = Callable[[Mapping[str, Any]], None]

KEEP_ALIVE = 60.0
"""Seconds without a sign from the emulator after which its stream counts as broken."""
TIME_TO_BEGIN, TIME_TO_END = 60.0, 5.0
JOURNALS = ("/run/log/journal", "/var/log/journal")


@contextmanager
def fabric_events(admin: Path, take: Take) -> Iterator[None]:
    """Give every event of the fabric, from its first, to `take`, on another thread, until the end of the block.

    admin: the unix socket of the emulator's admin API. Raises: LabError.
    """
    transport = httpx.HTTPTransport(uds=str(admin))
    with httpx.Client(transport=transport, base_url="http://fabric", timeout=KEEP_ALIVE) as http:
        answer = _opened(http)
        thread = threading.Thread(target=_read_events, args=(answer, take), name="fabric-events", daemon=True)
        thread.start()
        try:
            yield
        finally:
            connection: socket.socket = answer.extensions["network_stream"].get_extra_info("socket")
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a reader in another thread is not woken by close
            thread.join(TIME_TO_END)


def _opened(http: httpx.Client) -> httpx.Response:
    try:
        answer = http.send(http.build_request("GET", "/v1/events", params={"after": 0}), stream=True)
        return answer.raise_for_status()
    except httpx.HTTPError as error:
        raise LabError(f"the emulator does not tell its events: {error}") from error


def _read_events(answer: httpx.Response, take: Take) -> None:
    with suppress(httpx.HTTPError):  # the stream ends when the emulator or we end
        for line in answer.iter_lines():
            if line.startswith("data: "):
                event = json.loads(line.removeprefix("data: "))
                if "kind" in event:
                    take(event)


@contextmanager
def journal(machine: Machine, units: Sequence[str], take: Take) -> Iterator[None]:
    """Give the journal's entries about `units`, from the boot on, to `take`, on another thread, until the end of the block.

    Waits until the machine has a journal. Raises: LabError.
    """
    wait_for(lambda: _has_journal(machine), f"a journal in {machine.name}", timeout=TIME_TO_BEGIN)
    follow = ["journalctl", "--follow", "--no-tail", "--output=json", "--all", "--quiet"]
    matches = [f"MESSAGE_ID={FINISHED_STARTING}"]
    for unit in units:
        matches += ["+", f"_SYSTEMD_UNIT={unit}", "+", f"UNIT={unit}"]
    process = subprocess.Popen(
        bound_to_us(machine.inside([*follow, *matches])),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    thread = threading.Thread(target=_read_journal, args=(process, take), name="journal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        kill_session(process)
        thread.join(TIME_TO_END)
        if process.stdout is not None:
            process.stdout.close()


def _has_journal(machine: Machine) -> bool:
    return any(
        folder.is_dir() and any(folder.glob("*/system.journal")) for folder in map(machine.path, JOURNALS)
    )


def _read_journal(process: subprocess.Popen[bytes], take: Take) -> None:
    for line in process.stdout or ():
        entry = journal_entry(line)
        if entry is not None:
            take(entry)
