from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.health import HealthReport, ProvisioningState, ProvisioningSubStatus, RoleProperties
from limpet.model.ids import ContainerId, Incarnation, InstanceId
from limpet.wire.health import (
    health_request,
    parse_health_report,
    parse_role_properties,
    role_properties_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT = "168.63.129.16"
HEADERS = {
    "x-ms-agent-name": "WALinuxAgent",
    "x-ms-version": "2012-11-30",
    "Content-Type": "text/xml;charset=utf-8",
}


def report(**values: Any) -> HealthReport:
    return HealthReport(
        **{
            "incarnation": Incarnation("1"),
            "container_id": ContainerId("c-1"),
            "instance_id": InstanceId("i._vm01"),
            "state": ProvisioningState.READY,
            **values,
        }
    )


FAILED = report(
    state=ProvisioningState.NOT_READY,
    sub_status=ProvisioningSubStatus.FAILED,
    description="no <media> & no keys",
)
ROLE = RoleProperties(
    container_id=ContainerId("c-1"),
    instance_id=InstanceId("i._vm01"),
    properties=(("CertificateThumbprint", 'AB"<&>\n'),),
)


def test_ready_is_the_document_of_the_protocol_without_details() -> None:
    request = health_request(ENDPOINT, report())
    assert (request.method, request.url) == ("POST", "http://168.63.129.16/machine?comp=health")
    assert dict(request.headers) == HEADERS
    assert request.body.decode() == (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        "<GoalStateIncarnation>1</GoalStateIncarnation><Container><ContainerId>c-1</ContainerId>"
        "<RoleInstanceList><Role><InstanceId>i._vm01</InstanceId><Health><State>Ready</State></Health>"
        "</Role></RoleInstanceList></Container></Health>"
    )


def test_details_go_with_a_substatus_only() -> None:
    assert (
        b"<State>NotReady</State><Details><SubStatus>ProvisioningFailed</SubStatus>"
        b"<Description>no &lt;media&gt; &amp; no keys</Description></Details></Health>"
    ) in health_request(ENDPOINT, FAILED).body
    assert b"Details" not in health_request(ENDPOINT, report(description="lost")).body


@pytest.mark.parametrize(
    ("description", "sent"),
    [
        ("x" * 3686, "x" * 3686),
        ("x" * 3687, "x" * 3686),
        ("&" * 4000, "&" * 3686),
        ("ß" * 3686, "ß" * 2048),
        ("x" + "\u20ac" * 3686, "x" + "\u20ac" * 1365),
        ("a\0b\x1bc", "a\ufffdb\ufffdc"),
        ("\ud800", "?"),
    ],
)
def test_a_description_is_cut_before_it_is_escaped_and_fits_the_servers_bytes(
    description: str, sent: str
) -> None:
    failed = report(sub_status=ProvisioningSubStatus.FAILED, description=description)
    assert parse_health_report(health_request(ENDPOINT, failed).body).description == sent


STRIPPED = (
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
    .filter(lambda text: text == text.strip() and "\ufffe" not in text and "\uffff" not in text)
)  # fmt: skip


@st.composite
def reports(draw: st.DrawFn) -> HealthReport:
    sub_status = draw(st.none() | st.sampled_from(ProvisioningSubStatus))
    return HealthReport(
        incarnation=Incarnation(draw(STRIPPED)),
        container_id=ContainerId(draw(STRIPPED)),
        instance_id=InstanceId(draw(STRIPPED)),
        state=draw(st.sampled_from(ProvisioningState)),
        sub_status=sub_status,
        description=None if sub_status is None else draw(STRIPPED),
    )


@given(reports())
def test_a_report_survives_sending_and_reading(sent: HealthReport) -> None:
    assert parse_health_report(health_request(ENDPOINT, sent).body) == sent


def test_an_indented_report_as_cloud_init_sends_it_is_read() -> None:
    body = b"""<?xml version="1.0" encoding="utf-8"?>
<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <GoalStateIncarnation>1</GoalStateIncarnation>
  <Container>
    <ContainerId>c-1</ContainerId>
    <RoleInstanceList>
      <Role>
        <InstanceId>i._vm01</InstanceId>
        <Health>
          <State>NotReady</State>
          <Details>
            <SubStatus>ProvisioningFailed</SubStatus>
            <Description>no &lt;media&gt; &amp; no keys</Description>
          </Details>
        </Health>
      </Role>
    </RoleInstanceList>
  </Container>
</Health>
"""
    assert parse_health_report(body) == FAILED


READY = health_request(ENDPOINT, report()).body


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (b"<State>Ready</State>", b"", "element State is missing"),
        (b"<State>Ready</State>", b"<State>Fine</State>", "'Fine' is not a valid ProvisioningState"),
        (b"<State>Ready</State>", b"<State>Ready</State><SubStatus>x</SubStatus>", "'x' is not a valid"),
        (b">1</GoalStateIncarnation>", b"></GoalStateIncarnation>", "GoalStateIncarnation is empty"),
        (b"<ContainerId>c-1</ContainerId>", b"", "element ContainerId is missing"),
        (b"<InstanceId>i._vm01</InstanceId>", b"", "element InstanceId is missing"),
        (b"Health xmlns", b"Hell xmlns", ""),
        (b'<?xml version="1.0" encoding="utf-8"?>', b"<!DOCTYPE x []>", "document type"),
    ],
)  # fmt: skip
def test_a_report_of_another_shape_is_refused(old: bytes, new: bytes, complaint: str) -> None:
    assert old in READY
    with pytest.raises(MalformedDocument, match=f"Health: .*{complaint}"):
        parse_health_report(READY.replace(old, new))


def test_role_properties_are_the_document_of_the_protocol() -> None:
    request = role_properties_request(ENDPOINT, ROLE)
    assert request.url == "http://168.63.129.16/machine?comp=roleProperties"
    assert dict(request.headers) == HEADERS
    assert request.body.decode() == (
        '<?xml version="1.0" encoding="utf-8"?><RoleProperties><Container><ContainerId>c-1</ContainerId>'
        "<RoleInstances><RoleInstance><Id>i._vm01</Id><Properties>"
        '<Property name="CertificateThumbprint" value="AB&quot;&lt;&amp;&gt;&#10;" />'
        "</Properties></RoleInstance></RoleInstances></Container></RoleProperties>"
    )
    assert parse_role_properties(request.body) == ROLE


@pytest.mark.parametrize("attribute", [b' value="AB', b' name="CertificateThumbprint'])
def test_a_property_without_name_or_value_is_refused(attribute: bytes) -> None:
    body = role_properties_request(ENDPOINT, ROLE).body
    with pytest.raises(MalformedDocument, match="lacks its name or its value"):
        parse_role_properties(body.replace(attribute, b' x="'))


@pytest.mark.parametrize(
    ("parse", "body"),
    [(parse_health_report, health_request(ENDPOINT, FAILED).body), (parse_role_properties, role_properties_request(ENDPOINT, ROLE).body)],
    ids=["health", "role properties"],
)  # fmt: skip
def test_a_document_cut_at_any_byte_is_refused(parse: Callable[[bytes], Any], body: bytes) -> None:
    for length in range(len(body)):
        with pytest.raises(MalformedDocument):
            parse(body[:length])
    with pytest.raises(MalformedDocument):
        parse(body + b" " * 1024 * 1024)
