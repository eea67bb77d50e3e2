"""What the Lookout port promises, of the kernel's own and of the fake. More of the kernel's: tests/system/test_firewall.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from limpet.host.fake import FakeMachine
from limpet.host.fake_programs import install
from limpet.host.lookout import RealLookout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limpet.host.ports import Lookout


@pytest.fixture(params=["real", "fake"])
def lookout(request: pytest.FixtureRequest) -> Iterator[Lookout]:
    if request.param == "fake":
        machine = FakeMachine()
        install(machine.commands, "network")
        machine.links.add("lo", up=True)
        machine.commands.run(("ip", "-batch", "-"), stdin=b"address replace 127.0.0.1/8 dev lo\n")
        yield machine.lookout
        return
    real = RealLookout([b"a-table-that-nobody-has"])
    yield real
    real.close()


def test_rules_count_as_changed_when_they_are_asked_after_first_and_then_only_when_they_are(
    lookout: Lookout,
) -> None:
    assert lookout.rules_changed()
    assert not lookout.rules_changed()
    assert not lookout.rules_changed()


def test_the_way_to_oneself_begins_at_oneself(lookout: Lookout) -> None:
    assert lookout.source_for("127.0.0.1") == "127.0.0.1"


def test_without_news_of_rules_nothing_has_changed() -> None:
    real = RealLookout([b"limpet"])
    assert real.rules_changed()
    real.close()
    assert not real.rules_changed()
    real.close()
