"""Processing goal states: once each, in order, to the end or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.agent.parts import LIBRARY, folder, handler, ports, settings, snapshot, store

from limpet.agent.board import Board
from limpet.agent.bridge import Bridge
from limpet.agent.cloudinit import CloudInit
from limpet.agent.dependencies import Dependencies
from limpet.agent.policy import Policy
from limpet.agent.statuses import Statuses
from limpet.agent.steps import ExtensionFailed
from limpet.agent.work import Worker
from limpet.host.fake import FakeMachine
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.status import HandlerStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.agent.runner import Runner
    from limpet.agent.worklist import Item


class Doing:
    """Stands for the runner: does what a test says and keeps what it was asked."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.outcomes: dict[str, Callable[[], None]] = {}

    def run(self, item: Item) -> None:
        self.log.append(item.title)
        self.outcomes.get(item.title, lambda: None)()

    def fail(self, item: Item, error: HandlerError, *, forbidden: bool = False) -> None:
        word = "forbidden" if forbidden else "failed"
        self.log.append(f"{item.title} {word} {int(error.code)}")

    def skip(self, item: Item, reason: str) -> None:
        self.log.append(f"{item.title} skipped")


def raising(error: Exception) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def working(
    *, enabled: bool = True, policy: Policy | None = None
) -> tuple[FakeMachine, Board, Doing, Worker]:
    fake, board, doing = FakeMachine(), Board(), Doing()
    runner: Runner = doing  # type: ignore[assignment] # what the worker asks of it
    records = store(fake)
    dependencies = Dependencies(Statuses(records, fake.clock), board, ports(fake))
    cloud_init = CloudInit(ports(fake), False, 1, LIBRARY)
    worker = Worker(
        board,
        runner,
        dependencies,
        cloud_init,
        records,
        ports(fake),
        extensions_enabled=enabled,
        policy=policy or Policy(),
        bridge=Bridge(None),
    )
    return fake, board, doing, worker


A, B = (handler(name=name) for name in ("A", "B"))
MULTI = handler(
    settings(name="x"), settings(name="y"), name="M", multi_config=True
)  # fmt: skip


def test_a_goal_state_is_processed_once() -> None:
    _, board, doing, worker = working()
    assert not worker.work()
    board.adopt(snapshot(A, B))
    assert worker.work()
    assert not worker.work()
    board.adopt(snapshot(A, B))  # the same number: the same goal state in other words
    assert not worker.work()
    assert doing.log == ["A", "B"]
    assert board.aggregate is not None
    assert (board.aggregate.status, board.aggregate.code, board.aggregate.svd_sequence_number) == (
        "Success",
        0,
        "1",
    )


def test_of_goal_states_that_came_meanwhile_only_the_newest_is_processed() -> None:
    _, board, doing, worker = working()
    board.adopt(snapshot(A))
    board.adopt(snapshot(B, number=2))
    worker.work()
    assert doing.log == ["B"]


def test_one_handlers_failure_is_its_own() -> None:
    _, board, doing, worker = working()
    doing.outcomes["A"] = raising(HandlerError("x", code=Code.INSTALL))
    board.adopt(snapshot(A, B))
    worker.work()
    assert doing.log == ["A", "B"]
    assert board.aggregate is not None
    assert board.aggregate.status == "Success"


@pytest.mark.parametrize(
    "error", [HostError("No space left"), FileNotFoundError("gone"), PermissionError("no")]
)
def test_a_failure_of_the_machine_is_recorded_as_the_handlers(error: Exception) -> None:
    _, board, doing, worker = working()
    doing.outcomes["A"] = raising(error)
    board.adopt(snapshot(A, B))
    worker.work()
    assert doing.log == ["A", f"A failed {int(Code.PROCESSING)}", "B"]


def test_a_handler_that_failed_as_a_whole_is_not_tried_for_its_other_extensions() -> None:
    _, board, doing, worker = working()
    doing.outcomes["M.x"] = raising(HandlerError("install failed", code=Code.INSTALL))
    board.adopt(snapshot(MULTI, B))
    worker.work()
    assert doing.log == ["M.x", f"M.y failed {int(Code.INSTALL)}", "B"]
    doing.log.clear()
    doing.outcomes.clear()
    board.adopt(snapshot(MULTI, number=2))
    worker.work()
    assert doing.log == ["M.x", "M.y"]


def test_an_extension_that_failed_keeps_its_siblings_from_nothing() -> None:
    _, board, doing, worker = working()
    doing.outcomes["M.x"] = raising(ExtensionFailed("enable failed", code=Code.ENABLE))
    board.adopt(snapshot(MULTI))
    worker.work()
    assert doing.log == ["M.x", "M.y"]


def test_the_end_of_the_agent_leaves_the_rest_undone_and_unsaid() -> None:
    fake, board, doing, worker = working()
    store(fake).set_handler_status(
        folder(name="Gone"), HandlerStatus(name="Gone", version="1", status="Ready")
    )
    doing.outcomes["A"] = board.stop
    board.adopt(snapshot(A, B))
    worker.work()
    assert doing.log == ["A"]
    assert board.aggregate is None
    assert len(store(fake).installed()) == 1


@pytest.mark.parametrize("why", ["on_hold", "outdated"])
def test_what_is_held_or_outdated_is_not_processed_and_leaves_the_last_outcome(why: str) -> None:
    _, board, doing, worker = working()
    board.adopt(snapshot(A))
    worker.work()
    before = board.aggregate
    board.adopt(snapshot(B, number=2, **{why: True}))
    assert worker.work()
    assert doing.log == ["A"]
    assert board.aggregate is before


def test_forbidden_extensions_are_refused_each() -> None:
    _, board, doing, worker = working(enabled=False)
    board.adopt(snapshot(A, MULTI))
    worker.work()
    assert doing.log == [f"{name} forbidden {int(Code.ENABLE)}" for name in ("A", "M.x", "M.y")]


def test_a_disk_that_cannot_be_listed_ends_nothing() -> None:
    fake, board, doing, worker = working()
    fake.files.broken[LIBRARY] = "Input/output error"
    board.adopt(snapshot(A))
    assert worker.work()
    assert doing.log == ["A"]


def test_an_error_of_ours_leaves_the_board_as_after_a_processing() -> None:
    _, board, doing, worker = working()
    doing.outcomes["A"] = raising(KeyError("bug"))
    board.adopt(snapshot(A))
    with pytest.raises(KeyError):
        worker.work()
    assert not board.processing
