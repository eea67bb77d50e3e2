from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.telemetry import GENERIC_LOGS_PROVIDER, HandlerEvent
from limpet.wire.handlerevents import parse_handler_events, to_event

WRITTEN = {
    "Version": "1.0.0.23",
    "Timestamp": "2025-01-02T03:04:05.678Z",
    "TaskName": "Enable",
    "EventLevel": "Informational",
    "Message": "text",
    "EventPid": "4711",
    "EventTid": "1",
    "OperationId": "00000000-0000-0000-0000-000000000000",
}
READ = HandlerEvent(
    version="1.0.0.23",
    timestamp="2025-01-02T03:04:05.678Z",
    task_name="Enable",
    level="Informational",
    message="text",
    pid="4711",
    tid="1",
    operation_id="00000000-0000-0000-0000-000000000000",
)


def read(*events: Any) -> tuple[tuple[HandlerEvent, ...], dict[str, int]]:
    return parse_handler_events(json.dumps(list(events)).encode())


def one(**members: Any) -> HandlerEvent:
    (event,), rejected = read({**WRITTEN, **members})
    assert rejected == {}
    return event


def test_an_object_and_an_array_are_read() -> None:
    assert parse_handler_events(json.dumps(WRITTEN).encode()) == ((READ,), {})
    assert read(WRITTEN, WRITTEN) == ((READ, READ), {})
    assert read() == ((), {})


def test_names_are_compared_without_case_and_others_are_ignored() -> None:
    members = {name.upper(): value for name, value in WRITTEN.items()}
    assert read({**members, "Extra": []}) == ((READ,), {})


def test_values_are_trimmed_and_redacted() -> None:
    event = one(Message=" GET https://a.blob.example/c?sv=1&sig=SECRET \n", TaskName=" Enable ")
    assert event.message.startswith("GET https://a.blob.example/c?")
    assert "SECRET" not in event.message
    assert event.task_name == "Enable"


@pytest.mark.parametrize(("written", "read_as"), [(4711, "4711"), (-1, "-1"), ("", ""), (" 5 ", "5")])
def test_process_and_thread_may_be_numbers_or_empty(written: Any, read_as: str) -> None:
    event = one(EventPid=written, EventTid=written)
    assert (event.pid, event.tid) == (read_as, read_as)


@pytest.mark.parametrize("member", WRITTEN)
@pytest.mark.parametrize("value", [None, [], {}, True, 1.5])
def test_an_event_without_one_of_the_eight_texts_is_rejected(member: str, value: Any) -> None:
    missing = {name: text for name, text in WRITTEN.items() if name != member}
    assert read({**WRITTEN, member: value}, missing, WRITTEN) == ((READ,), {"MissingKeyError": 2})


@pytest.mark.parametrize("member", [name for name in WRITTEN if name not in {"EventPid", "EventTid"}])
def test_only_process_and_thread_may_be_numbers(member: str) -> None:
    assert read({**WRITTEN, member: 5}) == ((), {"MissingKeyError": 1})


@pytest.mark.parametrize("junk", [None, 5, "x", []])
def test_an_entry_that_is_no_object_is_rejected(junk: Any) -> None:
    assert read(junk) == ((), {"MissingKeyError": 1})


@pytest.mark.parametrize("message", ["", "  \n"])
def test_an_event_without_a_message_is_rejected(message: str) -> None:
    assert read({**WRITTEN, "Message": message}) == ((), {"EmptyMessageError": 1})


def test_a_long_message_is_cut() -> None:
    assert one(Message="x" * 3072).message == "x" * 3072
    assert one(Message="x" * 9999).message == "x" * 3072


def test_an_event_that_is_too_long_as_a_whole_is_rejected() -> None:
    others = sum(len(text) for name, text in WRITTEN.items() if name != "TaskName")
    fits = "t" * (6144 - others)
    assert one(TaskName=fits).task_name == fits
    assert read({**WRITTEN, "TaskName": fits + "t"}) == ((), {"OversizeEventError": 1})


def test_rejections_are_counted_by_reason() -> None:
    empty, long = {**WRITTEN, "Message": ""}, {**WRITTEN, "TaskName": "t" * 6144}
    assert read(empty, {}, WRITTEN, empty, long) == (
        (READ,),
        {"EmptyMessageError": 2, "MissingKeyError": 1, "OversizeEventError": 1},
    )


@pytest.mark.parametrize(
    "body", [b"", b"null", b"5", b'"x"', b"[", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}']
)
def test_a_file_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse_handler_events(body)


@given(st.lists(st.fixed_dictionaries({name: st.text(max_size=20) | st.integers() for name in WRITTEN})))
def test_every_entry_becomes_an_event_or_a_rejection(entries: list[dict[str, Any]]) -> None:
    events, rejected = read(*entries)
    assert len(events) + sum(rejected.values()) == len(entries)


def test_an_event_becomes_a_log_record_with_the_handlers_values() -> None:
    event = to_event(
        READ,
        handler="Contoso.Sample",
        modified=1893456000.5,
        common={
            "GAVersion": "WALinuxAgent-2",
            "EventPid": 1,
            "EventTid": 2,
            "TaskName": "main",
            "OpcodeName": "x",
        },
    )
    assert (event.provider, event.id) == (GENERIC_LOGS_PROVIDER, 7)
    assert event.parameters[:11] == (
        ("EventName", "Contoso.Sample-1.0.0.23"),
        ("CapabilityUsed", "Informational"),
        ("Context1", "text"),
        ("Context2", "2025-01-02T03:04:05.678Z"),
        ("Context3", "00000000-0000-0000-0000-000000000000"),
        ("GAVersion", "WALinuxAgent-2"),
        ("ContainerId", "ContainerId_UNINITIALIZED"),
        ("OpcodeName", "2030-01-01T00:00:00.500000Z"),
        ("EventTid", "1"),
        ("EventPid", "4711"),
        ("TaskName", "Enable"),
    )
