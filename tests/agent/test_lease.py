"""The right to talk to the fabric: taken, kept, lost, and what the fence lets through."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from limpet.agent.lease import FabricLease, LeasedFetcher, LeasedHttp
from limpet.guest.fabric_lease import EXCHANGE, GRANT, Grant, Holder, render_grant
from limpet.host.fake import FakeMachine
from limpet.host.fake_lease import FakeFolderNews, FakeLeaseLock, SharedLock
from limpet.model.errors import FabricUnreachable, LeaseLost
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

ASK = Request(method="GET", url="http://168.63.129.16/machine")
BOOT = "boot-1"


@dataclass
class Yard:
    """An exchange folder, its lock, and somebody who wants the lease."""

    machine: FakeMachine = field(default_factory=lambda: FakeMachine(fabric=lambda _: Response(status=200)))
    lock: SharedLock = field(default_factory=SharedLock)
    epoch: int = 0

    def __post_init__(self) -> None:
        self.machine.files.make_folder(EXCHANGE)
        self.news = FakeFolderNews(self.machine.clock)
        self.supervisor = self.hand()
        self.lease = FabricLease(
            EXCHANGE, Holder.GUEST_SHELL, self.hand(), self.machine.files, self.machine.log, boot=BOOT
        )
        self.http = LeasedHttp(self.machine.http, self.lease)

    def hand(self) -> FakeLeaseLock:
        return FakeLeaseLock(self.lock, self.machine.clock)

    def grant(self, holder: Holder, *, boot: str = BOOT) -> None:
        self.epoch += 1
        self.put(render_grant(Grant(holder=holder, epoch=self.epoch, boot=boot)))

    def put(self, content: bytes) -> None:
        self.machine.files.replace(EXCHANGE / GRANT, content)
        self.news.change()


def granted() -> Yard:
    yard = Yard()
    yard.grant(Holder.GUEST_SHELL)
    yard.lease.park(yard.news)
    return yard


def test_who_is_parked_goes_when_the_lock_is_let_go_and_the_grant_is_theirs() -> None:
    yard = Yard()
    yard.grant(Holder.NOBODY)
    yard.supervisor.take(wait=False)

    def hand_over() -> None:
        yard.grant(Holder.GUEST_SHELL)
        yard.supervisor.give()

    yard.machine.clock.after(3600.0, hand_over)
    began = yard.machine.clock.monotonic()
    yard.lease.park(yard.news)
    assert yard.machine.clock.monotonic() - began == 3600.0
    assert yard.lease.epoch == 2
    assert not yard.supervisor.take(wait=False)


@pytest.mark.parametrize("holder", [Holder.NOBODY, Holder.BOOT, Holder.STATUS_ONLY])
def test_a_lock_that_is_free_is_no_grant(holder: Holder) -> None:
    yard = Yard()
    yard.grant(holder)
    assert not yard.lease.claim(wait=True)
    assert yard.supervisor.take(wait=False)
    yard.supervisor.give()
    yard.machine.clock.after(60.0, lambda: yard.grant(Holder.GUEST_SHELL))
    yard.lease.park(yard.news)
    assert yard.lease.epoch == 2


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"version": 1, "holder": "guest-shell"}']
)
def test_a_grant_that_cannot_be_read_is_nobodys(content: bytes) -> None:
    yard = Yard()
    yard.put(content)
    assert not yard.lease.claim(wait=True)
    assert yard.lock.owner is None


def test_a_grant_of_another_start_of_the_machine_is_nobodys() -> None:
    yard = Yard()
    yard.grant(Holder.GUEST_SHELL, boot="boot-0")
    assert not yard.lease.claim(wait=True)


def test_nothing_goes_out_before_the_lease_is_there() -> None:
    yard = Yard()
    yard.grant(Holder.GUEST_SHELL)
    with pytest.raises(LeaseLost):
        yard.http.exchange(ASK)
    assert yard.machine.http.requests == []


def lose_to(holder: Holder) -> Callable[[Yard], None]:
    return lambda yard: yard.grant(holder)


@pytest.mark.parametrize(
    "lose",
    [
        lose_to(Holder.NOBODY),
        lose_to(Holder.STATUS_ONLY),
        lose_to(Holder.GUEST_SHELL),
        lambda yard: yard.put(b"{"),
        lambda yard: yard.machine.files.remove(EXCHANGE / GRANT),
        lambda yard: yard.machine.files.remove(EXCHANGE),
    ],
    ids=["nobody", "another", "another epoch", "broken", "gone", "no folder"],
)
def test_nothing_goes_out_once_the_grant_is_another_one_and_that_stays_so(
    lose: Callable[[Yard], None],
) -> None:
    yard = granted()
    yard.http.exchange(ASK)
    lose(yard)
    with pytest.raises(LeaseLost):
        yard.http.exchange(ASK)
    yard.machine.files.make_folder(EXCHANGE)
    yard.put(render_grant(Grant(holder=Holder.GUEST_SHELL, epoch=1, boot=BOOT)))
    with pytest.raises(LeaseLost):
        yard.http.exchange(ASK)
    assert len(yard.machine.http.requests) == 1
    assert yard.lease.lost


def test_the_fence_is_around_downloads_too() -> None:
    yard = granted()
    fetcher = LeasedFetcher(yard.machine.fetcher, yard.lease)
    yard.grant(Holder.NOBODY)
    with pytest.raises(LeaseLost):
        fetcher.exchange(ASK)
    with pytest.raises(LeaseLost):
        fetcher.fetch("http://storage.example/x", Path("/x"), headers={}, limit=1, timeout=1)
    with pytest.raises(LeaseLost):
        fetcher.send(ASK, Path("/x"), size=1)


def test_the_lock_is_given_when_the_last_exchange_has_ended() -> None:
    yard = granted()
    with yard.lease.talking():
        assert not yard.lease.let_go(patience=0.0)
        assert not yard.supervisor.take(wait=False)
    assert yard.lease.let_go(patience=0.0)
    assert yard.supervisor.take(wait=False)
    with pytest.raises(LeaseLost):
        yard.http.exchange(ASK)


def test_what_fails_because_the_lease_is_lost_is_nobodys_failure() -> None:
    yard = granted()

    def cut(request: Request) -> Response:
        yard.grant(Holder.NOBODY)
        yard.lease.still_ours()
        raise FabricUnreachable("cut")

    yard.machine.http.served = cut
    with pytest.raises(LeaseLost, match="nobody"):
        yard.http.exchange(ASK)


def test_what_fails_for_another_reason_stays_what_it_is() -> None:
    yard = granted()

    def cut(request: Request) -> Response:
        raise FabricUnreachable("cut")

    yard.machine.http.served = cut
    with pytest.raises(FabricUnreachable):
        yard.http.exchange(ASK)
