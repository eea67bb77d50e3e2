"""Secrets leave for their one destination and are nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.scenario.handlers import TENANT, enable
from tests.scenario.stage import LIBRARY, Stage, stage

from limpet.host.ports import Completed
from limpet.model.extensions import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENCRYPTED = "MIIC/mostSecret+Text=="
PLAIN = "correct horse battery staple"


def eventful(source: Source) -> Stage:
    """A stage after everything that might spill a secret: failures, updates, telemetry, faults on every channel."""
    play = stage()
    play.host()
    play.publish(enable(public={"k": "v"}, protected=ENCRYPTED), source=source)
    play.turn()
    play.core.fail("status", status=500, count=8, body=f"sig={PLAIN}")
    play.core.fail("vm-settings", status=500, count=2)
    play.core.fail("blob-upload", status=500, count=2)
    play.parts["enable"] = Completed(
        exit_code=1, stdout=b"https://x.example/c/b?sv=1&sig=SASTOKEN", stderr=b"", seconds=0
    )
    play.publish(enable(protected=ENCRYPTED), source=source)
    play.live(30)
    play.core.fail("blob-download", status=403)
    play.core.fail("extension-artifact", status=403)
    play.publish(enable(version="3.0.0", protected=ENCRYPTED), source=source)
    play.live(30)
    play.core.heal()
    play.host(version="3.0.0")
    play.publish(enable(version="3.0.0", protected=ENCRYPTED, thumbprint="F" * 40), source=source)
    play.live(30)
    play.publish(enable(version="3.0.0", protected=ENCRYPTED), source=source)
    play.live(30)
    for _ in range(10):
        play.clock.sleep(play.agent.chores.do())
    return play


def sas(play: Stage) -> str:
    """The secret part of the status blob's URL."""
    upload = play.core.vm.newest.goal_state.status_upload
    assert upload is not None
    return upload.url.reveal().partition("sig=")[2]


def written(play: Stage) -> Iterator[tuple[Path, bytes]]:
    for path, node in play.files.nodes.items():
        if node.content is not None:
            yield path, node.content


@pytest.fixture(params=[Source.FABRIC, Source.FAST_TRACK], ids=["fabric", "fast track"], scope="module")
def play(request: pytest.FixtureRequest) -> Stage:
    return eventful(request.param)


def test_protected_settings_are_in_settings_files_and_nowhere_else(play: Stage) -> None:
    holders = [path for path, content in written(play) if ENCRYPTED.encode() in content]
    assert holders
    assert all(path.parent.name == "config" and path.suffix == ".settings" for path in holders)
    for path in holders:
        assert play.files.nodes[path].mode == 0o600
    assert ENCRYPTED not in play.log.text
    assert ENCRYPTED not in json.dumps(
        [[run.command, dict(run.environment)] for run in play.machine.processes.ran]
    )
    for name, request in play.core.asked:
        assert ENCRYPTED.encode() not in request.body, name


def test_sas_tokens_are_in_no_file_and_no_log(play: Stage) -> None:
    secret = sas(play)
    for token in (secret, "SASTOKEN", PLAIN):
        assert token not in play.log.text
        for path, content in written(play):
            assert token.encode() not in content, path


def test_sas_tokens_go_to_their_storage_and_to_the_host_plugin_for_it(play: Stage) -> None:
    secret = sas(play)
    for name, request in play.core.asked:
        if name in {"status", "blob-upload"}:
            continue
        assert secret not in request.url, name
        assert secret.encode() not in request.body, name


def test_reports_and_telemetry_hold_no_token(play: Stage) -> None:
    for report in play.core.vm.inbox.statuses.items:
        assert b"SASTOKEN" not in report.raw
    for received in play.core.vm.inbox.telemetry.items:
        assert "SASTOKEN" not in str(received.value)


def test_private_keys_are_never_in_the_agents_hands(play: Stage) -> None:
    key = LIBRARY / f"{TENANT}.prv"
    assert play.files.nodes[key].mode == 0o400
    for path, content in written(play):
        assert path == key or b"key\n" not in content


def test_the_scenario_did_what_it_was_made_for(play: Stage) -> None:
    events = {event for _, event, _ in play.log.entries}
    assert {"status.not_accepted", "handler.failed", "status.other_channel"} <= events
    assert play.core.vm.inbox.telemetry.items
    assert play.entry().status == "NotReady"


OPEN_FILES = ("HandlerEnvironment.json", "HandlerManifest.json", "tool", "HandlerState", "HandlerStatus", "SharedConfig.xml", "fast_track.json",
              "CommandExecution.log")  # fmt: skip
"""What the agent writes and others may read, were it not for the folder: as handlers know it, none has a secret."""
SHUT_FOLDERS = ("waagent", ".fetched", "config", "status", "events")


def test_what_the_agent_writes_is_shut_unless_it_is_in_this_table(play: Stage) -> None:
    nodes = play.files.nodes.items()
    opened = {path.name for path, node in nodes if node.content is not None and node.mode & 0o077}
    assert {name for name in opened if not name.endswith(".status")} <= set(OPEN_FILES)
    loose = [
        path for path, node in nodes if node.is_folder and path.name in SHUT_FOLDERS and node.mode & 0o077
    ]
    assert loose == []
