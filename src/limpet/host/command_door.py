"""Where the guest shell knocks when it wants a command: a unix socket that is listened at by a process that has nothing loaded.

Hardly ever does anybody want a command, so the process that does them is started when somebody knocks. This module and what
it imports stay resident: `socket`, `pathlib` and `typing` would make the process twice as large.
"""

from __future__ import annotations

import _socket
import os
import select

TYPE_CHECKING = False  # as typing has it
if TYPE_CHECKING:
    from collections.abc import Sequence

LOOK_EVERY = 5.0
"""Seconds between two looks at whether the socket is still where clients find it: the guest can remove it."""
_BACKLOG = 32


class Door:
    """Made by the process that keeps it; `descriptor` is the listening socket's, for the process that answers."""

    def __init__(self, path: str, group: int = -1) -> None:
        """group: the id of a group whose members may knock, besides root; -1 for none. Raises: OSError."""
        self._path = path
        self._group = group
        self._listener: _socket.socket | None = None
        self._place: tuple[int, int] | None = None
        self.open()

    @property
    def descriptor(self) -> int:
        """Of the listening socket. Raises: ValueError, when it is closed."""
        if self._listener is None:
            raise ValueError("the door is closed")
        return self._listener.fileno()

    def open(self) -> None:
        """Be where clients look. What somebody else has put there goes. Raises: OSError."""
        self.close()
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        # By the mask and not by chmod, which would follow a link that the guest put there meanwhile.
        before = os.umask(0o177 if self._group < 0 else 0o117)
        try:
            if os.path.lexists(self._path):
                os.unlink(self._path)  # noqa: PTH108 - see above
            listener.bind(self._path)
            if self._group >= 0:
                os.chown(self._path, -1, self._group, follow_symlinks=False)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        finally:
            os.umask(before)
        self._listener, self._place = listener, self._found()

    def close(self) -> None:
        """Nobody can knock any more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def knocked(self, timeout: float = LOOK_EVERY) -> bool:
        """Wait for at most `timeout` seconds. Says whether somebody waits outside. Raises: OSError."""
        if self._listener is None or self._found() != self._place:
            self.open()
        return bool(select.select([self.descriptor], [], [], timeout)[0])

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.lstat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino


def answer(command: Sequence[str], descriptor: int) -> int:
    """Run the process that answers, which inherits the listening socket, and wait for it. Gives its exit code."""
    os.set_inheritable(descriptor, True)
    pid = os.posix_spawnp(command[0], list(command), os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
