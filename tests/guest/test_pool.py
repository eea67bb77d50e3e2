"""VMs of a pool, the pure part: the table, what the media says, the record, news of NICs, leaving a network."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.boot.networks import apply, machine, network

from limpet.boot.network import connect
from limpet.guest.interfaces import Nic
from limpet.guest.marker import POOL_RECORD
from limpet.guest.pool import (
    EXCEPTIONS,
    TABLE,
    Event,
    Kind,
    Phase,
    Record,
    Watched,
    first_phase,
    kind_of,
    may_lead,
    next_phase,
    own_record,
    parse_record,
    plan_leaving,
    plan_record,
    render_record,
)
from limpet.host.facts import interfaces
from limpet.host.fake_links import FakeDhcpServer
from limpet.model.errors import MalformedDocument
from limpet.model.network import LinkState
from limpet.model.provisioning import PlatformSettings

VM = "3332e702-dbf4-54c0-80cc-727d1dbed7a5"
RECORD = Record(kind=Kind.RUNNING, vm_id=VM, boot="boot-1", told=True)

LIVES = [
    ("Running", "telling", "told lost document", "leaving asking given"),
    ("Running", "telling", "told gone document", "leaving asking given"),
    ("Running", "telling", "lost silence told document", "doubting repeating asking given"),
    ("Running", "telling", "lost document", "doubting given"),
    ("Running", "asking", "lost gone told document", "given"),
    ("Running", "doubting", "lost gone document", "given"),
    ("Running", "repeating", "lost document", "doubting given"),
    ("Savable", "telling", "told lost gone document", "leaving asking given"),
    ("Savable", "telling", "gone document", "asking given"),
    ("Savable", "telling", "lost gone document", "doubting asking given"),
    ("Savable", "repeating", "gone document", "asking given"),
    ("PreprovisionedOSDisk", "telling", "lost gone told lost gone document", "ending"),
]


@pytest.mark.parametrize(("kind", "begin", "events", "phases"), LIVES)
def test_a_life_in_a_pool(kind: str, begin: str, events: str, phases: str) -> None:
    phase, seen = Phase(begin), []
    for event in events.split():
        after = next_phase(Kind(kind), phase, Event(event))
        if after is not phase:
            seen.append(after.value)
        phase = after
    assert " ".join(seen) == phases


def reachable(kind: Kind, begin: Phase) -> set[Phase]:
    found, new = set[Phase](), {begin}
    while new:
        found |= new
        new = {next_phase(kind, phase, event) for phase in new for event in Event} - found
    return found


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("begin", [Phase.TELLING, Phase.ASKING, Phase.DOUBTING])
def test_from_every_start_a_vm_can_become_somebodys_unless_its_disk_is_what_is_wanted(
    kind: Kind, begin: Phase
) -> None:
    end = Phase.ENDING if kind is Kind.OS_DISK and begin is Phase.TELLING else Phase.GIVEN
    assert end in reachable(kind, begin)
    assert set(TABLE) == set(Phase)
    assert all(Phase.GIVEN is not phase for _, phase, _ in EXCEPTIONS)


@pytest.mark.parametrize("kind", [Kind.RUNNING, Kind.SAVABLE])
def test_once_ready_was_heard_it_is_never_said_again_before_the_vm_is_somebodys(kind: Kind) -> None:
    heard = next_phase(kind, Phase.TELLING, Event.TOLD)
    assert not reachable(kind, heard) & {Phase.TELLING, Phase.REPEATING}
    assert first_phase(RECORD) is Phase.ASKING


def test_a_start_begins_where_the_one_before_ended() -> None:
    assert first_phase(None) is Phase.TELLING
    assert first_phase(Record(kind=Kind.SAVABLE, vm_id=VM, boot="b", told=False)) is Phase.DOUBTING


@pytest.mark.parametrize(
    ("legacy", "word", "kind", "odd"),
    [
        (False, None, None, False),
        (True, None, Kind.RUNNING, False),
        (False, "None", None, False),
        (False, "running", Kind.RUNNING, False),
        (True, "Savable", Kind.SAVABLE, False),
        (False, "PreprovisionedOSDisk", Kind.OS_DISK, False),
        (False, "Hovering", None, True),
        (True, "Hovering", Kind.RUNNING, True),
    ],
)
def test_the_type_is_read_as_the_platform_means_it(
    legacy: bool, word: str | None, kind: Kind | None, odd: bool
) -> None:
    found, note = kind_of(PlatformSettings(preprovisioned_vm=legacy, preprovisioned_vm_type=word))
    assert (found, note is not None) == (kind, odd)


words = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60)
records = st.builds(Record, kind=st.sampled_from(Kind), vm_id=words, boot=words, told=st.booleans())


@given(records)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert parse_record(render_record(record)) == record
    assert plan_record(render_record(record), record).steps == ()


@given(
    st.binary(max_size=200)
    | records.map(render_record).flatmap(lambda made: st.integers(0, len(made) - 3).map(lambda at: made[:at]))
)
def test_a_record_cut_or_spoilt_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_record(content)
    record, note = own_record(content, VM)
    assert record is None
    assert note is not None
    assert "damaged" in note
    assert plan_record(content, RECORD).steps


def test_the_record_of_another_vm_is_not_believed() -> None:
    content = render_record(RECORD)
    assert own_record(content, VM.upper()) == (RECORD, None)
    record, note = own_record(content, "11112222-3333-4444-5555-666677778888")
    assert record is None
    assert note == f"{POOL_RECORD} is of the VM {VM}, whose disk this one was copied from"
    assert own_record(None, VM) == (None, None)


def state(index: int = 2, **members: Any) -> LinkState:
    usual = {"index": index, "name": f"eth{index - 2}", "up": True, "connected": True, "changes": 1}
    return LinkState(**{**usual, **members})


@pytest.mark.parametrize(
    ("news", "event"),
    [
        (state(), None),
        (state(connected=False, changes=2), Event.LOST),
        (state(changes=2), None),
        (state(changes=3), Event.LOST),
        (state(up=False, connected=False), None),
        (state(present=False), Event.GONE),
        (state(3, present=False), None),
        (state(3, connected=False, changes=9), None),
        (state(changes=None), None),
    ],
)
def test_what_news_of_a_nic_means(news: LinkState, event: Event | None) -> None:
    assert Watched(index=2, changes=1).seen(news)[0] is event


def test_a_change_counts_once() -> None:
    event, watched = Watched(index=2, changes=1).seen(state(changes=3))
    assert event is Event.LOST
    assert watched.seen(state(changes=3)) == (None, watched)
    assert Watched(index=None, changes=1).seen(state(5, changes=7))[0] is None
    assert Watched(index=None).seen(state(5, present=False))[0] is Event.GONE


@pytest.mark.parametrize(
    ("states", "leads"),
    [
        ([], False),
        ([state()], True),
        ([state(connected=False)], False),
        ([state(connected=False, up=False)], True),
        ([state(connected=False), state(3)], True),
        ([state(connected=False), state(4)], False),
        ([state(connected=False), state(5)], False),
        ([state(present=False)], False),
    ],
)
def test_a_nic_that_is_connected_or_not_yet_up_is_worth_asking_on(
    states: list[LinkState], leads: bool
) -> None:
    nics = (
        Nic(name="eth0", mac="00155d000001", driver="hv_netvsc"),
        Nic(name="eth1", mac="00155d000002", driver="hv_netvsc"),
        Nic(name="eth2", mac="00155d000001", driver="mlx5_core"),
    )
    assert may_lead(states, nics) is leads


def test_the_network_of_a_pool_is_left_once() -> None:
    made = machine()
    made.links.add("eth0", server=FakeDhcpServer())
    found = connect(network(made))
    apply(made, found)
    assert found.lease is not None
    address = found.lease.address
    assert address in interfaces.look(made.files).addresses
    task = plan_leaving("eth0", interfaces.look(made.files), address)
    assert len(task.steps) == 1
    made.commands.run(task.steps[0].argv, stdin=task.steps[0].stdin)  # type: ignore[union-attr,arg-type]
    facts = interfaces.look(made.files)
    assert (facts.addresses, facts.routes) == (frozenset(), ())
    assert plan_leaving("eth0", facts, address).steps == ()


def test_of_a_nic_that_has_gone_or_was_never_known_nothing_is_left() -> None:
    facts = interfaces.look(machine().files)
    assert plan_leaving("eth0", facts, IPv4Address("10.0.0.4")).steps == ()
    assert plan_leaving(None, facts, None).steps == ()
