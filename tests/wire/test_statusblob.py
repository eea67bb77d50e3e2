from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.ids import SequenceNumber
from limpet.model.redact import redacted
from limpet.model.status import (
    AgentStatus,
    ExtensionState,
    ExtensionStatus,
    GoalStateAggregate,
    GuestInfo,
    HandlerStatus,
    Message,
    SettingsStatus,
    Substatus,
    UpdateStatus,
)
from limpet.wire.statusblob import parse_status, render_status

TIME = "2030-01-01T00:00:00Z"
GUEST = GuestInfo(computer_name="vm01", os_name="debian", os_version="12", agent_version="2.99.0.1")
RUNNING = Message(message="Guest Agent is running")
MINIMAL = AgentStatus(timestamp=TIME, guest=GUEST, message=RUNNING)
EXTENSION = ExtensionStatus(
    status=ExtensionState.SUCCESS,
    operation="Enable",
    message=Message(message="ok"),
    substatus=(Substatus(status=ExtensionState.SUCCESS, name="s1", message=Message(message="m")),),
)
FULL = replace(
    MINIMAL,
    update=UpdateStatus(expected_version="2.99.0.1", status="Success", code=0, message=Message(message="")),
    handlers=(
        HandlerStatus(
            name="Acme.Sample",
            version="1.0.0",
            status="Ready",
            message=Message(message="Plugin enabled"),
            settings=SettingsStatus(
                name="ext1", sequence_number=SequenceNumber(0), status=EXTENSION, extension_name="ext1"
            ),
        ),
    ),
    goal_state=GoalStateAggregate(
        status="Success",
        code=0,
        message=Message(message="GoalState executed successfully"),
        svd_sequence_number="1",
        finished=TIME,
    ),
    supported_features=(
        ("MultipleExtensionsPerHandler", "1.0"),
        ("VersioningGovernance", "1.0"),
        ("FastTrack", "1.0"),
    ),
)
MESSAGE = {"lang": "en-US", "message": "m"}


def document(status: AgentStatus) -> Any:
    return json.loads(render_status(status))


def test_the_whole_document_is_the_one_of_the_protocol() -> None:
    assert document(FULL) == {
        "version": "1.1",
        "timestampUTC": TIME,
        "aggregateStatus": {
            "guestAgentStatus": {
                "version": "2.99.0.1",
                "status": "Ready",
                "formattedMessage": {"lang": "en-US", "message": "Guest Agent is running"},
                "updateStatus": {
                    "expectedVersion": "2.99.0.1",
                    "status": "Success",
                    "code": 0,
                    "formattedMessage": {"lang": "en-US", "message": ""},
                },
            },
            "handlerAggregateStatus": [
                {
                    "handlerVersion": "1.0.0",
                    "handlerName": "Acme.Sample",
                    "status": "Ready",
                    "code": 0,
                    "useExactVersion": True,
                    "formattedMessage": {"lang": "en-US", "message": "Plugin enabled"},
                    "runtimeSettingsStatus": {
                        "settingsStatus": {
                            "status": {
                                "name": "ext1",
                                "configurationAppliedTime": None,
                                "operation": "Enable",
                                "status": "success",
                                "code": 0,
                                "formattedMessage": {"lang": "en-US", "message": "ok"},
                                "substatus": [
                                    {
                                        "name": "s1",
                                        "status": "success",
                                        "code": 0,
                                        "formattedMessage": MESSAGE,
                                    }
                                ],
                            },
                            "version": 1.0,
                            "timestampUTC": TIME,
                        },
                        "sequenceNumber": 0,
                        "extensionName": "ext1",
                    },
                }
            ],
            "vmArtifactsAggregateStatus": {
                "goalStateAggregateStatus": {
                    "formattedMessage": {"lang": "en-US", "message": "GoalState executed successfully"},
                    "timestampUTC": TIME,
                    "inSvdSeqNo": "1",
                    "status": "Success",
                    "code": 0,
                }
            },
        },
        "guestOSInfo": {"computerName": "vm01", "osName": "debian", "osVersion": "12", "version": "2.99.0.1"},
        "supportedFeatures": [
            {"Key": "MultipleExtensionsPerHandler", "Value": "1.0"},
            {"Key": "VersioningGovernance", "Value": "1.0"},
            {"Key": "FastTrack", "Value": "1.0"},
        ],
    }


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    aggregate = document(MINIMAL)["aggregateStatus"]
    assert aggregate["handlerAggregateStatus"] == []
    assert "vmArtifactsAggregateStatus" not in aggregate
    assert "updateStatus" not in aggregate["guestAgentStatus"]


