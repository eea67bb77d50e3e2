"""The fabric emulator as a process of its own, inside a fabric's network."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.lab.clock import wait_for
from limpet.lab.commands import LabError, bound_to_us, kept_in, kill_session
from limpet.lab.netns import assert_no_way_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from limpet.lab.netns import Network

TIME_TO_LISTEN = 180.0
TIME_TO_STOP = 60.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the fabric's services listen, as ``address:port``. Source: wire-protocol.md §1."""

    wire: str = "168.63.129.16:80"
    host_plugin: str = "168.63.129.16:32526"
    imds: str = "169.254.169.254:80"
    storage: str = "10.0.0.1:80"


@dataclass(frozen=True, kw_only=True, slots=True)
class Emulator:
    """admin: the unix socket of its admin API. log: what it printed. pid: of its process, on this machine.

    page: where a browser of this machine finds its dashboard; None without one.
    """

    admin: Path
    log: Path
    pid: int
    page: str | None = None


def command(addresses: Addresses, admin: Path, more: Sequence[str]) -> list[str]:
    """The emulator's command line."""
    return [
        sys.executable, "-m", "limpet", "emulator", "serve",
        "--wire", addresses.wire,
        "--host-plugin", addresses.host_plugin,
        "--imds", addresses.imds,
        "--storage", addresses.storage,
        "--admin", f"unix:{admin}",
        *more,
    ]  # fmt: skip


@contextmanager
def emulator(
    fabric: Network,
    folder: Path,
    *,
    addresses: Addresses | None = None,
    more: Sequence[str] = (),
    page_port: int | None = None,
) -> Iterator[Emulator]:
    """Run the emulator in a fabric until the end; gives it when its admin socket is there.

    folder: for its socket and its log. more: further arguments. page_port: of its dashboard, on this machine's loopback
    and not in the fabric's network; 0 takes a free one. Raises: LabError, with what it printed.
    """
    assert_no_way_out(fabric)
    folder.mkdir(parents=True, exist_ok=True)
    admin, log = folder / "admin.sock", folder / "emulator.log"
    with ExitStack() as until_started:
        sink = until_started.enter_context(log.open("ab"))
        # A socket stays in the network that it was made in, whoever is given it.
        listener = None if page_port is None else until_started.enter_context(_on_loopback(page_port))
        given = () if listener is None else (listener.fileno(),)
        page = None if listener is None else f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        options = [*more, *(f"--dashboard=fd:{number}" for number in given)]
        process = subprocess.Popen(
            bound_to_us(kept_in(fabric.inside(command(addresses or Addresses(), admin, options)))),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=given,
        )
    try:
        wait_for(
            lambda: _answers(admin) or process.poll() is not None, "the emulator", timeout=TIME_TO_LISTEN
        )
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="backslashreplace").strip()[-2000:]
            raise LabError(f"the emulator ended with {process.returncode}: {said or 'no message'}")
        yield Emulator(admin=admin, log=log, pid=process.pid, page=page)
    finally:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.kill(process.pid, signal.SIGTERM)
            process.wait(TIME_TO_STOP)
        kill_session(process)


def _answers(admin: Path) -> bool:
    """Whether somebody listens on a socket; it is there an instant before that."""
    with socket.socket(socket.AF_UNIX) as knock, suppress(OSError):
        knock.connect(str(admin))
        return True
    return False


def _on_loopback(port: int) -> socket.socket:
    """A socket that listens there. Raises: LabError."""
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise LabError(f"the dashboard cannot have port {port}: {error.strerror or error}") from error
