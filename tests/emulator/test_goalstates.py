from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.worlds import NAME, NOW, Client, change, published, world

from limpet.emulator.storage.hosting import host_package
from limpet.emulator.storage.packages import HostedPackage
from limpet.emulator.world.changes import ChangeRefused, NewSettings
from limpet.emulator.world.goalstates import Publication, publish
from limpet.emulator.world.vm import StatusReport
from limpet.model.extensions import BlobType, Handler, Source, Wanted
from limpet.model.status import AgentStatus, GuestInfo, HandlerStatus, Message
from limpet.model.version import Version
from limpet.wire.extensionsconfig import parse_extensions_config, render_extensions_config
from limpet.wire.manifest import parse_manifest

if TYPE_CHECKING:
    from limpet.emulator.world.state import World


def handlers(start: World) -> tuple[Handler, ...]:
    return start.vm(NAME).newest.goal_state.handlers


def reported(start: World, *names: str, at: float) -> World:
    """The world after a status report that names these handlers."""
    guest = GuestInfo(computer_name="vm1", os_name="debian", os_version="12", agent_version="9.9.9.9")
    status = AgentStatus(
        timestamp="2027-01-15T08:00:00Z",
        guest=guest,
        message=Message(message=""),
        handlers=tuple(HandlerStatus(name=name, version="1.0.0", status="Ready") for name in names),
    )
    vm = start.vm(NAME)
    report = StatusReport(serial=1, at=at, channel="direct", kind=BlobType.BLOCK, raw=b"", status=status)
    return start.with_vm(replace(vm, inbox=replace(vm.inbox, statuses=vm.inbox.statuses.append(report))))


def hosted(start: World, *versions: str, name: str = "Acme.Sample") -> World:
    for version in versions:
        package = HostedPackage(name=name, version=Version.parse(version), zip_bytes=b"zip")
        start = host_package(start, package, NOW)
    return start


def test_new_settings_get_the_next_sequence_number() -> None:
    after = published(published(world(), change()), change(settings=NewSettings(public={"k": "w"})))
    (settings,) = handlers(after)[0].settings
    assert (settings.sequence_number, settings.public) == (1, {"k": "w"})


def test_a_change_keeps_what_it_does_not_name() -> None:
    first = published(world(), change(dependency_level=2), change("Acme.Other"))
    after = published(first, change(version="1.1.0", settings=None))
    sample, other = handlers(after)
    assert (sample.version, sample.settings[0].public, sample.settings[0].dependency_level) == (
        "1.1.0", {"k": "v"}, 2
    )  # fmt: skip
    assert other == handlers(first)[1]


def test_disabling_keeps_settings_and_sequence_number() -> None:
    after = published(published(world(), change()), change(wanted=Wanted.DISABLED, settings=None))
    assert handlers(after)[0].wanted is Wanted.DISABLED
    assert handlers(after)[0].settings[0].sequence_number == 0


def test_a_sequence_number_may_be_given_even_if_it_goes_back() -> None:
    after = published(published(world(), change(sequence=7)), change(sequence=3))
    assert handlers(after)[0].settings[0].sequence_number == 3


def test_a_handler_may_have_no_settings() -> None:
    assert handlers(published(world(), change(bare=True, settings=None)))[0].settings == ()


def test_an_uninstalled_handler_stays_until_a_later_report_names_it_no_more() -> None:
    gone = change(wanted=Wanted.UNINSTALL, settings=None)
    leaving = published(published(world(), change()), gone, at=NOW + 10)
    still = published(reported(leaving, "Acme.Sample", at=NOW + 20), change("Acme.Other"), at=NOW + 30)
    after = published(reported(still, at=NOW + 40), at=NOW + 50)
    assert [h.wanted for h in handlers(leaving)] == [Wanted.UNINSTALL]
    assert [h.name for h in handlers(still)] == ["Acme.Sample", "Acme.Other"]
    assert [h.name for h in handlers(after)] == ["Acme.Other"]


def test_a_report_from_before_the_removal_removes_nothing() -> None:
    early = reported(published(world(), change()), at=NOW + 5)
    leaving = published(early, change(wanted=Wanted.UNINSTALL, settings=None), at=NOW + 10)
    assert len(handlers(published(leaving, at=NOW + 20))) == 1


def test_a_handler_that_is_wanted_again_does_not_leave() -> None:
    leaving = published(published(world(), change()), change(wanted=Wanted.UNINSTALL, settings=None))
    back = published(leaving, change())
    after = published(reported(back, at=NOW + 100), at=NOW + 200)
    assert [h.wanted for h in handlers(after)] == [Wanted.ENABLED]


