"""The right to talk to the fabric, as one process has it: parked until it is granted, fenced from the moment it is not.

Decision: docs/decisions/0023-appliance.md.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from limpet.guest.fabric_lease import GRANT, LARGEST, parse_grant
from limpet.model.errors import FabricError, HostError, LeaseLost, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from limpet.guest.fabric_lease import Grant, Holder
    from limpet.host.lease_ports import FolderNews, LeaseLock
    from limpet.host.ports import Fetcher, Files, Http, Log
    from limpet.wire.http import Request, Response

LOST = 4
"""The exit code of an agent whose fabric lease has gone to somebody else."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


class FabricLease:
    """Safe to use from several threads once it is granted. epoch: of the grant under which this process talks, None before.

    lost: why it may not talk any more; None while it may, and before.
    """

    def __init__(
        self, exchange: Path, holder: Holder, lock: LeaseLock, files: Files, log: Log, *, boot: str
    ) -> None:
        """boot: the kernel's name of this boot; empty where it has none."""
        self.epoch: int | None = None
        self.lost: str | None = None
        self._file = exchange / GRANT
        self._holder = holder
        self._lock = lock
        self._files = files
        self._log = log
        self._boot = boot
        self._seen: object = None
        self._talking = 0
        self._turn = threading.Condition()

    def park(self, news: FolderNews) -> None:
        """Wait until the lease is this process's, for as long as that takes. Raises: HostError."""
        self._log.info("fabric_lease.parked", holder=self._holder.value)
        pause = _FIRST_PAUSE
        while not self.claim(wait=True):
            # Whoever grants has the lock while it is not granted; without it, this is not to be a busy loop.
            news.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._log.info("fabric_lease.taken", holder=self._holder.value, epoch=self.epoch)

    def claim(self, *, wait: bool) -> bool:
        """Take the lock, and keep it when the grant is ours. Says whether it is. Raises: HostError."""
        if not self._lock.take(wait=wait):
            return False
        grant, _ = self._read()
        if grant is None or not self._is_ours(grant):
            self._lock.give()
            return False
        self.epoch = grant.epoch
        return True

    def still_ours(self) -> bool:
        """Look at the grant again. What was lost stays lost."""
        if self.lost is None:
            self.lost = self._problem()
        return self.lost is None

    @contextmanager
    def talking(self) -> Iterator[None]:
        """One exchange with the fabric. Raises: LeaseLost, before it starts, when it may not, and when it failed after that."""
        with self._turn:
            self.require()
            self._talking += 1
        try:
            yield
        except (FabricError, HostError) as error:
            if self.lost is not None:
                raise LeaseLost(self.lost) from error
            raise
        finally:
            with self._turn:
                self._talking -= 1
                self._turn.notify_all()

    def require(self) -> None:
        """Raises: LeaseLost, when this process may not talk now."""
        if self.epoch is None or not self.still_ours():
            raise LeaseLost(self.lost or "the fabric lease has not been granted")

    def let_go(self, patience: float = 1.0) -> bool:
        """Talk no more, and let somebody else have the lock as soon as the last exchange has ended.

        patience: how long is waited for that, seconds. Says whether the lock was given: otherwise it goes with this process.
        """
        with self._turn:
            self.lost = self.lost or "this agent has let go of it"
            ended = self._turn.wait_for(lambda: not self._talking, patience)
        if ended:
            self._lock.give()
        return ended

    def _problem(self) -> str | None:
        grant, problem = self._read()
        if grant is None:
            return problem
        if not self._is_ours(grant):
            return f"the fabric lease is granted to {grant.holder.value} now (epoch {grant.epoch})"
        if grant.epoch != self.epoch:
            return f"the fabric lease was granted anew: epoch {grant.epoch}, not {self.epoch}"
        return None

    def _is_ours(self, grant: Grant) -> bool:
        same_boot = not (grant.boot and self._boot) or grant.boot == self._boot
        return grant.holder is self._holder and same_boot

    def _read(self) -> tuple[Grant | None, str]:
        """The grant; read again only when the file is another one."""
        try:
            info = self._files.info(self._file)
            signature = info and (info.changed_ns, info.size, info.modified)
            if signature is not None and isinstance(self._seen, tuple) and self._seen[0] == signature:
                return self._seen[1], ""
            grant = parse_grant(self._files.read(self._file, at_most=LARGEST))
        except FileNotFoundError:
            return None, f"there is no {self._file} any more"
        except (HostError, MalformedDocument) as error:
            return None, f"the grant of the fabric lease cannot be read: {error}"
        self._seen = signature, grant
        return grant, ""


class LeasedHttp:
    """Another Http, behind the fence."""

    def __init__(self, http: Http, lease: FabricLease) -> None:
        """http: what does the work."""
        self._http = http
        self._lease = lease

    def exchange(self, request: Request) -> Response:
        """Send one request and give its answer. Raises: LeaseLost; FabricUnreachable."""
        with self._lease.talking():
            return self._http.exchange(request)


class LeasedFetcher:
    """Another Fetcher, behind the fence: what it fetches may come through the host plugin."""

    def __init__(self, fetcher: Fetcher, lease: FabricLease) -> None:
        """fetcher: what does the work."""
        self._lease = lease
        self._fetcher = fetcher
        self.confine: Callable[[Sequence[Path]], None] = fetcher.confine
        self.unpack: Callable[[Path, Path], None] = fetcher.unpack
        self.warm: Callable[[], None] = fetcher.warm
        self.close: Callable[[], None] = fetcher.close

    def fetch(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        limit: int,
        timeout: float,
        proxied: bool = True,
    ) -> None:
        """Put the body of a GET at `destination`. Raises: LeaseLost; FabricError; HostError."""
        with self._lease.talking():
            self._fetcher.fetch(
                url, destination, headers=headers, limit=limit, timeout=timeout, proxied=proxied
            )

    def exchange(self, request: Request) -> Response:
        """Send a small request over any network. Raises: LeaseLost; FabricUnreachable."""
        with self._lease.talking():
            return self._fetcher.exchange(request)

    def send(self, request: Request, source: Path, *, size: int) -> Response:
        """Send a request whose body is a file. Raises: LeaseLost; FabricUnreachable, HostError."""
        with self._lease.talking():
            return self._fetcher.send(request, source, size=size)
