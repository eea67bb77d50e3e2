"""Which process the supervisor is, as an operator's commands find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.main import supervisor
from limpet.host.files import RealFiles
from limpet.host.lock import SingleInstance

if TYPE_CHECKING:
    from pathlib import Path


def test_the_note_of_a_supervisor_that_was_killed_leads_to_no_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("limpet appliance, process 1\n", encoding="ascii")
    assert supervisor(lock, RealFiles()) is None


def test_a_supervisor_is_found_by_the_lock_it_holds(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with SingleInstance(lock, who="limpet appliance"):
        assert supervisor(lock, RealFiles()) is not None
    assert supervisor(lock, RealFiles()) is None


def test_who_else_holds_the_lock_is_no_supervisor(tmp_path: Path) -> None:
    with SingleInstance(tmp_path / "lock", who="limpet guestshell"):
        assert supervisor(tmp_path / "lock", RealFiles()) is None
