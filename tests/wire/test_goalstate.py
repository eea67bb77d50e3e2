"""Protocol versions and the goal state."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import goal_states, texts

from limpet.model.errors import MalformedDocument
from limpet.model.goalstate import GoalState, Versions
from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, Url
from limpet.wire.goalstate import (
    document_request,
    goal_state_request,
    parse_goal_state,
    parse_versions,
    render_goal_state,
    render_versions,
    versions_request,
)

BASE = "http://168.63.129.16:80/machine/c-1/i%2D1"
STATE = GoalState(
    incarnation=Incarnation("1"),
    container_id=ContainerId("c-1"),
    instance_id=InstanceId("i-1._vm01"),
    config_name=ConfigName("d-1.0.d-1.0._vm01.1.xml"),
    hosting_environment=Url(f"{BASE}?comp=config&type=hostingEnvironmentConfig&incarnation=1"),
    shared_config=Url(f"{BASE}?comp=config&type=sharedConfig&incarnation=1"),
    extensions_config=Url(f"{BASE}?comp=config&type=extensionsConfig&incarnation=1"),
    certificates=Url(f"{BASE}?comp=certificates&incarnation=1"),
    remote_access=Url("http://168.63.129.16:80/remoteaccess/c-1"),
    full_config=Url(f"{BASE}?comp=config&type=fullConfig&incarnation=1"),
)
BODY = render_goal_state(STATE)


def test_requests_are_those_of_the_protocol() -> None:
    assert versions_request("10.0.0.1:8080").url == "http://10.0.0.1:8080/?comp=versions"
    assert not versions_request("10.0.0.1").headers  # the first question has none. Source: §1.6
    asked = goal_state_request("168.63.129.16")
    assert asked.url == "http://168.63.129.16/machine/?comp=goalstate"
    assert asked.headers == {"x-ms-agent-name": "WALinuxAgent", "x-ms-version": "2012-11-30"}
    assert document_request(STATE.shared_config).url == STATE.shared_config


@given(st.builds(Versions, preferred=texts, supported=st.lists(texts, max_size=3).map(tuple)))
def test_versions_survive_the_way_to_the_wire_and_back(versions: Versions) -> None:
    assert parse_versions(render_versions(versions)) == versions


@pytest.mark.parametrize(
    ("preferred", "supported", "acceptable"),
    [
        ("2012-11-30", (), True),
        ("2015-04-05", ("2015-04-05", "2012-11-30"), True),
        ("2015-04-05", ("2015-04-05",), False),
        ("2012-11-30-preview", (), False),
        ("", ("2012-11-30",), True),
    ],
)
def test_a_version_counts_when_preferred_or_supported(
    preferred: str, supported: tuple[str, ...], acceptable: bool
) -> None:
    offered = parse_versions(render_versions(Versions(preferred=preferred, supported=supported)))
    assert offered.accept("2012-11-30") is acceptable


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<Versions><Supported/></Versions>", "element Preferred is missing"),
        (b"<Versions><Preferred><Version>1</Version></Preferred></Versions>", "element Supported is missing"),
        (b"<Versions><Preferred/><Supported/></Versions>", "element Version is missing"),
        (b"<Version/>", "its root element is 'Version' instead of 'Versions'"),
    ],
)
def test_versions_without_either_container_are_refused(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedDocument) as refusal:
        parse_versions(body)
    assert str(refusal.value) == f"Versions: {problem}"


@given(goal_states)
def test_a_goal_state_survives_the_way_to_the_wire_and_back(state: GoalState) -> None:
    assert parse_goal_state(render_goal_state(state)) == state


def test_a_goal_state_cut_at_any_byte_is_refused() -> None:
    for length in range(len(BODY)):
        with pytest.raises(MalformedDocument, match=r"^GoalState: "):
            parse_goal_state(BODY[:length])


REQUIRED = (
    "Incarnation",
    "ContainerId",
    "InstanceId",
    "ConfigName",
    "HostingEnvironmentConfig",
    "SharedConfig",
)
OPTIONAL = {
    "ExtensionsConfig": "extensions_config",
    "Certificates": "certificates",
    "RemoteAccessInfo": "remote_access",
    "FullConfig": "full_config",
}
IGNORED = ("Version", "StopRolesDeadlineHint", "LBProbePorts", "ExpectHealthReport", "Machine")


def without(name: str, replacement: str = "") -> bytes:
    found, count = re.subn(rf"<{name}>.*?</{name}>", replacement, BODY.decode())
    assert count == 1
    return found.encode()


@pytest.mark.parametrize("name", [*REQUIRED, "RoleInstance", "Container"])
def test_a_required_element_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(MalformedDocument, match=rf"element {name} is missing"):
        parse_goal_state(without(name))


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("empty", ["<{0}/>", "<{0}></{0}>", "<{0}> \n </{0}>"])
def test_a_required_element_that_is_empty_is_named(name: str, empty: str) -> None:
    with pytest.raises(MalformedDocument, match=rf"element {name} is empty"):
        parse_goal_state(without(name, empty.format(name)))


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize("replacement", ["", "<{0}/>", "<{0}> </{0}>"])
def test_an_optional_element_may_be_missing_or_empty(name: str, replacement: str) -> None:
    state = parse_goal_state(without(name, replacement.format(name)))
    assert getattr(state, OPTIONAL[name]) is None


@pytest.mark.parametrize("name", IGNORED)
def test_what_no_client_reads_may_be_missing(name: str) -> None:
    assert parse_goal_state(without(name)) == STATE


def test_the_first_element_of_a_name_in_document_order_counts() -> None:
    body = BODY.replace(b"<Machine>", b"<Incarnation>7</Incarnation><Machine>")
    assert parse_goal_state(body).incarnation == "1"
    body = BODY.replace(b"<Version>", b"<Old><Incarnation>7</Incarnation></Old><Version>")
    assert parse_goal_state(body).incarnation == "7"


def test_nesting_and_order_do_not_matter() -> None:
    body = (
        b"<GoalState><SharedConfig>http://s</SharedConfig><HostingEnvironmentConfig>http://h</HostingEnvironmentConfig>"
        b"<ConfigName>n</ConfigName><a><b><InstanceId>i</InstanceId></b></a><RoleInstance/>"
        b"<ContainerId>c</ContainerId><Container/><Incarnation>x1</Incarnation></GoalState>"
    )
    state = parse_goal_state(body)
    assert (state.incarnation, state.container_id, state.instance_id) == ("x1", "c", "i")


def test_remote_access_counts_only_inside_the_container() -> None:
    body = BODY.replace(b"RemoteAccessInfo>", b"Elsewhere>").replace(
        b"<Machine>", b"<RemoteAccessInfo>http://x</RemoteAccessInfo><Machine>"
    )
    assert parse_goal_state(body).remote_access is None


def test_unknown_elements_and_prefixes_do_not_matter() -> None:
    body = BODY.replace(b"<Machine>", b"<New><Newer a='1'>x</Newer></New><Machine>")
    assert parse_goal_state(body) == STATE
    prefixed = re.sub(rb"<(/?)(?!\?)", rb"<\1m:", BODY).replace(
        b"<m:GoalState ", b'<m:GoalState xmlns:m="urn:m" '
    )
    assert parse_goal_state(prefixed) == STATE


@pytest.mark.parametrize("name", ["Incarnation", "ContainerId", "InstanceId", "ConfigName"])
@pytest.mark.parametrize("value", ["two words", "two\nlines", "x&#13;&#10;Evil: 1", "é", "x" * 257])
def test_an_identifier_that_could_not_stand_in_a_header_is_refused(name: str, value: str) -> None:
    with pytest.raises(MalformedDocument, match=rf"element {name} is .* which is no identifier"):
        parse_goal_state(without(name, f"<{name}>{value}</{name}>"))


@pytest.mark.parametrize(
    "name",
    ["HostingEnvironmentConfig", "SharedConfig", "ExtensionsConfig", "Certificates", "RemoteAccessInfo"],
)
@pytest.mark.parametrize(
    "value", ["/relative", "ftp://x/y", "file:///etc/passwd", "http://", "http://x/a b", "http://x/&#10;y"]
)
def test_a_location_that_could_not_be_asked_for_is_refused(name: str, value: str) -> None:
    with pytest.raises(MalformedDocument, match=rf"element {name} is not an http or https URL"):
        parse_goal_state(without(name, f"<{name}>{value}</{name}>"))


def test_an_incarnation_is_text_that_need_not_be_a_number() -> None:
    assert parse_goal_state(without("Incarnation", "<Incarnation> 007 </Incarnation>")).incarnation == "007"
    assert parse_goal_state(without("Incarnation", "<Incarnation>b</Incarnation>")).incarnation == "b"


def test_the_deployment_is_what_the_configuration_is_named_after() -> None:
    assert STATE.deployment_id == "d-1"


def test_strict_clients_find_the_canonical_nesting() -> None:
    assert b"xmlns=" not in BODY
    order = [
        "<GoalState",
        "<Incarnation>",
        "<Container>",
        "<ContainerId>",
        "<RoleInstanceList>",
        "<RoleInstance>",
        "<InstanceId>",
        "<Configuration>",
        "<Certificates>",
        "</Configuration>",
        "</RoleInstance>",
        "</Container>",
    ]
    places = [BODY.decode().index(mark) for mark in order]
    assert places == sorted(places)
