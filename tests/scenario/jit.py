"""A machine whose just-in-time users the fabric lists: the worker's work is done in place, with keys by name."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.scenario.core import VM, NamedKeys
from tests.scenario.stage import Stage, stage

from limpet.agent.remote_access import WORKER
from limpet.agent.remote_access_settle import Hands, Settled, settle
from limpet.agent.remote_access_worker import wanted
from limpet.emulator.world.goalstates import list_users
from limpet.emulator.world.vm import JitUser
from limpet.guest.passwd import User, parse_passwd, parse_shadow
from limpet.host.fake_programs import install
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.host.fake import FakeMachine
    from limpet.host.fake_workers import Order
    from limpet.wire.certificates import Cipher

PASSWORD = "Correct-Horse 9 ä€"
LAST = "Tue, 01 Jan 2030 00:00:00 GMT"
LATER = "Wed, 02 Jan 2030 00:00:00 UTC"
PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:JIT_Account:/usr/sbin:/usr/sbin/nologin
alice:x:1000:1000:Alice:/home/alice:/bin/bash
"""


class Sealing(NamedKeys):
    """Encrypts by naming the recipient; the fake key opens what names its own certificate."""

    def encrypt_to(self, transport_certificate_der: bytes, plaintext: bytes, cipher: Cipher) -> bytes:
        recipient = self.recipient or base64.b64encode(transport_certificate_der).decode()
        return json.dumps({"recipient": recipient, "plain": plaintext.hex()}).encode()


@dataclass
class FakeKey:
    machine: FakeMachine

    def opened(self, sealed: bytes) -> Secret[bytes]:
        content = json.loads(sealed)
        if content["recipient"] != self.machine.vault.transport_certificate():
            raise HostError("it cannot be opened")
        return Secret(bytes.fromhex(content["plain"]))


class PlainCrypt:
    method = "6"

    def hashed(self, password: Secret[str]) -> str:
        return f"$6$salt${hashlib.sha256(password.reveal().encode()).hexdigest()}"

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        return hashed == self.hashed(password)


@dataclass
class Played:
    """The scene. orders: what workers were given."""

    play: Stage

    @property
    def machine(self) -> FakeMachine:
        return self.play.machine

    def list(self, *names: str, expires: str = LAST, password: str = PASSWORD) -> None:
        users = tuple(JitUser(name=name, password=Secret(password), expiration=expires) for name in names)
        self.play.core.become(list_users(self.play.core.vm, users))

    def unlist(self) -> None:
        self.play.core.become(list_users(self.play.core.world.vm(VM), None))

    def live(self, seconds: float) -> None:
        end = self.machine.clock.monotonic() + seconds
        while self.machine.clock.monotonic() < end:
            self.play.turn()
            self.machine.clock.sleep(min(self.play.agent.chores.do(), 1.0))

    def users(self) -> dict[str, User]:
        text = self.machine.files.read(Path("/etc/passwd"), at_most=1 << 20).decode()
        return {user.name: user for user in parse_passwd(text)}

    def shadow(self, name: str) -> tuple[str, int | None]:
        text = self.machine.files.read(Path("/etc/shadow"), at_most=1 << 20).decode()
        return next((each.hash, each.expires) for each in parse_shadow(text) if each.name == name)

    def rules(self) -> str:
        path = Path("/etc/sudoers.d/waagent")
        return (
            self.machine.files.read(path, at_most=1 << 20).decode() if self.machine.files.info(path) else ""
        )

    @property
    def workers(self) -> int:
        return sum(order.module == WORKER for order in self.machine.workers.started)


def scene(**config: Any) -> Played:
    play = stage(**{"collect_logs": False, "limits": False, "telemetry": False, **config})
    machine = play.machine
    for folder in ("/etc/sudoers.d", "/home/alice", "/var/lib/limpet", "/etc/skel"):
        machine.files.make_folder(Path(folder))
    shadow = "root:*:20454::::::\ndaemon:*:20454::::::\nalice:$6$x$y:20454:0:99999:7:::\n"
    for name, text in (("passwd", PASSWD), ("shadow", shadow), ("group", "root:x:0:\nalice:x:1000:\n")):
        machine.files.replace(Path("/etc") / name, text.encode(), mode=0o600 if name == "shadow" else 0o644)
    machine.files.replace(Path("/etc/sudoers"), b"@includedir /etc/sudoers.d\n", mode=0o440)
    install(machine.commands, "accounts")
    play.core.sealer = Sealing()
    machine.workers.programs[WORKER] = lambda order: _worked(machine, order)
    return Played(play)


def hands(machine: FakeMachine) -> Hands:
    interpreter = machine.interpreter
    return Hands(interpreter=interpreter, key=FakeKey(machine), crypt=PlainCrypt())


def _worked(machine: FakeMachine, order: Order) -> bytes:
    _, _, document = order.given.partition(b"\n")
    try:
        settled = settle(wanted(document), hands(machine))
    except MalformedDocument as error:
        settled = Settled(problems={"": str(error)})
    return json.dumps(settled.answer()).encode()
