"""Real clients on the emulated fabric: Debian's WALinuxAgent, unmodified, and limpet, through one and the same scenario."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system import conversation
from tests.system.conftest import say
from tests.system.life import (
    CLIENTS,
    FIRST,
    SECOND,
    SECRETS,
    START,
    STEPS,
    Client,
    Life,
    answer_of,
    lived,
)

from limpet.lab.agents import WAAGENT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.system

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
every_waagent = pytest.mark.parametrize(
    "client", [each for each in CLIENTS if each.agent is WAAGENT], ids=lambda client: client.name
)


@pytest.fixture(scope="session")
def life() -> Callable[[Client], Life]:
    """A client's run of the scenario: made when the first test asks for it, then kept."""
    kept: dict[str, Life | Exception] = {}

    def look(client: Client) -> Life:
        if client.name not in kept:
            try:
                kept[client.name] = lived(client, say)
            except Exception as error:  # noqa: BLE001 - told to every test that needs this run
                kept[client.name] = error
        found = kept[client.name]
        if isinstance(found, Exception):
            raise found
        return found

    return look


@every_waagent
def test_waagent_reports_ready(client: Client, life: Callable[[Client], Life]) -> None:
    assert life(client).health == "Ready"


@every_client
def test_a_client_with_nothing_to_do_reports_itself(client: Client, life: Callable[[Client], Life]) -> None:
    report = life(client).reports[START]
    assert report["status"] == "Ready"
    assert report["handlers"] == []
    assert report["guest"]["computerName"] == "vm0"


@every_client
def test_a_handler_is_installed_and_reads_its_protected_settings(
    client: Client, life: Callable[[Client], Life]
) -> None:
    handler = life(client).handler("install")
    assert (handler["version"], handler["status"], handler["code"]) == (FIRST, "Ready", 0)
    assert handler["settings"]["sequenceNumber"] == 0
    assert handler["settings"]["status"]["message"]["message"] == answer_of(0)


@every_client
def test_new_settings_reach_the_handler_by_a_new_sequence_number(
    client: Client, life: Callable[[Client], Life]
) -> None:
    handler = life(client).handler("new settings")
    assert (handler["version"], handler["settings"]["sequenceNumber"]) == (FIRST, 1)
    assert handler["settings"]["status"]["message"]["message"] == answer_of(1)


@every_client
def test_an_update_leaves_only_the_new_version(client: Client, life: Callable[[Client], Life]) -> None:
    handler = life(client).handler("update")
    assert (handler["version"], handler["status"]) == (SECOND, "Ready")
    assert handler["settings"]["status"]["message"]["message"] == answer_of(2)


@every_client
def test_a_disabled_handler_is_not_ready(client: Client, life: Callable[[Client], Life]) -> None:
    handler = life(client).handler("disable")
    assert (handler["version"], handler["status"], handler["code"]) == (SECOND, "NotReady", 0)


@every_client
def test_an_uninstalled_handler_vanishes(client: Client, life: Callable[[Client], Life]) -> None:
    seen = life(client)
    assert seen.handlers("uninstall") == []
    assert seen.folders == []


@every_client
def test_each_goal_state_is_answered_as_a_whole(client: Client, life: Callable[[Client], Life]) -> None:
    seen = life(client)
    answers = [seen.reports[step.name]["goalState"] for step in STEPS]
    assert [answer["status"] for answer in answers] == ["Success"] * len(STEPS)
    # The first goal state, with no handlers, had number 1.
    assert [int(answer["svdSequenceNumber"]) for answer in answers] == [2, 3, 4, 5, 6]


@every_client
def test_the_handlers_commands_run_once_each_and_in_order(
    client: Client, life: Callable[[Client], Life]
) -> None:
    noted = [(note["command"], note["version"]) for note in life(client).commands]
    assert noted == [
        ("install", FIRST),
        ("enable", FIRST),
        ("enable", FIRST),
        ("disable", FIRST),
        ("update", SECOND),
        ("uninstall", FIRST),
        ("install", SECOND),
        ("enable", SECOND),
        ("disable", SECOND),
        ("uninstall", SECOND),
    ]


@every_client
def test_an_update_is_told_both_versions(client: Client, life: Callable[[Client], Life]) -> None:
    [update] = [note for note in life(client).commands if note["command"] == "update"]
    assert (update["updating_from"], update["updating_to"]) == (FIRST, SECOND)


@every_client
def test_the_fabric_finds_nothing_strange_in_what_is_asked(
    client: Client, life: Callable[[Client], Life]
) -> None:
    strange = [
        (request["method"], request["target"], request["status"], request["remarks"])
        for request in life(client).requests
        if request["remarks"] or request["endpoint"] == "unknown" or not 200 <= (request["status"] or 0) < 400
    ]
    assert strange == []


@every_client
def test_secrets_are_in_no_log_and_no_request(client: Client, life: Callable[[Client], Life]) -> None:
    seen = life(client)
    for secret in SECRETS:
        assert secret not in seen.log
        assert not [request["target"] for request in seen.requests if secret in request["body"]]


@every_waagent
def test_waagents_requests_are_as_recorded(client: Client, life: Callable[[Client], Life]) -> None:
    seen = life(client)
    found = conversation.record(seen.requests, seen.began)
    if conversation.rewriting():
        conversation.write(client.name, found)
    difference = conversation.difference(client.name, found)
    assert not difference, (
        f"{difference}\n\nIf the client has changed and not the emulator, write the record anew: "
        f"{conversation.REWRITE}=write pytest {Path(__file__).name}"
    )
