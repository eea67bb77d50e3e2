"""`limpet agent --status-only`: builds the status-only agent on this machine and keeps it going until it is told to end."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from limpet import __version__, packed
from limpet.agent.endpoint import find_endpoint
from limpet.agent.lease import LOST, FabricLease, LeasedHttp
from limpet.agent.status_only import Means, StatusOnly
from limpet.guest.fabric_lease import EXCHANGE, LOCK, Holder
from limpet.guest.saying import Saying, one_line
from limpet.host.beneath import FilesBeneath
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.files import RealFiles
from limpet.host.http import PlainHttp
from limpet.host.lease_lock import FlockLease, SignalledFolder
from limpet.host.log import open_log
from limpet.host.machine import guest_info
from limpet.host.reported import boot_id
from limpet.model.errors import HostError, LeaseLost

if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from limpet.config.settings import Config
    from limpet.host.ports import Log
    from limpet.wire.http import Request, Response

GUEST_LIBRARY = Path("/var/lib/limpet/guest/state/waagent")
"""The guest shell's library folder, as the host has it."""
FINDING = 5.0
"""How long the fabric is looked for before something else is looked at again, seconds."""


class Ending(BaseException):
    """This process was asked to end, whatever it is doing."""


class LateFetcher:
    """A Fetcher that is made when it is needed: seldom, and it takes long to load."""

    def __init__(self, proxy: str | None, lease: FabricLease) -> None:
        self._proxy = proxy
        self._lease = lease

    def exchange(self, request: Request) -> Response:
        """Send a small request over any network. Raises: FabricUnreachable."""
        from limpet.host.fetch import WorkerFetcher  # noqa: PLC0415

        fetcher = WorkerFetcher(proxy=self._proxy, idle=0.0)
        try:
            with self._lease.talking():
                return fetcher.exchange(request)
        finally:
            fetcher.close()


def run(config: Config, options: Namespace) -> int:
    """Park, then report until this process is asked to end or has lost the lease. Gives the exit code. Raises: HostError."""
    if os.geteuid() != 0:
        raise HostError("only root can report in the guest shell's place")
    log, files, exchange = open_log(config.log_file), RealFiles(), options.exchange or EXCHANGE
    lease = FabricLease(
        exchange, Holder.STATUS_ONLY, FlockLease(exchange / LOCK), files, log, boot=boot_id(files)
    )
    packed.end()  # it may stay for long, in a rescue
    changes = SignalledFolder(exchange)
    saying = Saying(state=options.state, text=one_line(options.saying) or "status only")
    library = options.handlers or (GUEST_LIBRARY if GUEST_LIBRARY.is_dir() else config.library)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    agent: StatusOnly | None = None
    try:
        lease.park(changes)
        means = _means(config, lease, library, log)
        agent = StatusOnly(means, config, lease, saying, exchange=exchange, library=library)
        while True:
            changes.wait(agent.turn())
    except Ending:
        with suppress(LeaseLost):
            if agent is not None:
                agent.last()
        log.info("agent.ended")
        return 0
    except LeaseLost as error:
        lost = str(error)
    log.error("agent.lost_lease", problem=lost, exit_code=LOST)
    return LOST


def _end(number: int, _frame: object) -> NoReturn:
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)  # once is enough: the last report is on its way
    raise Ending(signal.Signals(number).name)


def _means(config: Config, lease: FabricLease, library: Path, log: Log) -> Means:
    files, clock = RealFiles(), RealClock()

    def owes_ready() -> bool:
        from limpet.agent import ready  # noqa: PLC0415
        from limpet.host.commands import RealCommands  # noqa: PLC0415

        return ready.is_owed(files, RealCommands(), config.library)

    return Means(
        http=LeasedHttp(PlainHttp(user_agent=config.user_agent), lease),
        fetcher=LateFetcher(config.proxy, lease),
        files=files,
        library=FilesBeneath(library),
        clock=clock,
        chance=RealRandom(),
        log=log,
        guest=guest_info(__version__),
        find=lambda http: find_endpoint(config, http, files, clock, log, patience=FINDING),
        owes_ready=owes_ready,
    )
