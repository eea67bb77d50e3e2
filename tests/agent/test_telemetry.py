"""Telemetry: what cannot be sent is lost, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.agent.parts import LIBRARY, NAME, PLUGIN, WIRE, folder, ports, snapshot, store

from limpet.agent.board import Board
from limpet.agent.fabric import Fabric
from limpet.agent.telemetry import HALF_WRITTEN, MOST_WAITING, Common, Telemetry
from limpet.host.fake import FakeMachine
from limpet.host.fake_files import FakeFiles
from limpet.model.errors import HostError
from limpet.wire.http import Response
from limpet.wire.telemetry import parse_telemetry

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.model.telemetry import Event
    from limpet.wire.http import Request

EVENT = (
    b'{"Version": "1", "Timestamp": "t", "TaskName": "x", "EventLevel": "Informational", "Message": "hello",'
    b' "EventPid": "1", "EventTid": "1", "OperationId": "o"}'
)


class Fixed(FakeFiles):
    """Files that cannot be removed."""

    def remove(self, path: Path) -> None:
        raise HostError(f"cannot remove {path}: Operation not permitted")


class Bench:
    def __init__(self, *, fixed: bool = False) -> None:
        self.fake, self.board = FakeMachine(), Board()
        if fixed:
            self.fake.files = Fixed(self.fake.clock, self.fake.files.nodes)
        self.posted: list[Event] = []
        self.asked: list[str] = []
        self.fake.http.served = self.serve
        fabric = Fabric(
            self.fake.http, self.fake.clock, self.fake.chance, wire_server=WIRE, host_plugin=PLUGIN
        )
        common = Common(
            fabric, self.board, ports(self.fake), facts={"GAVersion": "limpet-0"}, metadata="169.254.169.254"
        )
        self.store = store(self.fake)
        self.telemetry = Telemetry(self.store, fabric, ports(self.fake), common.parameters)

    def serve(self, request: Request) -> Response:
        self.asked.append(request.url)
        if "telemetrydata" in request.url:
            self.posted += parse_telemetry(request.body)
            return Response(status=200)
        if "metadata" in request.url:
            return Response(status=200, body=b'{"location": "here", "vmId": "v"}')
        return Response(status=404)

    def here(self, *versions: str) -> None:
        for version in versions:
            self.fake.files.make_folder(folder(version).config)
        self.fake.files.make_folder(folder().events)

    def did(self, number: int = 0) -> None:
        self.telemetry.did(NAME, "1.0.0", "Enable", success=True, message=str(number), seconds=1)


def parameters(event: Event) -> dict[str, object]:
    return dict(event.parameters)


def test_with_nothing_to_tell_nothing_is_asked_or_sent() -> None:
    bench = Bench()
    bench.telemetry.send()
    bench.telemetry.collect()
    assert bench.asked == []


def test_what_is_common_is_asked_once_and_the_container_is_that_of_the_moment() -> None:
    bench = Bench()
    bench.board.adopt(snapshot())
    for _ in range(3):
        bench.did()
        bench.telemetry.send()
    assert sum("metadata" in url for url in bench.asked) == 1
    found = parameters(bench.posted[-1])
    assert (found["Location"], found["VMId"], found["ContainerId"], found["GAVersion"]) == ("here", "v", "c", "limpet-0")  # fmt: skip


def test_no_more_waits_than_there_is_room_for_and_the_newest_stay() -> None:
    bench = Bench()
    for number in range(MOST_WAITING + 50):
        bench.did(number)
    bench.telemetry.send()
    assert len(bench.posted) == MOST_WAITING
    assert parameters(bench.posted[-1])["Message"] == str(MOST_WAITING + 49)


def test_events_have_the_version_that_they_say_whichever_is_installed() -> None:
    bench = Bench()
    bench.here("1.9.0", "1.10.0")
    bench.fake.files.replace(folder().events / "1.json", EVENT)
    bench.telemetry.collect()
    assert [parameters(event)["EventName"] for event in bench.posted] == [f"{NAME}-1"]


def test_events_of_a_handler_that_has_gone_are_sent_and_folders_of_other_names_are_not_looked_into() -> None:
    bench = Bench()
    places = [folder(name=name).events for name in ("Contoso.Gone", "custom-script", "a b.c", ".Hidden.x")]
    for place in places:
        bench.fake.files.make_folder(place)
        bench.fake.files.replace(place / "1.json", EVENT)
    bench.telemetry.collect()
    assert [parameters(event)["EventName"] for event in bench.posted] == ["Contoso.Gone-1"]
    assert [len(bench.fake.files.names(place)) for place in places] == [0, 1, 1, 1]


def test_a_file_that_may_be_half_written_is_read_again_the_next_time() -> None:
    bench = Bench()
    bench.here("1.0.0")
    path = folder().events / "1.json"
    bench.fake.files.replace(path, EVENT[:50])
    bench.telemetry.collect()
    assert bench.fake.files.info(path) is not None
    bench.fake.files.replace(path, EVENT)
    bench.telemetry.collect()
    assert len(bench.posted) == 1
    bench.fake.files.replace(path, EVENT[:50])
    bench.fake.clock.sleep(HALF_WRITTEN)
    bench.telemetry.collect()
    assert bench.fake.files.info(path) is None


def test_what_cannot_be_removed_is_not_sent() -> None:
    bench = Bench(fixed=True)
    bench.here("1.0.0")
    bench.fake.files.replace(folder().events / "1.json", EVENT)
    bench.fake.files.make_folder(LIBRARY / "events")
    bench.fake.files.replace(LIBRARY / "events" / "1.tld", b"<x/>")
    for _ in range(3):
        bench.telemetry.collect()
        bench.telemetry.send()
    assert bench.posted == []


def test_one_handler_whose_folder_cannot_be_listed_does_not_keep_the_others() -> None:
    bench = Bench()
    bench.here("1.0.0")
    other = folder(name="Contoso.Other")
    bench.fake.files.make_folder(other.config)
    bench.fake.files.make_folder(other.events)
    for each in (folder(), other):
        bench.fake.files.replace(each.events / "1.json", EVENT)
    bench.fake.files.broken[other.events] = "Input/output error"
    bench.telemetry.collect()
    assert len(bench.posted) == 1


def test_a_file_of_an_impossible_time_is_sent_all_the_same() -> None:
    bench = Bench()
    bench.here("1.0.0")
    bench.fake.clock.step(10.0**13)
    bench.fake.files.replace(folder().events / "1.json", EVENT)
    bench.telemetry.collect()
    assert parameters(bench.posted[0])["OpcodeName"] == "0001-01-01T00:00:00.000000Z"
