"""An administrator's policy file, as WALinuxAgent has it. Source: extensions.md §3.8."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.scenario.handlers import SAMPLE, enable, uninstall
from tests.scenario.stage import Stage, stage

from limpet.model.errors import Code

POLICY = Path("/etc/waagent_policy.json")
OTHER = "Contoso.Other"
WORKED = ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def listing(*names: str) -> bytes:
    policies = {"allowListedExtensionsOnly": True, "extensions": {name: {} for name in names}}
    return json.dumps({"policyVersion": "0.1.0", "extensionPolicies": policies}).encode()


def ruled(content: bytes | None, *, obeyed: bool = True) -> Stage:
    """A stage with this policy file, and two handlers, the second of which depends on the first."""
    play = stage(obey_policy=obeyed)
    play.files.make_folder(POLICY.parent)
    if content is not None:
        play.files.replace(POLICY, content)
    play.host()
    play.host(OTHER)
    play.publish(enable(), enable(OTHER, dependency_level=1))
    play.turn()
    return play


def test_what_the_policy_lists_is_run_and_nothing_else() -> None:
    play = ruled(listing("contoso.SAMPLE"))
    assert play.played == WORKED
    assert (play.entry(OTHER).status, play.entry(OTHER).code) == ("NotReady", Code.ENABLE)
    assert str(POLICY) in play.message(OTHER)
    assert play.state(OTHER) == "error"
    assert play.aggregate.status == "Success"


def test_what_the_policy_does_not_list_keeps_its_dependents_from_running() -> None:
    play = ruled(listing(OTHER))
    assert play.played == []
    assert play.message(OTHER).startswith("Skipped because Contoso.Sample, on which it depends, failed: ")


def test_what_the_policy_does_not_list_is_not_removed_either() -> None:
    play = ruled(None)
    play.files.replace(POLICY, listing(OTHER))
    play.runs.clear()
    play.publish(uninstall())
    play.turn()
    assert "Sample-1.0.0 uninstall" not in play.played
    assert play.entry().code == Code.DISABLE
    assert play.files.info(play.folder().path) is not None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", listing(SAMPLE).replace(b"0.1.0", b"9.0.0"), b" " * 2_000_000]
)
def test_a_policy_that_cannot_be_used_lets_nothing_run(content: bytes) -> None:
    play = ruled(content)
    assert play.played == []
    for name in (SAMPLE, OTHER):
        assert play.entry(name).status == "NotReady"
    assert "cannot be used" in play.message()


def test_without_the_file_or_the_setting_everything_runs() -> None:
    for play in (ruled(None), ruled(listing(), obeyed=False)):
        assert play.played == [*WORKED, "Other-1.0.0 install", "Other-1.0.0 enable"]


def test_a_policy_that_changes_counts_from_the_next_goal_state_on() -> None:
    play = ruled(listing())
    assert play.played == []
    play.files.replace(POLICY, listing(SAMPLE, OTHER))
    play.live(30)
    assert play.played == []
    play.publish(enable())
    play.turn()
    assert play.played[:2] == WORKED
    assert play.entry().status == "Ready"
