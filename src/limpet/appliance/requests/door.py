"""The resident process in front of `requests.worker`, which is started when somebody knocks and ends when nobody wants anything.

    limpet.appliance.requests.door PATH GROUP [OPTION …]

PATH: of the socket. GROUP: the id of a group whose members may knock, -1 for none. The options are handed on. It ends with the
supervisor, and what answers ends with it.
"""

from __future__ import annotations

import select
import sys

from limpet.host.command_door import Door, answer
from limpet.host.worker import interpreter_command

TYPE_CHECKING = False  # see host/command_door.py
if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWERING = "limpet.appliance.requests.worker"
AGAIN = 5.0
"""Seconds to the next try after what answers has failed."""


def main(arguments: Sequence[str]) -> int:
    """Until it is ended. Gives 1 when there can be no socket."""
    path, group, *options = arguments
    try:
        door = Door(path, int(group))
        while True:
            if door.knocked() and answer(_command(door.descriptor, options), door.descriptor) != 0:
                select.select([], [], [], AGAIN)
    except OSError as error:
        sys.stderr.write(f"cannot listen at {path}: {error.strerror}\n")
        return 1


def _command(descriptor: int, options: Sequence[str]) -> list[str]:
    """It is told to end, not killed: it ends the command that it runs."""
    return [
        "setpriv", "--pdeathsig", "TERM",
        *interpreter_command(ANSWERING, str(descriptor), *options),
    ]  # fmt: skip
