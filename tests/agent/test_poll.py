"""Following the fabric: what is asked, what is adopted, and that nothing is lost in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.agent.parts import (
    LAYOUT,
    LIBRARY,
    NAME,
    PLUGIN,
    WIRE,
    goal_state,
    handler,
    machine_goal_state,
    ports,
    settings,
)

from limpet.agent.artifacts import Artifacts
from limpet.agent.board import Board
from limpet.agent.cadence import Cadence
from limpet.agent.certificates import Certificates
from limpet.agent.fabric import Fabric
from limpet.agent.history import History
from limpet.agent.poll import HOST_PLUGIN_TRIES, PLACE_AGAIN, UNSUPPORTED_SECONDS, Poller
from limpet.host.fake import FakeMachine, nobody
from limpet.model.extensions import Source, StatusUpload
from limpet.model.ids import ConfigName, ContainerId, Url
from limpet.model.secret import Secret
from limpet.wire.extensionsconfig import render_extensions_config
from limpet.wire.goalstate import render_goal_state
from limpet.wire.http import Response
from limpet.wire.ticks import ticks_to_text
from limpet.wire.vmsettings_render import render_vm_settings

if TYPE_CHECKING:
    from limpet.model.extensions import ExtensionsGoalState
    from limpet.wire.http import Request

TICKS = 639_000_000_000_000_000
PERIOD = 6.0


class Sky:
    """A fabric in a few members: what each service answers now."""

    def __init__(self) -> None:
        self.state = machine_goal_state()
        self.extensions = goal_state()
        self.ticks = TICKS  # when the wire server's goal state was made
        self.moment = TICKS
        self.settings: tuple[ExtensionsGoalState, int, str] | None = None  # and ticks, and ETag
        self.down: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        what = next(
            (name for name in ("comp=goalstate", "vmSettings", "type=extensions", "type=shared", "certificates") if name in request.url),
            "else",
        )  # fmt: skip
        self.asked.append(what)
        if what in self.down:
            return nobody(request)
        if what == "comp=goalstate":
            return Response(status=200, body=render_goal_state(self.state))
        if what == "type=extensions":
            return Response(status=200, body=render_extensions_config(self.extensions, self.ticks))
        if what == "vmSettings":
            return self._vm_settings(request)
        return Response(status=200, body=b"<CertificateFile/>")

    def _vm_settings(self, request: Request) -> Response:
        if self.settings is None:
            return Response(status=404)
        settings_, ticks, etag = self.settings
        if request.headers["x-ms-containerid"] != self.state.container_id:
            return Response(status=410)
        if request.headers.get("if-none-match") == etag:
            return Response(status=304)
        return Response(status=200, headers={"etag": etag}, body=render_vm_settings(settings_, ticks))

    def by_wire_server(self, incarnation: str, *names: str) -> None:
        self.state = replace(machine_goal_state(incarnation), container_id=self.state.container_id)
        self.extensions = goal_state(*(handler(settings(), name=name) for name in names))
        self.ticks = self.moment = self.moment + 10_000_000

    def by_host_plugin(self, etag: str, *names: str, source: Source = Source.FAST_TRACK) -> None:
        self.moment += 10_000_000
        handlers = tuple(handler(settings(), name=name) for name in names)
        given = goal_state(*handlers, source=source, host_plugin_version="1.0.8.179", svd_sequence_number=1)
        self.settings = (given, self.moment, etag)

    def count(self, what: str) -> int:
        return self.asked.count(what)


class Bench:
    def __init__(self, **members: Any) -> None:
        self.sky, self.board = Sky(), Board()
        self.fake = FakeMachine(fabric=self.sky, storage=self.sky)
        fake, machine = self.fake, ports(self.fake)
        fabric = Fabric(fake.http, fake.clock, fake.chance, wire_server=WIRE, host_plugin=PLUGIN)
        self.poller = Poller(
            fabric,
            self.board,
            Certificates(fabric, machine, library=LIBRARY),
            Artifacts(fabric, fake.fetcher, fake.files, fake.chance, fake.log, scratch=LIBRARY / ".fetched"),
            History(fake.files, fake.clock, fake.log, LAYOUT.history),
            machine,
            layout=LAYOUT,
            cadence=Cadence(period=PERIOD),
            **members,
        )
        self.wait = 0.0

    def poll(self) -> None:
        self.fake.clock.sleep(self.wait)
        self.wait = self.poller.poll()

    def live(self, seconds: float) -> None:
        end = self.fake.clock.monotonic() + seconds
        while self.fake.clock.monotonic() < end:
            self.poll()

    def known(self) -> tuple[int, str, list[str]]:
        """The number, the id and the handlers of the goal state that is followed."""
        snapshot = self.board.snapshot
        assert snapshot is not None
        extensions = snapshot.extensions
        return snapshot.round, extensions.id, [each.name for each in extensions.handlers]


def test_the_first_goal_state_is_that_of_the_wire_server_where_the_host_plugin_has_none() -> None:
    bench = Bench()
    bench.sky.extensions = goal_state(handler(settings()))
    bench.poll()
    assert bench.known() == (1, "incarnation_1", [NAME])
    assert not bench.board.fast_track


def test_until_there_is_a_goal_state_polls_are_close() -> None:
    bench = Bench()
    bench.sky.down = {"comp=goalstate"}
    bench.poll()
    assert bench.wait == 1.0
    bench.sky.down = {"vmSettings"}
    for _ in range(HOST_PLUGIN_TRIES - 1):
        bench.poll()
        assert bench.board.snapshot is None
    bench.poll()
    assert bench.known()[1] == "incarnation_1"


def test_a_part_that_cannot_be_had_keeps_the_whole_for_the_next_look() -> None:
    bench = Bench()
    bench.poll()
    bench.sky.by_wire_server("2", "New")
    bench.sky.down = {"type=extensions"}
    bench.live(10)
    assert bench.known() == (1, "incarnation_1", [])
    bench.sky.down = set()
    bench.live(PERIOD)
    assert bench.known() == (2, "incarnation_2", ["New"])


def test_new_settings_of_the_host_plugin_are_kept_when_what_follows_fails() -> None:
    bench = Bench()
    bench.sky.by_host_plugin("1")
    bench.poll()
    bench.live(60)
    bench.sky.by_wire_server("2", "New")
    bench.sky.by_host_plugin("2", "New", source=Source.FABRIC)
    bench.sky.down = {"comp=goalstate"}
    bench.live(8)
    assert bench.known()[2] == []
    bench.sky.down = set()
    bench.live(PERIOD)
    assert bench.known()[1:] == ("incarnation_2", ["New"])


def announcing() -> Bench:
    """A fabric whose host plugin has been seen to announce a change of the wire server."""
    bench = Bench()
    bench.sky.by_host_plugin("0", source=Source.FABRIC)
    bench.live(60)
    bench.sky.by_wire_server("1a", "First")
    bench.sky.by_host_plugin("1", "First", source=Source.FABRIC)
    bench.live(60)
    assert bench.known()[1:] == ("incarnation_1a", ["First"])
    return bench


def test_while_the_host_plugin_announces_everything_the_wire_server_is_left_in_peace() -> None:
    bench = announcing()
    bench.sky.asked.clear()
    bench.live(300)
    assert bench.sky.count("comp=goalstate") <= 8
    bench.sky.by_wire_server("2", "New")
    bench.sky.by_host_plugin("2", "New", source=Source.FABRIC)
    bench.live(PERIOD)
    assert bench.known()[1:] == ("incarnation_2", ["New"])


@pytest.mark.parametrize("source", [Source.FABRIC, Source.FAST_TRACK, Source.UNKNOWN])
@pytest.mark.parametrize("seconds", [1, 40, 100, 1000])
def test_a_host_plugin_that_says_the_same_for_ever_delays_no_change(source: Source, seconds: int) -> None:
    bench = Bench()
    bench.sky.by_host_plugin("1", source=source)
    bench.live(seconds)
    for number in range(2, 6):
        bench.sky.by_wire_server(str(number), f"New{number}")
        bench.live(PERIOD)
        assert bench.known()[1:] == (f"incarnation_{number}", [f"New{number}"])
        bench.live(seconds)


def test_a_change_between_the_two_questions_of_one_look_is_seen_by_it_and_is_none_that_was_missed() -> None:
    bench = announcing()
    sky = bench.sky

    class Hasty(Sky):
        def _vm_settings(self, request: Request) -> Response:
            if sky.state.incarnation == "1a" and sky.asked[-2:-1] == ["comp=goalstate"]:
                sky.by_wire_server("2", "New")
                sky.by_host_plugin("2", "New", source=Source.FABRIC)
            return Sky._vm_settings(sky, request)

    sky.__class__ = Hasty
    while sky.state.incarnation == "1a":
        bench.poll()
    assert bench.known()[1:] == ("incarnation_2", ["New"])
    bench.live(60)
    sky.asked.clear()
    bench.live(300)
    assert sky.count("comp=goalstate") <= 8


def test_a_host_plugin_that_misses_a_change_is_not_relied_on_again() -> None:
    bench = announcing()
    bench.sky.by_wire_server("2", "New")  # and the host plugin says nothing
    bench.live(60)
    assert bench.known()[1:] == ("incarnation_2", ["New"])
    bench.live(60)
    bench.sky.by_wire_server("3", "Newer")
    bench.live(2 * PERIOD)
    assert bench.known()[2] == ["Newer"]


def test_a_vm_that_moves_is_no_change_that_the_host_plugin_missed() -> None:
    bench = announcing()
    rounds = bench.known()[0]
    bench.sky.state = replace(
        bench.sky.state, container_id=ContainerId("moved"), config_name=ConfigName("e.0.xml")
    )
    bench.live(100)
    snapshot = bench.board.snapshot
    assert snapshot is not None
    assert snapshot.goal_state.container_id == "moved"
    assert bench.known()[0] == rounds
    for number in range(40):  # whichever service the next poll asks
        bench.sky.state = replace(bench.sky.state, container_id=ContainerId(f"moved-{number}"))
        bench.poll()
    bench.live(60)
    bench.sky.asked.clear()
    bench.live(300)
    assert bench.sky.count("comp=goalstate") <= 8


def test_a_goal_state_that_says_the_same_in_other_words_is_not_processed_again() -> None:
    bench = Bench()
    bench.sky.extensions = goal_state(handler(settings()))
    bench.poll()
    upload = StatusUpload(url=Secret(Url("http://storage.example/status?sig=another")))
    bench.sky.state = replace(bench.sky.state, container_id=ContainerId("moved"))
    bench.sky.extensions = replace(bench.sky.extensions, status_upload=upload)
    bench.live(PERIOD)
    snapshot = bench.board.snapshot
    assert snapshot is not None
    assert snapshot.extensions.status_upload == upload
    assert snapshot.round == 1
    bench.sky.state = replace(bench.sky.state, container_id=ContainerId("again"))
    bench.sky.extensions = goal_state(handler(settings(5)))
    bench.live(PERIOD)
    assert bench.known()[0] == 2


@pytest.mark.parametrize("fast_track", [False, True])
def test_a_goal_state_that_says_nowhere_where_status_may_go_is_asked_for_again(fast_track: bool) -> None:
    bench = Bench()
    if fast_track:
        bench.sky.by_host_plugin("1", NAME)
        assert bench.sky.settings is not None
        there = bench.sky.settings
        bench.sky.settings = (replace(there[0], status_upload=None), *there[1:])
    else:
        bench.sky.by_wire_server("1", NAME)
        whole = bench.sky.extensions
        bench.sky.extensions = replace(whole, status_upload=None)
    bench.poll()
    first = bench.known()
    bench.live(60)
    assert bench.sky.count("type=extensions") in {2, 3, 4}
    assert bench.known() == first
    if fast_track:
        bench.sky.settings = there
    else:
        bench.sky.extensions = whole
    bench.live(PLACE_AGAIN + 10)
    assert bench.board.snapshot is not None
    assert bench.board.snapshot.extensions.status_upload is not None
    assert bench.known() == first
    asked = bench.sky.count("type=extensions")
    bench.live(3 * PLACE_AGAIN)
    assert bench.sky.count("type=extensions") == asked


def test_an_older_goal_state_never_replaces_a_newer_one() -> None:
    bench = Bench()
    bench.sky.by_host_plugin("1", "Fast")
    bench.poll()
    assert bench.known()[2] == ["Fast"]
    bench.sky.by_wire_server("2", "Slow")
    bench.sky.ticks = TICKS
    bench.live(30)
    assert bench.known()[2] == ["Fast"]
    bench.sky.by_wire_server("3", "Newest")
    bench.live(2 * PERIOD)
    assert bench.known()[2] == ["Newest"]


def test_without_fast_track_the_host_plugin_is_never_asked() -> None:
    bench = Bench(use_fast_track=False)
    bench.sky.by_host_plugin("1", "Fast")
    bench.live(60)
    assert bench.sky.count("vmSettings") == 0
    assert bench.known()[2] == []


def test_a_host_plugin_without_settings_is_left_in_peace_for_six_hours() -> None:
    bench = Bench()
    bench.poll()
    bench.fake.clock.sleep(UNSUPPORTED_SECONDS - 100)
    bench.live(90)
    assert bench.sky.count("vmSettings") == 1
    bench.sky.by_host_plugin("1", "Fast")
    bench.live(60)
    assert bench.known()[2] == ["Fast"]
    assert bench.board.fast_track


@pytest.mark.parametrize("recorded", [TICKS + 50_000_000, TICKS - 50_000_000])
def test_a_goal_state_older_than_the_recorded_one_is_outdated(recorded: int) -> None:
    bench = Bench()
    marker = LAYOUT.fast_track_marker
    bench.fake.files.replace(marker, f'{{"timestamp": "{ticks_to_text(recorded)}"}}'.encode())
    bench.poll()
    snapshot = bench.board.snapshot
    assert snapshot is not None
    assert snapshot.outdated == (recorded > TICKS)
    assert (bench.fake.files.info(marker) is not None) == (recorded > TICKS)


def test_an_idle_vm_asks_less_than_once_in_two_seconds() -> None:
    silent, static = Bench(), Bench()
    static.sky.by_host_plugin("1", source=Source.FABRIC)
    for bench in (silent, static, announcing()):
        bench.live(120)
        bench.sky.asked.clear()
        bench.live(60)
        assert len(bench.sky.asked) <= 28


def test_whatever_the_disk_refuses_the_goal_state_is_adopted() -> None:
    bench = Bench()
    bench.fake.files.full = True
    bench.sky.by_host_plugin("1", "Fast")
    bench.poll()
    assert bench.known()[2] == ["Fast"]
    assert bench.fake.log.of("fast_track.unrecorded")
