from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.lab.appliance.test_picture import BOOT, HANDOVER, ROLLED_BACK, record

from limpet.lab import main as lab
from limpet.lab.appliance.obstacle import obstacle
from limpet.lab.appliance.stage import Plot
from limpet.lab.commands import LabError
from limpet.lab.demo import appliance, look_around
from limpet.lab.demo.appliance_story import PROTECTED, Surprise, awaited, change
from limpet.lab.demo.life import LACKING
from limpet.lab.requirements import Lack

if TYPE_CHECKING:
    from limpet.lab.fabric import Fabric


class World:
    """Takes publications, or refuses them."""

    def __init__(self, problem: LabError | None = None) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self._problem = problem

    def publish(self, vm: str, *changes: dict[str, Any]) -> None:
        if self._problem is not None:
            raise self._problem
        self.published += [(vm, each) for each in changes]


def tell(surprise: Surprise, world: World, *entries: Any) -> None:
    for number, (kind, facts) in enumerate(entries, start=1):
        surprise.react(record(number, kind, facts), cast("Fabric", world))


def test_something_is_published_once_when_nobody_may_talk_during_a_handover() -> None:
    world, surprise = World(), Surprise("appliance")
    before = BOOT + HANDOVER[:3]
    tell(surprise, world, *before)
    assert world.published == []
    tell(surprise, world, *HANDOVER, *HANDOVER)
    assert world.published == [("appliance", change("Good morning", version="1.0.0"))]


def test_nothing_is_published_while_a_handover_is_rolled_back() -> None:
    world, surprise = World(), Surprise("appliance")
    tell(surprise, world, *BOOT, *ROLLED_BACK)
    assert world.published == []


def test_a_publication_that_is_refused_is_kept_for_the_story() -> None:
    surprise = Surprise("appliance")
    tell(surprise, World(LabError("no")), *BOOT, *HANDOVER)
    assert str(surprise.problem) == "no"


def test_settings_have_the_secret_and_what_is_awaited_does_not() -> None:
    assert change("Hi")["protected"] == PROTECTED
    assert PROTECTED["password"] not in str(awaited(0))


def test_an_obstacle_takes_both_names_that_the_nic_could_have() -> None:
    assert 'names="eth2 nic000204"' in obstacle("eth2", "00:0d:3a:00:02:04")


def test_an_appliances_configuration_is_its_plots() -> None:
    assert Plot(driver="kernel", runtime="nspawn").configuration().splitlines()[-4:] == [
        "retry_pause = 2",
        "",
        "[guest_shell]",
        'runtime = "nspawn"',
    ]


@pytest.mark.parametrize(("program", "words"), [(appliance, "The demo"), (look_around, "An appliance")])
def test_a_machine_that_lacks_something_is_told_what(
    program: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lack = Lack(what="no command `nft`", remedy="apt-get install nftables")
    assert program.main([], lacks=lambda: [lack]) == LACKING
    told = capsys.readouterr()
    assert told.err == f"{words} cannot run here:\n  - no command `nft`: apt-get install nftables\n"
    assert told.out == ""


@pytest.mark.parametrize("command", ["demo", "appliance"])
def test_help_has_an_example_and_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lab.main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"example:\n  sudo limpet lab {command}" in told
    assert "exit codes: 0 " in told


@pytest.mark.parametrize(
    "argv", [["demo", "--colour"], ["appliance", "--nics", "17"], ["appliance", "--network-os", "ios"]]
)
def test_wrong_usage_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        lab.main(argv)
    assert ended.value.code == 2
    assert "usage: limpet lab" in capsys.readouterr().err
