"""What handlers leave to be told to the platform. Source: extensions.md §7."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.scenario.handlers import SAMPLE, enable
from tests.scenario.stage import LIBRARY, Stage, stage

if TYPE_CHECKING:
    from limpet.model.telemetry import Event


def collecting() -> Stage:
    play = stage()
    play.enabled()
    return play


def event(message: str, **members: str) -> bytes:
    return json.dumps(
        {
            "Version": "1.0.0.23",
            "Timestamp": "2026-01-02T03:04:05.678Z",
            "TaskName": "Enable",
            "EventLevel": "Informational",
            "Message": message,
            "EventPid": "4711",
            "EventTid": "1",
            "OperationId": "00000000-0000-0000-0000-000000000000",
            **members,
        }
    ).encode()


def chores(play: Stage, seconds: float = 320) -> None:
    end = play.clock.monotonic() + seconds
    while play.clock.monotonic() < end:
        play.clock.sleep(play.agent.chores.do())


def told(play: Stage) -> list[Event]:
    return [received.value for received in play.core.vm.inbox.telemetry.items]


def messages(play: Stage) -> list[object]:
    """Messages of handlers' events, as they arrived."""
    found = [dict(each.parameters) for each in told(play)]
    return [each["Context1"] for each in found if "Context1" in each]


def test_events_are_sent_newest_first_and_removed() -> None:
    play = collecting()
    for number in (100, 300, 200):
        play.files.replace(play.folder().events / f"{number}.json", event(f"n{number}"))
    chores(play)
    assert messages(play) == ["n300", "n200", "n100"]
    assert play.files.names(play.folder().events) == []
    parameters = dict(told(play)[-1].parameters)
    assert parameters["EventName"] == f"{SAMPLE}-1.0.0.23"
    assert parameters["ContainerId"] == play.core.vm.identity.container_id


def test_files_of_other_names_are_removed_unsent_and_folders_stay() -> None:
    play = collecting()
    play.files.replace(play.folder().events / "notes.json", event("no"))
    play.files.replace(play.folder().events / "1.json.tmp", event("no"))
    play.files.make_folder(play.folder().events / "Temp")
    play.files.replace(play.folder().events / "Temp" / "2.json", event("later"))
    chores(play)
    assert messages(play) == []
    assert play.files.names(play.folder().events) == ["Temp"]
    assert play.files.names(play.folder().events / "Temp") == ["2.json"]


def test_broken_huge_and_linked_files_are_removed_unsent() -> None:
    play = collecting()
    folder = play.folder().events
    play.files.replace(folder / "1.json", b"{")
    play.files.replace(folder / "2.json", b"\xff")
    play.files.replace(folder / "3.json", b"[" * 5000)
    play.files.replace(folder / "4.json", b" " * (5 * 1024 * 1024))
    play.files.replace(folder / "5.json", event(""))
    play.files.replace(LIBRARY / "elsewhere", event("secret"))
    play.files.link(folder / "6.json", LIBRARY / "elsewhere")
    chores(play)
    assert messages(play) == []
    assert play.files.names(folder) == []
    assert play.files.info(LIBRARY / "elsewhere") is not None


def test_an_events_folder_that_is_a_link_is_left_alone_with_what_it_leads_to() -> None:
    play = collecting()
    folder = play.folder().events
    play.files.remove(folder)
    play.files.make_folder(LIBRARY / "precious")
    play.files.replace(LIBRARY / "precious" / "1.json", b"{}")
    play.files.link(folder, LIBRARY / "precious")
    chores(play)
    assert play.files.names(LIBRARY / "precious") == ["1.json"]


def test_no_more_than_360_events_of_a_handler_are_taken_at_a_time_and_the_rest_is_dropped() -> None:
    play = collecting()
    many = b"[" + b",".join(event(f"m{number}") for number in range(300)) + b"]"
    for number in range(3):
        play.files.replace(play.folder().events / f"{number}.json", many)
    chores(play)
    assert len(messages(play)) == 360
    assert play.files.names(play.folder().events) == []


def test_events_that_cannot_be_removed_are_not_sent_for_ever() -> None:
    play = collecting()
    path = play.folder().events / "1.json"
    play.files.replace(path, event("again and again"))
    chores(play, 50)
    assert messages(play) == ["again and again"]
    play.files.replace(path, event("again and again"))
    play.files.broken[path] = "Read-only file system"
    chores(play, 1500)
    assert messages(play) == ["again and again"]


def test_what_the_agent_did_is_told_with_the_time_it_took() -> None:
    play = stage()
    play.host()
    play.parts["enable"] = lambda _: play.clock.sleep(2)
    play.publish(enable())
    play.turn()
    chores(play, 100)
    done = {
        (parameters["Operation"], parameters["OperationSuccess"], parameters["Duration"])
        for parameters in (dict(each.parameters) for each in told(play))
        if "Operation" in parameters
    }
    assert done == {("Install", True, 0), ("Enable", True, 2000)}


def test_the_older_spool_is_sent_and_removed_too() -> None:
    play = collecting()
    spooled = {
        "eventId": 1,
        "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975",
        "parameters": [
            {"name": "Name", "value": "Contoso.Old"},
            {"name": "Operation", "value": "Enable"},
            {"name": "Message", "value": "spooled"},
        ],
    }
    play.files.make_folder(LIBRARY / "events")
    play.files.replace(LIBRARY / "events" / "1.tld", json.dumps(spooled).encode())
    play.files.replace(LIBRARY / "events" / "2.tld", b"nonsense")
    play.files.replace(LIBRARY / "events" / "keep.txt", b"not ours")
    chores(play, 100)
    assert "spooled" in [dict(each.parameters).get("Message") for each in told(play)]
    assert play.files.names(LIBRARY / "events") == ["keep.txt"]


def test_telemetry_that_nobody_takes_is_lost_and_costs_nothing_more() -> None:
    play = collecting()
    play.core.fail("telemetry", status=429)
    play.files.replace(play.folder().events / "1.json", event("lost"))
    chores(play)
    play.core.heal()
    chores(play, 600)
    assert messages(play) == []


def test_telemetry_can_be_switched_off() -> None:
    play = stage(telemetry=False)
    play.enabled()
    chores(play, 900)
    assert play.core.count("telemetry") == 0
    assert play.core.count("health-service") > 5


def test_a_host_plugin_that_is_silent_for_five_minutes_is_reported_as_unhealthy() -> None:
    play = collecting()
    chores(play, 100)
    play.core.fail("host-plugin-health", refused=True)
    chores(play, 200)
    healthy = [received.value.healthy for received in play.core.vm.inbox.observations.items]
    assert all(healthy)
    chores(play, 300)
    assert play.core.vm.inbox.observations.items[-1].value.healthy is False