def entry(handler: HandlerStatus) -> Any:
    return document(replace(MINIMAL, handlers=(handler,)))["aggregateStatus"]["handlerAggregateStatus"][0]


def test_a_handler_without_message_or_settings_has_neither_member() -> None:
    assert entry(HandlerStatus(name="A.B", version="1", status="NotReady", code=1007)) == {
        "handlerVersion": "1",
        "handlerName": "A.B",
        "status": "NotReady",
        "code": 1007,
        "useExactVersion": True,
    }


def test_a_single_config_entry_has_no_extension_name_and_an_empty_substatus_is_left_out() -> None:
    settings = SettingsStatus(
        name="A.B",
        sequence_number=SequenceNumber(7),
        status=ExtensionStatus(status=ExtensionState.TRANSITIONING, code="5"),
    )
    assert entry(HandlerStatus(name="A.B", version="1", status="Ready", settings=settings))[
        "runtimeSettingsStatus"
    ] == {
        "settingsStatus": {
            "status": {
                "name": "A.B",
                "configurationAppliedTime": None,
                "operation": None,
                "status": "transitioning",
                "code": "5",
            },
            "version": 1.0,
            "timestampUTC": TIME,
        },
        "sequenceNumber": 7,
    }


@pytest.mark.parametrize("number", ["1", 7, "00000000-0000-0000-0000-000000000000"])
def test_the_svd_sequence_number_keeps_its_type(number: str | int) -> None:
    assert FULL.goal_state is not None
    status = replace(FULL, goal_state=replace(FULL.goal_state, svd_sequence_number=number))
    told = document(status)["aggregateStatus"]["vmArtifactsAggregateStatus"]["goalStateAggregateStatus"]
    assert told["inSvdSeqNo"] == number
    assert parse_status(render_status(status)) == status


def test_it_is_ascii_whatever_a_handler_says() -> None:
    status = replace(MINIMAL, message=Message(message="naïve ☃ \U0001f600 \ud800"))
    body = render_status(status)
    assert body.isascii()
    assert document(status)["aggregateStatus"]["guestAgentStatus"]["formattedMessage"]["message"].startswith(
        "naïve ☃"
    )


def test_half_a_surrogate_pair_in_a_message_costs_nobody_the_document() -> None:
    status = replace(MINIMAL, message=Message(message="no file 'gr\udcfc\udf00n' \U0001f600"))
    assert parse_status(render_status(status)).message.message == "no file 'gr??n' \U0001f600"


def test_no_message_carries_a_sas_token() -> None:
    leak = Message(message="GET https://a.blob.example/c/b?sv=2020&sig=SECRET%3D failed")
    handler = HandlerStatus(
        name="A.B",
        version="1",
        status="NotReady",
        message=leak,
        settings=SettingsStatus(
            name="A.B",
            sequence_number=SequenceNumber(0),
            status=ExtensionStatus(
                status=ExtensionState.ERROR,
                message=leak,
                substatus=(Substatus(status=ExtensionState.ERROR, message=leak),),
            ),
        ),
    )
    assert FULL.goal_state is not None
    assert FULL.update is not None
    status = replace(
        FULL,
        message=leak,
        handlers=(handler,),
        update=replace(FULL.update, message=leak),
        goal_state=replace(FULL.goal_state, message=leak),
    )
    body = render_status(status)
    assert b"SECRET" not in body
    assert body.count(b"https://a.blob.example/c/b") == 6


TEXTS = st.text(max_size=20).filter(lambda text: redacted(text) == text)
MESSAGES = st.builds(Message, message=TEXTS, lang=TEXTS.filter(bool))
STATES = st.sampled_from(ExtensionState)
CODES = st.integers(-(2**40), 2**40)
EITHER = CODES | TEXTS
EXTENSIONS = st.builds(
    ExtensionStatus,
    status=st.none() | STATES,
    code=EITHER,
    operation=st.none() | TEXTS,
    configuration_applied_time=st.none() | TEXTS,
    message=st.none() | MESSAGES,
    substatus=st.lists(
        st.builds(
            Substatus, status=STATES, name=st.none() | TEXTS, code=EITHER, message=st.none() | MESSAGES
        ),
        max_size=2,
    ).map(tuple),
)
SETTINGS = st.builds(
    SettingsStatus,
    name=TEXTS,
    sequence_number=st.integers(0, 2**31).map(SequenceNumber),
    status=EXTENSIONS,
    extension_name=st.none() | TEXTS,
)
HANDLERS = st.builds(
    HandlerStatus,
    name=TEXTS,
    version=TEXTS,
    status=TEXTS,
    code=CODES,
    message=st.none() | MESSAGES,
    settings=st.none() | SETTINGS,
)
STATUSES = st.builds(
    AgentStatus,
    timestamp=TEXTS,
    guest=st.builds(GuestInfo, computer_name=TEXTS, os_name=TEXTS, os_version=TEXTS, agent_version=TEXTS),
    message=MESSAGES,
    status=TEXTS,
    update=st.none()
    | st.builds(UpdateStatus, expected_version=TEXTS, status=TEXTS, code=CODES, message=MESSAGES),
    handlers=st.lists(HANDLERS, max_size=3).map(tuple),
    goal_state=st.none()
    | st.builds(
        GoalStateAggregate,
        status=TEXTS,
        code=CODES,
        message=MESSAGES,
        svd_sequence_number=EITHER,
        finished=TEXTS,
    ),
    supported_features=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple),
)


