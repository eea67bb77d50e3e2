"""Processes that the supervisor starts: what they say is kept whole, however they end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.host import child_program

from limpet.host.children import RealChildren
from limpet.host.clock import RealClock

if TYPE_CHECKING:
    from limpet.host.ports import Completed


def ended(*arguments: str, given: bytes = b"") -> Completed:
    child = RealChildren(RealClock()).start(child_program.__name__, *arguments, given=given)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    done = child.ended()
    assert done is not None
    return done


def test_what_a_child_has_said_is_there_when_it_has_ended_at_once() -> None:
    done = ended("3", given=b"a word")
    assert (done.exit_code, done.stdout, done.stderr) == (3, b"a word" * child_program.MANY, b"complaint\n")


def test_a_child_that_fails_unexpectedly_says_why() -> None:
    done = ended("nonsense")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith(b"ValueError: invalid literal")
