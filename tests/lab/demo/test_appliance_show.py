from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from limpet.lab.appliance.picture import OWNERS
from limpet.lab.appliance.words import Accepted, Gap
from limpet.lab.demo.appliance_show import ApplianceShow, appliance_show
from limpet.lab.timeline.moments import Moment, Tone, Who

GAP = Gap(last=Accepted(at=1000.0, sender=Who.BOOT), first=Accepted(at=1000.126, sender=Who.GUEST))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(
    stream: io.StringIO, *, as_json: bool = False, columns: int = 80, **environment: str
) -> ApplianceShow:
    return appliance_show(
        stream,
        as_json=as_json,
        driver="FRRouting",
        runtime="LXC",
        environment={"COLUMNS": str(columns), "TERM": "xterm", **environment},
    )


def owners(at: float = 1002.5, **facts: Any) -> Moment:
    known = {
        "stage": "handing-over",
        "newStage": True,
        "linux": ["eth0", "eth2"],
        "networkOs": ["eth1"],
        "moving": "eth2",
        "primary": "eth0",
        "holder": "status-only",
    }
    return Moment(at=at, who=Who.SUPERVISOR, what="words", kind=OWNERS, facts={**known, **facts})


def rows(*moments: Moment) -> list[str]:
    stream = io.StringIO()
    show = shown(stream)
    show.owners_begin()
    for moment in moments:
        show.moment(moment, start=1000.0, since=None)
    return stream.getvalue().splitlines()


def test_rows_are_a_table_of_who_has_what() -> None:
    assert rows(
        owners(),
        owners(newStage=False, linux=["eth0"], networkOs=["eth1", "eth2"], moving="eth0", holder="nobody"),
        owners(
            stage="steady", linux=[], networkOs=["eth0", "eth1", "eth2"], moving=None, holder="guest-shell"
        ),
    ) == [
        "    sec  stage          Linux              FRRouting           guest shell (LXC)",
        "   2.50  handing over ◆ eth0* eth2→        eth1",
        "   2.50                 eth0*→             eth1 eth2",
        "   2.50  steady                            eth0* eth1 eth2     ◆ agent",
    ]


def test_of_many_nics_the_primary_and_the_moving_one_are_named() -> None:
    many = [f"eth{number}" for number in range(16)]
    row = rows(owners(linux=many, networkOs=[], moving="eth7"))[1]
    assert "◆ eth0* eth7→ + 14 NICs" in row
    assert "eth1 " not in row


def test_the_gap_has_a_line_of_its_own() -> None:
    stream = io.StringIO()
    shown(stream).gap(GAP)
    assert re.search(r"^ +status gap: 0\.13 s$", stream.getvalue(), re.MULTILINE)


def test_what_only_programs_want_is_not_told_to_people() -> None:
    quiet = Moment(at=1.0, who=Who.FABRIC, what="something", kind="status", tone=Tone.QUIET)
    assert rows(quiet) == rows()
    stream = io.StringIO()
    shown(stream, as_json=True).moment(quiet, start=1.0, since=None)
    assert json.loads(stream.getvalue())["what"] == "something"


def test_words_that_are_too_long_go_on_below_their_beginning() -> None:
    long = Moment(at=1001.0, who=Who.FABRIC, what="word " * 30, kind="status")
    lines = rows(long)[1:]
    assert len(lines) > 1
    assert all(len(line) <= 110 for line in lines)
    assert {line.index("word") for line in lines} == {22}


def test_colour_is_for_terminals_that_want_it() -> None:
    piped, wanted, refused = io.StringIO(), Terminal(), Terminal()
    shown(piped).gap(GAP)
    shown(wanted).gap(GAP)
    shown(refused, NO_COLOR="1").moment(owners(), start=1000.0, since=None)
    assert "\x1b[" not in piped.getvalue()
    assert "\x1b[" in wanted.getvalue()
    assert "\x1b[3" not in refused.getvalue()


def test_a_terminal_has_a_last_line_that_counts() -> None:
    stream = Terminal()
    show = shown(stream)
    with show.alive():
        show.pulse("the NICs go to the network OS", 0.25)
    assert "status gap: 0.25 s and counting" in re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())


@pytest.mark.parametrize("as_json", [False, True])
def test_without_a_terminal_nothing_moves(as_json: bool) -> None:
    stream = io.StringIO()
    show = shown(stream, as_json=as_json)
    with show.alive():
        show.pulse("words", 0.25)
    assert stream.getvalue() == ""


def test_programs_are_told_the_gap_and_both_its_ends() -> None:
    stream = io.StringIO()
    show = shown(stream, as_json=True)
    show.owners_begin()
    show.gap(GAP)
    told = json.loads(stream.getvalue())
    assert told == {"type": "gap", "seconds": pytest.approx(0.126), "last": 1000.0, "first": 1000.126}
