"""The process that sees to just-in-time users, for one list: it opens passwords, and ends.

    limpet.agent.remote_access_worker < one line of settings (JSON), then the RemoteAccess document, empty for none

prints what it did, as JSON. Passwords go from openssl through this process's memory into crypt(3), and hashed into chpasswd.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.agent.remote_access_settle import Hands, Settled, settle
from limpet.host.apply import Interpreter
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.host.passwords import MachineCrypt
from limpet.host.sealed import TransportKey
from limpet.model.errors import LimpetError, MalformedDocument
from limpet.model.remoteaccess import RemoteAccess
from limpet.wire.remoteaccess import parse_remote_access

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(_arguments: Sequence[str]) -> int:
    """Do it. Gives the exit code."""
    os.umask(0o022)
    first, _, document = sys.stdin.buffer.read().partition(b"\n")
    settings = json.loads(first)
    commands = RealCommands()
    hands = Hands(
        interpreter=Interpreter(
            files=RealFiles(),
            commands=commands,
            kernel=RealKernel(),
            devices=RealDevices(),
            clock=RealClock(),
        ),
        key=TransportKey(Path(settings["library"]), Path(settings["openssl"])),
        crypt=MachineCrypt(settings["crypt"], settings["salt"], RealRandom(), commands),
        home_dir=Path(settings["home_dir"]),
        sudoers=Path(settings["sudoers"]),
    )
    try:
        settled = settle(wanted(document), hands)
    except MalformedDocument as error:
        settled = Settled(problems={"": str(error)})
    except LimpetError as error:
        settled = Settled(failures={"": str(error)})
    sys.stdout.write(json.dumps(settled.answer()))
    return 0


def wanted(document: bytes) -> RemoteAccess:
    """The list; none is a list of nobody. Raises: MalformedDocument."""
    if not document:
        return RemoteAccess(incarnation=None, version=None, users=())
    return parse_remote_access(document)
