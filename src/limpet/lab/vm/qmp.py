"""QEMU's machine protocol (QMP), as its client: one command after the other over a unix socket."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRWPair
    from pathlib import Path

LONGEST_ANSWER = 120.0
TIME_TO_LISTEN = 60.0
LONGEST_LINE = 1 << 20


class Qmp:
    """Made by `qmp`."""

    def __init__(self, stream: BufferedRWPair) -> None:
        self._stream = stream
        self._line()  # the greeting
        self.execute("qmp_capabilities")

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a command and give what it returns; events meanwhile are passed over. Raises: LabError."""
        order = {"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}
        try:
            self._stream.write(json.dumps(order).encode() + b"\n")
            self._stream.flush()
            while True:
                answer = self._line()
                if "error" in answer:
                    raise LabError(f"QEMU refuses {command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        except OSError as error:
            raise LabError(f"QEMU does not answer {command}: {error}") from error

    def monitor(self, line: str) -> str:
        """A command of the human monitor, for what has no other; gives what it printed. Raises: LabError."""
        answer: str = self.execute("human-monitor-command", command_line=line)
        return answer

    def _line(self) -> dict[str, Any]:
        line = self._stream.readline(LONGEST_LINE)
        if not line:
            raise LabError("QEMU has ended")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def qmp(path: Path) -> Iterator[Qmp]:
    """The QEMU whose socket is at `path`; waits for it to listen. Raises: LabError."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(LONGEST_ANSWER)
        wait_for(lambda: _connected(link, path), "QEMU to listen", timeout=TIME_TO_LISTEN)
        with link.makefile("rwb") as stream:
            yield Qmp(stream)


def _connected(link: socket.socket, path: Path) -> bool:
    try:
        link.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True
