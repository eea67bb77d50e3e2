"""Runs a module of this package in a machine of its own for a while: network, mounts and processes that go with it.

Files are not its own: what it writes elsewhere than below /run and /var/log stays.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from limpet.host.worker import interpreter_command
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_LINE = 64 * 1024
_OWN_FOLDERS = "mount -t tmpfs -o mode=755 apart /run && mount -t tmpfs -o mode=755 apart /var/log"
"""Names of network namespaces, sockets of services, process ids and logs: none of the real ones is seen, or overwritten."""


def lines_from(module: str, *arguments: str) -> Iterator[str]:
    """What ``module.main(arguments)`` prints there, line by line, as it comes. All of it is ended when nobody listens any more.

    Raises: HostError, when it cannot be started, or ends without having done its work.
    """
    command = [
        "unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
        "--mount-proc", "--", "sh", "-c", f'{_OWN_FOLDERS} && exec "$@"', "sh",
        *interpreter_command(module, *arguments),
    ]  # fmt: skip
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise HostError(f"cannot run unshare (of util-linux): {error.strerror}") from error
    with process:
        try:
            if process.stdout is not None:
                while line := process.stdout.readline(_LONGEST_LINE):
                    yield line.decode("utf-8", "replace").rstrip("\n")
            complaint = b"" if process.stderr is None else process.stderr.read(_LONGEST_LINE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        said = complaint.decode("utf-8", "replace").strip().splitlines()
        raise HostError(
            f"a machine apart could not be used: {said[-1][:300] if said else process.returncode}"
        )
