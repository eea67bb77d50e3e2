"""Which goal state is followed, by which channel, and what comes between. Source: wire-protocol.md §2.3, §5, §13."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenario.core import certificate
from tests.scenario.handlers import enable
from tests.scenario.stage import LAYOUT, Stage, stage

from limpet.emulator.world.goalstates import hibernate, rotate_certificates
from limpet.model.errors import Code
from limpet.model.extensions import Source

if TYPE_CHECKING:
    from limpet.host.fake_work import Invocation

NEW = "B" * 40


def rotate(play: Stage, thumbprint: str = NEW) -> None:
    play.core.become(rotate_certificates(play.core.vm, certificate(thumbprint), retire=True))


def marker(play: Stage) -> Any:
    return json.loads(play.files.read(LAYOUT.fast_track_marker, at_most=1000))


def test_a_goal_state_of_the_host_plugin_is_processed_and_reported_under_its_number() -> None:
    play = stage()
    play.host()
    play.publish(enable(), source=Source.FAST_TRACK)
    play.turn()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert play.aggregate.svd_sequence_number == play.core.vm.svd_sequence_number
    assert ("FastTrack", "1.0") in play.status.supported_features
    assert marker(play)["timestamp"] == play.core.vm.newest.goal_state.created


def test_a_goal_state_of_the_wire_server_is_reported_under_its_incarnation() -> None:
    play = stage()
    play.enabled()
    assert play.aggregate.svd_sequence_number == play.core.vm.current_incarnation


def test_each_goal_state_is_processed_once_whichever_channel_it_comes_by() -> None:
    play = stage()
    play.host()
    for source in (Source.FABRIC, Source.FAST_TRACK, Source.FABRIC, Source.FAST_TRACK):
        play.publish(enable(), source=source)
        play.live(30)
    assert play.played == ["Sample-1.0.0 install", *["Sample-1.0.0 enable"] * 4]


def test_the_newer_of_two_channels_counts_after_a_restart() -> None:
    play = stage()
    play.enabled()
    play.clock.sleep(10)
    play.publish(enable(public={"by": "fast track"}), source=Source.FAST_TRACK)
    play.restart()
    play.turn()
    assert [run.environment["ConfigSequenceNumber"] for run in play.runs] == ["1"]


def test_a_change_of_either_channel_is_seen_within_the_period() -> None:
    play = stage()
    play.enabled()
    for source in (Source.FABRIC, Source.FAST_TRACK):
        play.live(100)
        play.publish(enable(), source=source)
        published = play.clock.monotonic()
        while not play.played:
            play.turn()
            assert play.clock.monotonic() - published <= play.config.goal_state_period


def test_a_host_plugin_that_stops_serving_goal_states_leaves_the_last_one_in_force() -> None:
    play = stage()
    play.enabled()
    play.clock.sleep(10)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.turn()
    play.runs.clear()
    play.core.fail("vm-settings", status=404)
    play.live(120)
    assert play.played == []
    assert ("FastTrack", "1.0") not in play.status.supported_features
    assert play.entry().status == "Ready"


def test_after_a_restart_without_the_host_plugin_an_outdated_goal_state_is_not_processed() -> None:
    play = stage()
    play.enabled()
    play.clock.sleep(10)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.turn()
    play.runs.clear()
    play.core.fail("vm-settings", status=404)
    play.restart()
    play.live(60)
    assert play.played == []
    assert play.reports > 1
    assert play.log.of("goal_state.not_processed")[-1]["outdated"] == "true"


def test_a_newer_goal_state_of_the_wire_server_ends_the_record_of_the_host_plugins() -> None:
    play = stage()
    play.enabled()
    play.clock.sleep(10)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.turn()
    play.core.fail("vm-settings", status=404)
    play.clock.sleep(10)
    play.publish(enable())
    play.restart()
    play.turn()
    assert play.played[-1] == "Sample-1.0.0 enable"
    assert play.files.info(LAYOUT.fast_track_marker) is None


def test_a_host_plugin_without_goal_states_is_asked_again_after_six_hours() -> None:
    play = stage()
    play.core.fail("vm-settings", status=404, count=1)
    play.enabled()
    play.live(3600)
    assert play.core.count("vm-settings") == 1
    play.clock.sleep(5 * 3600)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(60)
    assert play.played == ["Sample-1.0.0 enable"]
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]


def test_a_host_plugin_that_is_down_at_the_start_does_not_keep_the_wire_server_from_being_followed() -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.fail("host-plugin-*", refused=True)
    play.core.fail("vm-settings", refused=True)
    play.core.fail("status", refused=True)
    play.live(10)
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    report = play.core.vm.status
    assert report is not None
    assert report.channel == "direct"


def test_a_host_plugin_that_goes_away_and_comes_back_is_followed_again() -> None:
    play = stage()
    play.enabled()
    play.core.fail("vm-settings", refused=True)
    play.publish(enable())
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]
    play.core.heal()
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]


def test_a_wire_server_that_is_down_does_not_lose_what_the_host_plugin_announced() -> None:
    play = stage()
    play.enabled()
    play.live(100)
    play.publish(enable())
    play.core.fail("goal-state", refused=True, count=4)
    published = play.clock.monotonic()
    while not play.played:
        play.turn()
        assert play.clock.monotonic() - published <= 2 * play.config.goal_state_period


def test_a_goal_state_of_the_host_plugin_survives_a_failure_right_after_it() -> None:
    play = stage()
    play.enabled()
    play.core.fail("goal-state", status=500, count=4)
    play.publish(enable(protected="MII=", thumbprint=NEW), source=Source.FAST_TRACK)
    play.live(20)
    assert play.message().startswith(f"The certificate {NEW}")


def test_a_vm_that_was_moved_goes_on_under_its_new_container() -> None:
    play = stage()
    play.enabled()
    play.live(100)
    asked = len(play.core.asked)
    before = play.reports
    play.core.become(hibernate(play.core.vm, certificate(NEW)))
    play.live(10)
    assert play.played == []  # nothing new is wanted
    assert (LAYOUT.library / f"{NEW}.prv") in play.files.nodes
    play.publish(enable(protected="MII=", thumbprint=NEW))
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]
    assert play.reports > before
    container = play.core.vm.identity.container_id
    late = [request for name, request in play.core.asked[asked:] if name == "status"]
    assert late[-1].headers["x-ms-containerid"] == container


@pytest.mark.parametrize(
    "body", ["InvalidContainerConfiguration", "RequestRoleConfigFileNotFound"], ids=["400", "410"]
)
def test_a_stale_identity_is_renewed_and_the_request_repeated(body: str) -> None:
    status = 400 if body.startswith("Invalid") else 410
    play = stage()
    play.host()
    play.publish(enable())
    play.core.fail("vm-settings", status=status, body=body, count=1)
    play.turn()
    assert play.core.count("vm-settings") == 2
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def test_a_goal_state_on_hold_is_not_processed_but_status_goes_on() -> None:
    play = stage()
    play.host()
    play.publish(enable(), on_hold=True)
    play.live(30)
    assert play.played == []
    assert play.status.handlers == ()
    assert play.status.goal_state is None
    play.publish(on_hold=False)
    play.live(10)
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def test_on_hold_is_honoured_by_the_other_channel_too_and_can_be_ignored() -> None:
    play = stage()
    play.host()
    play.publish(enable(), on_hold=True, source=Source.FAST_TRACK)
    play.turn()
    assert play.played == []
    careless = stage(over_provisioning=False)
    careless.host()
    careless.publish(enable(), on_hold=True, source=Source.FAST_TRACK)
    careless.turn()
    assert careless.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def test_a_required_feature_that_is_unknown_stops_everything_and_is_reported_as_2001() -> None:
    play = stage()
    play.enabled()
    play.publish(anew=True, required_features=("MultipleExtensionsPerHandler", "Teleportation"))
    play.turn()
    assert play.played == []
    assert (play.aggregate.status, play.aggregate.code) == ("Failed", Code.UNSUPPORTED_FEATURES)
    assert "Teleportation" in play.aggregate.message.message
    # What is here is reported from the disk, with its newest settings, and stays.
    assert play.entry().status == "Ready"
    assert play.state() == "success"
    assert play.store.installed() != ()


def test_after_an_unknown_feature_the_next_goal_state_is_reported_by_what_it_names() -> None:
    play = stage()
    play.enabled()
    play.publish(required_features=("Teleportation",))
    play.turn()
    play.host("Contoso.Other")
    seen: list[set[str]] = []

    def look(_: object) -> None:
        play.report()
        seen.append({entry.name for entry in play.status.handlers})

    play.parts["Contoso.Other install"] = look
    play.publish(enable("Contoso.Other"), required_features=())
    play.turn()
    assert seen == [{"Contoso.Sample", "Contoso.Other"}]
    assert play.aggregate.code == 0


def test_settings_wait_for_a_certificate_that_comes_with_the_next_look() -> None:
    play = stage()
    play.enabled()
    play.publish(enable(protected="MII=", thumbprint=NEW), source=Source.FAST_TRACK)
    play.clock.sleep(play.wait)
    play.agent.poller.poll()
    play.clock.after(3, lambda: rotate(play))
    play.clock.after(4, play.agent.poller.poll)
    play.agent.worker.work()
    assert play.played == ["Sample-1.0.0 enable"]


def test_a_certificate_that_is_late_under_the_same_goal_state_is_asked_for_once_more() -> None:
    play = stage(thumbprints=(NEW,))
    play.host()
    play.core.alter("certificates", b"<CertificateFile/>")
    play.publish(enable(protected="MII=", thumbprint=NEW))
    play.agent.poller.poll()
    play.core.heal()
    play.clock.after(1, play.agent.poller.poll)
    play.agent.worker.work()
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]


def test_a_certificate_that_does_not_come_is_reported_and_its_rotation_heals_it() -> None:
    play = stage()
    play.host()
    play.publish(enable(protected="MII=", thumbprint=NEW))
    play.live(10)
    assert play.played == []
    assert play.entry().status == "NotReady"
    assert play.message() == (
        f"The certificate {NEW} that the protected settings are encrypted for is not here: the fabric did not send it"
    )
    rotate(play)
    play.live(50)
    assert play.played == ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
    assert play.entry().status == "Ready"


def test_a_goal_state_that_comes_with_the_missing_certificate_is_not_lost() -> None:
    play = stage()
    play.enabled()
    play.publish(enable(protected="MII=", thumbprint=NEW), source=Source.FAST_TRACK)
    play.clock.sleep(play.wait)

    def meanwhile(body: bytes) -> bytes:
        # Between the two questions of one look the wire server gets a newer goal state.
        play.publish(enable(public={"newest": True}))
        return body

    play.core.alter("vm-settings", meanwhile)
    play.agent.poller.poll()
    play.core.heal()
    play.wait = 1
    play.live(10)
    settings = play.entry().settings
    assert settings is not None
    assert settings.sequence_number == 2


def test_a_goal_state_that_locates_no_extensions_takes_none_away() -> None:
    play = stage()
    play.enabled()

    def without(body: bytes) -> bytes:
        return body.partition(b"<ExtensionsConfig>")[0] + body.partition(b"</ExtensionsConfig>")[2]

    play.core.alter("goal-state", without)
    play.core.fail("vm-settings", status=404)
    play.restart()
    play.live(10)
    assert play.played == []
    assert play.store.installed() != ()


def test_a_handler_that_is_listed_twice_is_not_reported_as_it_was_while_it_was_installed() -> None:
    play = stage()
    for version in ("1.0.0", "1.9.0"):
        play.host(version=version)
    play.publish(enable())

    def twice(body: bytes) -> bytes:
        start, end = body.index(b"<Plugin name="), body.index(b"</Plugins>")
        newer = body[start:end]
        assert b'version="1.9.0"' in newer
        both = newer.replace(b"1.9.0", b"1.0.0") + newer
        return body[:start] + both + b"</Plugins>" + body[body.index(b"</PluginSettings>") + 17 :]

    play.core.alter("extensions-config", twice)

    def reported(_: Invocation) -> None:
        play.agent.reporter.report(last=True)

    play.parts["install"] = reported
    play.turn()
    assert play.played == [
        "Sample-1.0.0 install",
        "Sample-1.0.0 enable",
        "Sample-1.0.0 disable",
        "Sample-1.9.0 update",
        "Sample-1.0.0 uninstall",
        "Sample-1.9.0 install",
        "Sample-1.9.0 enable",
    ]
    assert [(entry.version, entry.status) for entry in play.entries()] == [("1.9.0", "Ready")]
