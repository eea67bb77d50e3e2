"""Goal states of the past, for support. Source: wire-protocol.md §2.8."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.scenario.handlers import enable
from tests.scenario.stage import LAYOUT, Stage, stage

from limpet.agent.history import KEPT
from limpet.model.extensions import Source


def folders(play: Stage) -> list[str]:
    return play.files.names(LAYOUT.history)


def test_each_goal_state_has_a_folder_with_its_documents_and_the_last_report() -> None:
    play = stage()
    play.enabled()
    play.clock.sleep(5)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.turn()
    first, second = folders(play)
    assert first.startswith("2026-01-01T00-00-00__2")
    assert "ExtensionsConfig.xml" in play.files.names(LAYOUT.history / first)
    assert play.files.names(LAYOUT.history / second) == ["VmSettings.json", "waagent_status.json"]
    report = json.loads(play.files.read(LAYOUT.history / second / "waagent_status.json", at_most=100_000))
    assert report["aggregateStatus"]["handlerAggregateStatus"][0]["handlerName"] == "Contoso.Sample"


def test_only_the_newest_are_kept_and_nothing_else_is_removed() -> None:
    play = stage()
    play.enabled()
    play.files.replace(LAYOUT.history / "notes.txt", b"mine")
    play.files.make_folder(LAYOUT.history / "2025-01-01__else")
    for _ in range(KEPT + 10):
        play.clock.sleep(2)
        play.publish(enable())
        play.turn()
    mine = [name for name in folders(play) if "T" in name]
    assert len(mine) == KEPT
    assert mine[-1].rpartition("__")[2].startswith(f"{play.core.vm.incarnation}-")
    assert {"notes.txt", "2025-01-01__else"} <= set(folders(play))


def test_an_etag_cannot_lead_out_of_the_folder() -> None:
    play = stage()
    play.enabled()
    play.core.altered["vm-settings"] = lambda response: replace(
        response, headers={**response.headers, "etag": '"../../x"'}
    )
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(10)
    assert folders(play)[-1].endswith("__2-_______x_")
    assert play.state() == "success"


def test_history_is_private() -> None:
    play = stage()
    play.enabled()
    folder = LAYOUT.history / folders(play)[0]
    info = play.files.info(folder)
    assert info is not None
    assert info.mode == 0o700
    for name in play.files.names(folder):
        info = play.files.info(folder / name)
        assert info is not None
        assert info.mode == 0o600