@given(STATUSES)
def test_a_status_survives_writing_and_reading(status: AgentStatus) -> None:
    assert parse_status(render_status(status)) == status


@pytest.mark.parametrize("padding", [b"\0" * 300, b" " * 300, b"\n \0\0 "])
def test_a_page_blobs_padding_is_taken_off(padding: bytes) -> None:
    assert parse_status(render_status(FULL) + padding) == FULL


@pytest.mark.parametrize("body", [b"", b"\0" * 512, b" " * 512])
def test_a_blob_that_is_not_written_yet_says_so(body: bytes) -> None:
    with pytest.raises(MalformedDocument, match="created and not yet written"):
        parse_status(body)


def changed(path: tuple[str | int, ...], value: Any) -> bytes:
    root = document(FULL)
    node = root
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return json.dumps(root).encode()


AGENT = ("aggregateStatus", "guestAgentStatus")
HANDLER = ("aggregateStatus", "handlerAggregateStatus", 0)
RUNTIME = (*HANDLER, "runtimeSettingsStatus")
STATUS = (*RUNTIME, "settingsStatus", "status")
GOAL_STATE = ("aggregateStatus", "vmArtifactsAggregateStatus", "goalStateAggregateStatus")


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("timestampUTC",), None, "timestampUTC is missing or not text"),
        (("aggregateStatus",), [], "aggregateStatus is missing or not an object"),
        (("guestOSInfo",), None, "guestOSInfo is missing"),
        (("guestOSInfo", "osName"), 5, "guestOSInfo.osName is missing or not text"),
        (("supportedFeatures",), {}, "supportedFeatures is not an array"),
        (("supportedFeatures", 0), "x", r"supportedFeatures\[0\] is missing or not an object"),
        (AGENT, None, "guestAgentStatus is missing"),
        ((*AGENT, "status"), None, "guestAgentStatus.status is missing"),
        ((*AGENT, "formattedMessage"), "x", "formattedMessage is missing or not an object"),
        ((*AGENT, "updateStatus", "code"), "0", "updateStatus.code is not a whole number"),
        (("aggregateStatus", "handlerAggregateStatus"), {}, "handlerAggregateStatus is not an array"),
        ((*HANDLER, "handlerName"), None, r"handlerAggregateStatus\[0\].handlerName is missing"),
        ((*HANDLER, "code"), True, "code is neither"),
        ((*RUNTIME, "sequenceNumber"), "x", "sequenceNumber is not a whole number"),
        ((*RUNTIME, "settingsStatus"), None, "settingsStatus is missing"),
        ((*STATUS, "name"), None, "name is missing"),
        ((*STATUS, "status"), "done", "status is not one of transitioning"),
        ((*STATUS, "code"), [], "code is neither"),
        ((*STATUS, "substatus", 0, "status"), None, r"substatus\[0\].status is missing"),
        ((*GOAL_STATE, "inSvdSeqNo"), None, "inSvdSeqNo is neither"),
        ((*GOAL_STATE, "timestampUTC"), 5, "timestampUTC is missing or not text"),
    ],
)
def test_a_document_of_another_shape_is_refused_with_its_place(
    path: tuple[str | int, ...], value: Any, complaint: str
) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_status(changed(path, value))


def test_another_agents_null_texts_and_missing_members_are_read() -> None:
    status = parse_status(changed((*STATUS, "formattedMessage"), {"lang": "en-US", "message": None}))
    assert status.handlers[0].settings is not None
    assert status.handlers[0].settings.status.message is None
    assert parse_status(changed(("supportedFeatures",), None)).supported_features == ()
    assert parse_status(changed((*AGENT, "formattedMessage"), {"message": "x"})).message == Message(
        message="x"
    )
