from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.emulator.worlds import NAME, Client, world

from limpet.emulator.exchange import Service
from limpet.emulator.world.conditions import Condition
from limpet.emulator.world.ledger import Entry
from limpet.emulator.world.vm import ProvisioningReport, Received, StatusReport
from limpet.model.extensions import BlobType
from limpet.model.health import ProvisioningState, ProvisioningSubStatus, RoleProperties
from limpet.model.ids import SequenceNumber
from limpet.model.status import (
    AgentStatus,
    ExtensionState,
    ExtensionStatus,
    GoalStateAggregate,
    GuestInfo,
    HandlerStatus,
    Message,
    SettingsStatus,
)

if TYPE_CHECKING:
    from limpet.emulator.world.state import World

TIME = "2027-01-15T08:00:00Z"


def status(
    word: ExtensionState, sequence: int = 0, extension: str | None = None, code: int = 0
) -> SettingsStatus:
    return SettingsStatus(
        name="x",
        sequence_number=SequenceNumber(sequence),
        status=ExtensionStatus(status=word, code=code),
        extension_name=extension,
    )


STATUS = AgentStatus(
    timestamp=TIME,
    guest=GuestInfo(computer_name="vm1", os_name="debian", os_version="12", agent_version="9.9.9.9"),
    message=Message(message=""),
    handlers=(
        HandlerStatus(
            name="Acme.Sample",
            version="1.0.0",
            status="Ready",
            settings=status(ExtensionState.SUCCESS, sequence=3),
        ),
        HandlerStatus(name="Acme.Broken", version="2.0", status="NotReady", code=1007),
        HandlerStatus(
            name="Acme.Multi",
            version="1.0",
            status="Ready",
            settings=status(ExtensionState.ERROR, extension="a", code=17),
        ),
    ),
    goal_state=GoalStateAggregate(
        status="Success", code=0, message=Message(message=""), svd_sequence_number=4, finished=TIME
    ),
)


def eventful() -> World:
    """A world in which the VM asked, provisioned and reported."""
    client = Client(world())
    client.wire("GET", "/machine/?comp=goalstate")
    vm = client.vm
    report = StatusReport(serial=5, at=1.0, channel="direct", kind=BlobType.BLOCK, raw=b"", status=STATUS)
    health = ProvisioningReport(
        form="json", state=ProvisioningState.NOT_READY, sub_status=ProvisioningSubStatus.PROVISIONING
    )
    role = RoleProperties(
        container_id=vm.identity.container_id,
        instance_id=vm.identity.instance_id,
        properties=(("CertificateThumbprint", "AB"),),
    )
    inbox = replace(
        vm.inbox,
        statuses=vm.inbox.statuses.append(report),
        health=vm.inbox.health.append(Received(at=1.0, value=health)),
        role_properties=vm.inbox.role_properties.append(Received(at=1.0, value=role)),
    )
    entry = Entry(
        id=0, at=0.0, vm=NAME, service=Service.WIRE_SERVER, endpoint="goal-state", method="GET", target="/",
        headers=(), body=b"", body_size=0, status=200,
    )  # fmt: skip
    ledger = client.world.ledger.record(entry).record(entry)
    named = replace(vm, inbox=inbox, registered_name=Received(at=1.0, value="box"))
    return replace(client.world.with_vm(named), ledger=ledger)


EVENTFUL = eventful()


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"handler": "acme.sample"},
        {"handler": "Acme.Sample", "version": "1.0.0", "sequence": 3, "status": "success"},
        {"status": "success"},
        {"handler": "Acme.Broken", "handler_status": "NotReady", "code": 1007},
        {"handler": "Acme.Multi", "extension": "a", "status": "error", "code": 17},
        {"handler": "Acme.Gone", "gone": True},
        {"goal_state": "Success", "goal_state_code": 0, "svd_sequence_number": "4"},
        {"after_status": 4},
        {"incarnation": "1"},
        {"requests": 2, "endpoint": "goal-state"},
        {"requests": 1, "after": 1},
        {"requests": 0, "endpoint": "status"},
        {"health": "NotReady/Provisioning"},
        {"health": "NotReady/Provisioning", "health_reports": 1},
        {"host_name": "box"},
        {"role_property": "CertificateThumbprint"},
        {"role_property": "CertificateThumbprint=AB", "host_name": "box"},
        {"handler": "Acme.Sample", "status": "success", "incarnation": "1", "requests": 1},
    ],
)
def test_a_condition_holds_when_all_of_it_does(members: dict[str, Any]) -> None:
    assert Condition(**members).holds(EVENTFUL, EVENTFUL.vm(NAME))


@pytest.mark.parametrize(
    "members",
    [
        {"handler": "Acme.Gone"},
        {"handler": "Acme.Sample", "gone": True},
        {"handler": "Acme.Sample", "sequence": 4},
        {"handler": "Acme.Sample", "version": "1.0"},
        {"handler": "Acme.Sample", "status": "error"},
        {"handler": "Acme.Broken", "status": "error"},
        {"handler": "Acme.Multi", "extension": "b"},
        {"goal_state": "Failed"},
        {"svd_sequence_number": "5"},
        {"after_status": 5},
        {"incarnation": "2"},
        {"etag": "1"},
        {"requests": 3},
        {"requests": 1, "after": 2},
        {"health": "Ready"},
        {"health": "NotReady/Provisioning", "health_reports": 2},
        {"host_name": "vm0"},
        {"role_property": "Thumbprint"},
        {"role_property": "CertificateThumbprint=CD"},
        {"handler": "Acme.Sample", "status": "success", "incarnation": "2"},
    ],
)
def test_a_condition_does_not_hold_when_part_of_it_does_not(members: dict[str, Any]) -> None:
    assert not Condition(**members).holds(EVENTFUL, EVENTFUL.vm(NAME))


def test_nothing_about_status_holds_before_the_first_report() -> None:
    fresh = world()
    assert not Condition(handler="Acme.Gone", gone=True).holds(fresh, fresh.vm(NAME))
    assert not Condition(goal_state="Success").holds(fresh, fresh.vm(NAME))
    assert not Condition(host_name="box").holds(fresh, fresh.vm(NAME))
    assert not Condition(health_reports=1).holds(fresh, fresh.vm(NAME))
    assert not Condition(role_property="CertificateThumbprint").holds(fresh, fresh.vm(NAME))
