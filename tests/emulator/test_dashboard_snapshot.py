"""What the page is told: bounded, legible, without secrets, in the order of the dependency levels."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.emulator.scenes import document, entry
from tests.emulator.test_dashboard_appliance import plain_vm, reported
from tests.emulator.worlds import MANIFEST, NAME, NOW, change, published, world

from limpet.emulator.dashboard import shown, switches
from limpet.emulator.dashboard.appliance import read_appliance
from limpet.emulator.dashboard.levels import levels, unasked
from limpet.emulator.dashboard.snapshot import choices, snapshot
from limpet.emulator.dashboard.story import told
from limpet.emulator.exchange import Service
from limpet.emulator.faults import read_rule, with_rule
from limpet.emulator.routes.table import NAMES
from limpet.emulator.world.changes import NewSettings
from limpet.emulator.world.ledger import Entry
from limpet.emulator.world.state import World
from limpet.model.extensions import Dependency, Wanted
from limpet.model.ids import Thumbprint
from limpet.model.secret import Secret
from limpet.model.status import ExtensionState, HandlerStatus, Message, Substatus

if TYPE_CHECKING:
    from limpet.emulator.world.vm import VirtualMachine

SERVICES: dict[str, dict[str, Any]] = {
    service.value: {"open": True, "addresses": ["127.0.0.1:80"] if service is Service.WIRE_SERVER else []}
    for service in Service
}


def answering(vm: VirtualMachine, *handlers: HandlerStatus) -> VirtualMachine:
    vm = reported(vm, NOW + 5)
    newest = vm.inbox.statuses.items[-1]
    assert newest.status is not None
    status = replace(newest, status=replace(newest.status, handlers=handlers))
    return replace(vm, inbox=replace(vm.inbox, statuses=vm.inbox.statuses.append(status)))


def test_extensions_stand_in_the_order_of_their_levels_with_what_was_reported() -> None:
    start = published(
        world(),
        change("Acme.Late", dependency_level=2, depends_on=(Dependency(handler="Acme.Early"),)),
        change("Acme.Early", dependency_level=0),
        change("Acme.Other", dependency_level=2),
    )
    part = Substatus(status=ExtensionState.WARNING, name="rules", message=Message(message="old"))
    vm = answering(start.vm(NAME), entry("acme.early", ExtensionState.SUCCESS, "well", parts=(part,)))
    found = levels(vm)
    assert [(level["level"], [one["handler"] for one in level["extensions"]]) for level in found] == [
        (0, ["Acme.Early"]),
        (2, ["Acme.Late", "Acme.Other"]),
    ]
    early = found[0]["extensions"][0]
    assert (early["state"], early["reported"]["message"]) == ("success", "well")
    assert early["reported"]["substatuses"] == [
        {"name": "rules", "state": "warning", "code": "0", "message": "old"}
    ]
    late = found[1]["extensions"][0]
    assert (late["state"], late["reported"], late["waitsFor"]) == ("waiting", None, ["Acme.Early"])


def test_extensions_of_one_handler_may_have_levels_of_their_own() -> None:
    start = published(
        world(),
        change("Acme.Run", extension="first", dependency_level=1),
        change("Acme.Run", extension="second", dependency_level=3, wanted=Wanted.DISABLED),
    )
    found = levels(start.vm(NAME))
    assert [(each["level"], each["extensions"][0]["extension"]) for each in found] == [
        (1, "first"),
        (3, "second"),
    ]
    assert found[1]["extensions"][0]["wanted"] == "disabled"


def test_a_handler_without_settings_is_of_level_0() -> None:
    start = published(world(), change("Acme.Bare", settings=None, bare=True))
    assert [(each["level"], each["extensions"][0]["sequence"]) for each in levels(start.vm(NAME))] == [
        (0, None)
    ]


def test_what_is_reported_of_handlers_that_nobody_asked_for_is_shown_apart() -> None:
    start = published(world(), change("Acme.Asked"))
    vm = answering(
        start.vm(NAME),
        entry("Acme.Asked", ExtensionState.SUCCESS, ""),
        entry("Acme.Ghost", ExtensionState.ERROR, "boo"),
    )
    assert [(one["handler"], one["state"]) for one in unasked(vm)] == [("Acme.Ghost", "error")]


def busy_world() -> World:
    settings = NewSettings(
        public={"token": "PUBLIC-IS-NOT-SHOWN"},
        protected=Secret("UFJPVEVDVEVE"),
        thumbprint=Thumbprint("A" * 40),
    )
    start = published(world(), change("Acme.Sample", settings=settings))
    vm, _ = told(start.vm(NAME), read_appliance(document("steady")), NOW)
    start = start.with_vm(
        answering(vm, entry("Acme.Sample", ExtensionState.ERROR, f"{MANIFEST}?sv=1&sig=TOPSECRET"))
    )
    return replace(start, ledger=start.ledger.record(request(f"/a/b?sig=TOPSECRET&x={'y' * 5000}")))


def request(target: str) -> Entry:
    return Entry(
        id=0, at=NOW, vm=NAME, service=Service.WIRE_SERVER, endpoint="unknown", method="GET", target=target,
        headers=(("Authorization", "TOPSECRET"),), body=b"TOPSECRET", body_size=9, status=404,
        remarks=("x-ms-version should be 2012-11-30",),
    )  # fmt: skip


def test_no_secret_is_on_the_page() -> None:
    found = json.dumps(snapshot(busy_world(), NAME, SERVICES))
    for secret in ("TOPSECRET", "UFJPVEVDVEVE", "PUBLIC-IS-NOT-SHOWN"):
        assert secret not in found


def test_the_page_has_everything_of_the_chosen_vm() -> None:
    found = snapshot(busy_world(), NAME, SERVICES)
    vm = found["vm"]
    assert vm["appliance"]["holder"] == "guest-shell"
    assert vm["appliance"]["document"] == document("steady")
    assert vm["goalState"]["incarnation"] == "2"
    assert vm["counts"]["requests"] == 1
    assert vm["counts"]["certificates"] == 1
    assert vm["requests"][0]["target"] == "/a/b"
    assert (vm["requests"][0]["status"], vm["requests"][0]["bad"]) == ("404", True)
    assert found["vms"] == [
        {"name": NAME, "address": "10.0.0.4", "health": None, "stage": "steady", "gapOpen": False}
    ]


@pytest.mark.parametrize("chosen", [None, "nobody", "<script>"])
def test_without_a_vm_of_that_name_the_first_one_is_shown(chosen: str | None) -> None:
    assert snapshot(world(), chosen, SERVICES)["vm"]["name"] == NAME
    assert snapshot(World(), chosen, SERVICES)["vm"] is None


def test_the_page_has_a_bounded_size_however_much_a_vm_reports() -> None:
    start = published(world(), *(change(f"Acme.{number}") for number in range(150)))
    part = Substatus(
        status=ExtensionState.ERROR, name="n" * 10_000, message=Message(message="\u202e" * 10_000)
    )
    entries = [
        entry(f"Acme.{number}", ExtensionState.ERROR, "\u202e" * 10_000, parts=(part,) * 60)
        for number in range(150)
    ]
    ledger = start.ledger
    for _ in range(300):
        ledger = ledger.record(request("/" + "x" * 10_000))
    start = replace(start.with_vm(answering(start.vm(NAME), *entries)), ledger=ledger)
    found = snapshot(start, NAME, SERVICES)
    assert len(found["vm"]["requests"]) == 40
    assert sum(len(level["extensions"]) for level in found["vm"]["levels"]) == 80
    assert len(json.dumps(found)) < 6_000_000


def test_many_vms_are_listed_in_part_and_the_chosen_one_is_among_them() -> None:
    start = world()
    one = start.vm(NAME)
    crowd = {
        f"a{number:03}": replace(one, identity=replace(one.identity, name=f"a{number:03}"))
        for number in range(100)
    }
    found = snapshot(replace(start, vms={**crowd, NAME: one}), NAME, SERVICES)
    assert len(found["vms"]) == 60
    assert found["moreVms"] == 41
    assert found["vms"][-1]["name"] == NAME


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (None, None),
        ("well", "well"),
        ("line\nline\tend", "line\nline\tend"),
        ("safe\u202etxt.exe", "safe[U+202E]txt.exe"),
        ("\x1b[31m\0", "[U+001B][31m[U+0000]"),
        ("\ud800", "[U+D800]"),
        ("Grüße, 世界", "Grüße, 世界"),
        (7, "7"),
        ("http://a/?sig=x&y=z", "http://a/?<redacted>"),
    ],
)
def test_a_text_is_shown_with_nothing_hidden_in_it(given_: Any, expected: str | None) -> None:
    assert shown.text(given_) == expected


@given(st.text(max_size=2000))
def test_no_text_is_long_or_moves_what_stands_around_it(given_: str) -> None:
    found = shown.text(given_) or ""
    assert len(found) <= 8 * shown.LONGEST_TEXT
    assert not {"\u202e", "\u2066", "\u200f", "\x1b", "\0"} & set(found)
    found.encode()


@pytest.mark.parametrize("switch", switches.SWITCHES, ids=lambda switch: switch.id)
def test_every_switch_is_a_rule_that_is_taken_and_recognised(switch: switches.Switch) -> None:
    rules = with_rule((), read_rule(switch.rule, NAMES))
    on = {each["id"]: each["on"] for each in switches.switched(rules, NAME)}
    assert on == {each.id: ([1] if each is switch else []) for each in switches.SWITCHES}
    assert switches.own_rules(rules) == []


def test_every_kind_of_fault_can_be_composed() -> None:
    for kind in choices()["kinds"]:
        endpoint = "dhcp-*" if kind["kind"] == "lie" else "*"
        assert read_rule({"endpoint": endpoint, kind["kind"]: kind["default"]}, NAMES).fault.describe()
    assert set(choices()["endpoints"]) == {"*", *NAMES}


def test_a_switch_of_another_vm_is_off_here_and_a_rule_with_a_count_is_no_switch() -> None:
    rule = dict(switches.SWITCHES[0].rule)
    rules = with_rule(
        with_rule((), read_rule({**rule, "vm": "other"}, NAMES)), read_rule({**rule, "count": 2}, NAMES)
    )
    assert switches.switched(rules, NAME)[0]["on"] == []
    assert [each["id"] for each in switches.own_rules(rules)] == [2]
    assert switches.switched(rules, "other")[0]["on"] == [1]


def test_a_port_is_a_switch_where_there_is_one() -> None:
    assert [(each["service"], each["closed"]) for each in switches.ports(SERVICES)] == [
        ("wire-server", False)
    ]


def test_a_vm_that_nothing_is_known_of_has_a_page() -> None:
    vm = snapshot(World().with_vm(plain_vm()), NAME, SERVICES)["vm"]
    assert (vm["appliance"], vm["status"], vm["levels"], vm["healthReports"]) == (None, None, [], [])
