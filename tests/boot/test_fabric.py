"""The conversation with the wire server: few requests, and patience where it helps."""

from __future__ import annotations

import base64

import pytest
from tests.boot.fabrics import WIRE_SERVER, Platform

from limpet.boot.fabric import Fabric
from limpet.host.fake import FakeMachine
from limpet.model.errors import FabricBusy, FabricRefused, FabricUnreachable, HostError, MalformedDocument
from limpet.model.goalstate import CertificateBundle
from limpet.model.health import ProvisioningState, ProvisioningSubStatus
from limpet.model.ids import Thumbprint
from limpet.wire.certificates import render_certificate_file

READY, NOT_READY = ProvisioningState.READY, ProvisioningState.NOT_READY
KEY, OTHER = Thumbprint("A" * 40), Thumbprint("B" * 40)


def talking() -> tuple[FakeMachine, Platform, Fabric]:
    machine = FakeMachine()
    platform = Platform(machine.clock)
    machine.http.served = platform
    return machine, platform, Fabric(machine.http, machine.clock, machine.chance, machine.log, WIRE_SERVER)


def test_two_reports_cost_three_requests() -> None:
    _, platform, fabric = talking()
    fabric.report(NOT_READY, ProvisioningSubStatus.PROVISIONING, "Starting")
    fabric.report(READY)
    assert platform.asked == [
        "GET /machine/?comp=goalstate",
        "POST /machine?comp=health",
        "POST /machine?comp=health",
    ]
    first, second = platform.reports
    assert (first.state, first.sub_status, first.description) == (
        NOT_READY,
        ProvisioningSubStatus.PROVISIONING,
        "Starting",
    )
    assert (second.state, second.sub_status, second.instance_id) == (READY, None, "deployment._vm-001")


@pytest.mark.parametrize(
    "ill", [503, 500, 429, 403, 502, "Connection refused", "no complete answer within 10 s"]
)
@pytest.mark.parametrize("part", ["comp=goalstate", "comp=health", ""])
def test_a_fabric_that_is_ill_for_a_while_gets_its_report(ill: int | str, part: str) -> None:
    machine, platform, fabric = talking()
    platform.ill, platform.ill_part = ill, part
    machine.clock.after(90.0, platform.recover)
    begun = machine.clock.monotonic()
    fabric.report(READY)
    assert [report.state for report in platform.reports] == [READY]
    assert 90.0 <= machine.clock.monotonic() - begun <= 101.0
    assert len(platform.asked) < 40


@pytest.mark.parametrize(("ill", "error"), [(503, FabricBusy), ("Connection refused", FabricUnreachable)])
def test_patience_ends(ill: int | str, error: type[Exception]) -> None:
    machine, platform, fabric = talking()
    platform.ill = ill
    begun = machine.clock.monotonic()
    with pytest.raises(error):
        fabric.report(READY, patience=60.0)
    assert 45.0 <= machine.clock.monotonic() - begun <= 61.0


@pytest.mark.parametrize(("ill", "least", "most"), [(403, 10.0, 21.0), (503, 45.0, 61.0)])
def test_a_fabric_that_only_refuses_is_given_up_sooner_where_somebody_else_goes_on(
    ill: int, least: float, most: float
) -> None:
    machine, platform, _ = talking()
    fabric = Fabric(
        machine.http, machine.clock, machine.chance, machine.log, WIRE_SERVER, refused_patience=20.0
    )
    platform.ill = ill
    begun = machine.clock.monotonic()
    with pytest.raises(FabricBusy):
        fabric.report(READY, patience=60.0)
    assert least <= machine.clock.monotonic() - begun <= most


def test_a_fabric_that_is_busy_between_refusals_is_borne_as_long_as_a_busy_one() -> None:
    machine, platform, _ = talking()
    fabric = Fabric(
        machine.http, machine.clock, machine.chance, machine.log, WIRE_SERVER, refused_patience=20.0
    )
    platform.ill = 403
    for after, ill in ((15.0, 503), (35.0, 403)):
        machine.clock.after(after, lambda ill=ill: setattr(platform, "ill", ill))  # type: ignore[misc]
    machine.clock.after(50.0, platform.recover)
    fabric.report(READY, patience=90.0)
    assert [report.state for report in platform.reports] == [READY]


def test_without_patience_there_is_one_attempt() -> None:
    _, platform, fabric = talking()
    platform.ill = 503
    with pytest.raises(FabricBusy):
        fabric.report(READY, patience=0.0)
    assert len(platform.asked) == 1


def test_a_report_whose_names_are_stale_is_made_anew_once() -> None:
    _, platform, fabric = talking()
    fabric.goal_state()
    platform.container = "container-2"
    fabric.report(READY)
    assert [report.container_id for report in platform.reports] == ["container-2"]
    assert platform.asked.count("GET /machine/?comp=goalstate") == 2


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_report_that_is_refused_twice_is_given_up(status: int) -> None:
    _, platform, fabric = talking()
    platform.ill, platform.ill_part = status, "comp=health"
    with pytest.raises(FabricRefused, match=str(status)):
        fabric.report(READY)
    assert platform.asked.count("POST /machine?comp=health") == 2


def test_a_goal_state_that_is_garbage_is_asked_for_again() -> None:
    machine, platform, fabric = talking()
    platform.ill, platform.ill_part = 200, "comp=goalstate"
    machine.clock.after(5.0, platform.recover)
    assert fabric.goal_state().incarnation == "1"
    platform.ill = 200
    with pytest.raises(MalformedDocument):
        Fabric(machine.http, machine.clock, machine.chance, machine.log, WIRE_SERVER).goal_state(10.0)


def test_the_host_keys_fingerprint_goes_as_a_property_and_only_202_accepts_it() -> None:
    _, platform, fabric = talking()
    fabric.publish_thumbprint("SHA256:abc")
    assert platform.properties[0].properties == (("CertificateThumbprint", "SHA256:abc"),)
    platform.role_status = 200
    with pytest.raises(FabricRefused, match="not 202"):
        fabric.publish_thumbprint("SHA256:abc")


def bundle(machine: FakeMachine, content: dict[str, bool]) -> bytes:
    data = machine.vault.bundle(content)
    return render_certificate_file(
        CertificateBundle(incarnation=None, format="Pkcs7BlobWithPfxContents", data=data)
    )


def test_certificates_are_fetched_when_they_are_wanted() -> None:
    machine, platform, fabric = talking()
    platform.certificates = bundle(machine, {KEY: True, "C" * 40: False})
    assert fabric.certificates(machine.vault, [KEY, OTHER]) == {KEY}
    assert OTHER in str(machine.log.of("certificates.missing"))
    assert len(platform.asked) == 2


def test_certificates_that_cannot_be_opened_are_a_reason() -> None:
    machine, platform, fabric = talking()
    data = machine.vault.bundle({KEY: True}, certificate="another")
    platform.certificates = render_certificate_file(
        CertificateBundle(incarnation=None, format=None, data=data)
    )
    with pytest.raises(HostError, match=r"either cipher.*another certificate"):
        fabric.certificates(machine.vault, [KEY])
    assert base64.b64encode(data) in platform.certificates.replace(b"\n", b"")


def test_a_vm_without_certificates_says_so() -> None:
    machine, _, fabric = talking()
    with pytest.raises(HostError, match="has no certificates"):
        fabric.certificates(machine.vault, [KEY])