def test_extensions_of_a_multi_config_handler_change_one_by_one() -> None:
    first = published(world(), change(extension="a"), change(extension="b"))
    after = published(first, change(extension="a", wanted=Wanted.DISABLED, settings=None))
    (handler,) = handlers(after)
    assert handler.multi_config
    assert handler.wanted is Wanted.ENABLED
    assert [(s.name, s.wanted, s.sequence_number) for s in handler.settings] == [
        ("a", Wanted.DISABLED, 0),
        ("b", Wanted.ENABLED, 0),
    ]


@pytest.mark.parametrize(
    ("earlier", "members", "reason"),
    [
        (None, {"wanted": Wanted.UNINSTALL}, "no goal state of this VM names it"),
        ({}, {"extension": "a"}, "single configuration"),
        ({"extension": "a"}, {}, "say which one"),
        ({"extension": "a"}, {"extension": "a", "wanted": Wanted.UNINSTALL}, "can be disabled"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    earlier: dict[str, Any] | None, members: dict[str, Any], reason: str
) -> None:
    start = world() if earlier is None else published(world(), change(**earlier))
    with pytest.raises(ChangeRefused, match=reason):
        published(start, change(**members))


def test_a_handler_without_a_package_is_refused_with_advice() -> None:
    lost = replace(change(), manifest_uris=())
    with pytest.raises(ChangeRefused, match="upload one first"):
        publish(world(), NAME, Publication(changes=(lost,)), NOW)


def test_the_newest_hosted_version_and_manifest_are_taken_when_none_are_named() -> None:
    start = hosted(world(), "1.9.0", "1.10.0", "1.2.0")
    after = publish(
        start, NAME, Publication(changes=(replace(change(version="1"), version=None, manifest_uris=()),)), NOW
    )
    handler = handlers(after)[0]
    manifest = Client(after).blob("GET", handler.manifest_uris[0])
    offers = parse_manifest(manifest.body)
    assert handler.version == "1.10.0"
    assert [str(offer.version) for offer in offers] == ["1.2.0", "1.9.0", "1.10.0"]
    assert Client(after).blob("GET", offers[0].uris[0]).body == b"zip"


def test_hosting_a_version_again_replaces_it() -> None:
    start = hosted(world(), "1.0.0")
    package = HostedPackage(name="acme.SAMPLE", version=Version.parse("1.0.0"), zip_bytes=b"new")
    again = host_package(start, package, NOW)
    assert len(again.packages) == 1


def test_everything_is_left_out_when_a_goal_state_begins_anew() -> None:
    after = published(published(world(), change()), change("Acme.Other"), anew=True)
    assert [h.name for h in handlers(after)] == ["Acme.Other"]


def test_holding_is_said_by_both_channels() -> None:
    client = Client(published(world(), change(), on_hold=True))
    goal_state = client.vm.newest.goal_state
    assert goal_state.on_hold is True
    assert goal_state.artifacts_profile is not None
    profile = client.blob("GET", goal_state.artifacts_profile.reveal())
    assert profile.body == b'{"onHold": true}'
    client.world = published(client.world, on_hold=False)
    assert client.blob("GET", goal_state.artifacts_profile.reveal()).body == b'{"onHold": false}'


_NAMES = st.sampled_from(["Acme.A", "Acme.B", "Acme.C"])
_STEPS = st.lists(
    st.tuples(_NAMES, st.sampled_from(list(Wanted)), st.sampled_from([Source.FABRIC, Source.FAST_TRACK])),
    max_size=12,
)


@given(_STEPS)
def test_whatever_is_published_is_what_the_documents_say(steps: list[tuple[str, Wanted, Source]]) -> None:
    now, start = NOW, world()
    ticks = [start.vm(NAME).newest.ticks]
    for name, wanted, source in steps:
        before = start.vm(NAME)
        try:
            start = published(start, change(name, wanted=wanted), source=source, at=now)
        except ChangeRefused:
            continue
        vm = start.vm(NAME)
        ticks.append(vm.newest.ticks)
        assert vm.newest.source is source
        assert (vm.incarnation != before.incarnation) is (source is Source.FABRIC)
        assert vm.etag != before.etag
        body = render_extensions_config(vm.newest.goal_state, vm.newest.ticks)
        read = parse_extensions_config(body, vm.current_incarnation)
        assert [(h.name, h.wanted) for h in read.handlers] == [(h.name, h.wanted) for h in handlers(start)]
        assert read.created == vm.newest.goal_state.created
    assert ticks == sorted(set(ticks))
