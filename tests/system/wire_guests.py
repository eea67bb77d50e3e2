"""Runs inside a network of its own: a wire server, users who talk to it, and the agent's own watch. One JSON object a line.

What it is told: {"do": name of a function below, and its arguments}; what it answers: {"is": result}.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.duties.duties import DUTIES, TABLES
from limpet.agent.duties.signs import Senses
from limpet.agent.duties.watch import Watch
from limpet.host.clock import RealClock
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.log import FileLog
from limpet.host.lookout import RealLookout
from limpet.host.workers import RealWorkers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIRE = "168.63.129.16"
PORTS = (53, 80, 32526)
NOBODY = 65534
PATIENCE, PLENTY = 0.6, 30.0
"""Seconds for a connection, which is the kernel's alone, and for an answer, which is a thread's of ours."""
DEADLINE = 60.0

clock = RealClock()
lookout = RealLookout(TABLES)
held: dict[str, socket.socket] = {}
watches: list[Watch] = []


@contextmanager
def user(number: int) -> Iterator[None]:
    """Sockets made in here are that user's."""
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)


def serve() -> None:
    """Echo on every port of the wire server."""
    for port in PORTS:
        listening = socket.create_server((WIRE, port))
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((WIRE, 53))
    threading.Thread(target=answer, args=(datagrams,), daemon=True).start()


def accept(listening: socket.socket) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection:
        while piece := connection.recv(64):
            connection.sendall(piece)


def answer(datagrams: socket.socket) -> None:
    while True:
        piece, sender = datagrams.recvfrom(64)
        datagrams.sendto(piece, sender)


def reach(uid: int, port: int, kind: str = "tcp") -> bool:
    """Whether a user gets an answer."""
    with user(uid):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    with asking:
        return heard(asking, port)


def heard(asking: socket.socket, port: int | None = None) -> bool:
    asking.settimeout(PATIENCE)
    try:
        if port is not None:
            asking.connect((WIRE, port))
        asking.settimeout(PLENTY)
        asking.sendall(b"?")
        return asking.recv(8) == b"?"
    except OSError:
        return False


def hold(name: str, uid: int, port: int) -> bool:
    """Let a user open a connection and keep it."""
    with user(uid):
        held[name] = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    return heard(held[name], port)


def talk(name: str) -> bool:
    """Whether a kept connection goes on."""
    return heard(held[name])


def news() -> bool:
    """Whether the kernel told of a change of our rules."""
    return lookout.rules_changed()


def source(address: str) -> str | None:
    """From which address packets would go."""
    return lookout.source_for(address)


def watch(log: str) -> None:
    """Begin to look after the firewall, every tenth of a second."""
    duty = next(duty for duty in DUTIES if duty.name == "firewall")
    senses = Senses(files=RealFiles(), kernel=RealKernel(), lookout=RealLookout(TABLES), clock=clock)
    kept = FileLog(Path(log), files=senses.files, clock=clock)
    watches.append(Watch([(duty, {"endpoint": WIRE}, 0.1)], senses, RealWorkers(clock), kept))


def look_after_until_refused() -> bool:
    """Go on looking after it until another user is refused."""
    end = clock.monotonic() + DEADLINE
    while clock.monotonic() < end:
        clock.sleep(watches[0].do())
        if not reach(NOBODY, 80):
            return True
    return False


ACTS: dict[str, Callable[..., Any]] = {
    act.__name__: act for act in (reach, hold, talk, news, source, watch, look_after_until_refused)
}


def tell(result: object) -> None:
    sys.stdout.write(json.dumps({"is": result}) + "\n")
    sys.stdout.flush()


def main() -> None:
    serve()
    tell(True)
    for line in sys.stdin:
        told = json.loads(line)
        tell(ACTS[told.pop("do")](**told))


if __name__ == "__main__":
    main()
