"""What holds for every JSON document of handlers and of the status, whatever is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import extended

from limpet.model.errors import MalformedDocument
from limpet.model.ids import SequenceNumber
from limpet.wire.handlerevents import parse_handler_events
from limpet.wire.handlerfiles import parse_handler_environment, parse_handler_status, parse_settings
from limpet.wire.handlermanifest import parse_handler_manifest
from limpet.wire.healthservice import parse_observations
from limpet.wire.heartbeat import parse_heartbeat
from limpet.wire.imds import parse_compute, parse_instance
from limpet.wire.statusblob import parse_status
from limpet.wire.statusfile import parse_status_file
from limpet.wire.tld import parse_event_file

if TYPE_CHECKING:
    from collections.abc import Callable


def settings(body: bytes) -> Any:
    return parse_settings(body, name="x", sequence_number=SequenceNumber(0))


MESSAGE = {"lang": "en-US", "message": "m"}
PART = {"name": "s", "status": "success", "code": 0, "formattedMessage": MESSAGE}
EXTENSION = {**PART, "operation": "Enable", "configurationAppliedTime": None, "substatus": [PART]}
FOLDERS = (
    "logFolder",
    "configFolder",
    "statusFolder",
    "heartbeatFile",
    "eventsFolder",
    "eventsFolder_preview",
)
DOCUMENTS: dict[Callable[[bytes], Any], Any] = {
    parse_handler_manifest: [
        {
            "version": 1.0,
            "handlerManifest": {"enableCommand": "./x", "updateMode": "UpdateWithInstall", "reportHeartbeat": True},
            "resourceLimits": {"cpuQuotaPercentage": 5, "services": [{"name": "a", "memoryQuotaInMB": 5}]},
            "signingInfo": {"type": "x"},
        }
    ],
    parse_handler_environment: [
        {"name": "n", "version": 1.0, "handlerEnvironment": dict.fromkeys(FOLDERS, "/x")}
    ],
    settings: {
        "runtimeSettings": [
            {
                "handlerSettings": {
                    "publicSettings": {"a": [1]},
                    "protectedSettings": "MII=",
                    "protectedSettingsCertThumbprint": "AB",
                }
            }
        ]
    },
    parse_handler_status: {
        "name": "n", "version": "1", "status": "Ready", "code": 0, "message": "m", "supports_multi_config": False,
    },
    parse_status_file: [{"version": 1.0, "timestampUTC": "t", "status": EXTENSION}],
    parse_heartbeat: [{"version": 1.0, "heartbeat": {"status": "ready", "code": 0, "formattedMessage": MESSAGE}}],
    parse_status: {
        "version": "1.1",
        "timestampUTC": "t",
        "aggregateStatus": {
            "guestAgentStatus": {
                "version": "2",
                "status": "Ready",
                "formattedMessage": MESSAGE,
                "updateStatus": {"expectedVersion": "2", "status": "Error", "code": 1, "formattedMessage": MESSAGE},
            },
            "handlerAggregateStatus": [
                {
                    "handlerVersion": "1",
                    "handlerName": "A.B",
                    "status": "Ready",
                    "code": 0,
                    "formattedMessage": MESSAGE,
                    "runtimeSettingsStatus": {"settingsStatus": {"status": EXTENSION}, "sequenceNumber": 0},
                }
            ],
            "vmArtifactsAggregateStatus": {
                "goalStateAggregateStatus": {
                    "formattedMessage": MESSAGE,
                    "timestampUTC": "t",
                    "inSvdSeqNo": 5,
                    "status": "Success",
                    "code": 0,
                }
            },
        },
        "guestOSInfo": {"computerName": "c", "osName": "o", "osVersion": "1", "version": "2"},
        "supportedFeatures": [{"Key": "k", "Value": "1.0"}],
    },
    parse_observations: {
        "Version": "1.0",
        "Observations": [{"ObservationName": "n", "IsHealthy": True, "Description": "", "Value": "v"}],
    },
    parse_compute: {"location": "westus", "vmId": "x", "tags": ""},
    parse_instance: {
        "compute": {"location": "westus"},
        "network": {
            "interface": [
                {
                    "ipv4": {
                        "ipAddress": [{"privateIpAddress": "10.0.1.4", "publicIpAddress": "40.112.128.120"}],
                        "subnet": [{"address": "10.0.1.0", "prefix": "24"}],
                    },
                    "ipv6": {"ipAddress": []},
                    "macAddress": "000D3A3382E8",
                }
            ]
        },
    },
    parse_handler_events: [
        {
            "Version": "1.0",
            "Timestamp": "t",
            "TaskName": "Enable",
            "EventLevel": "Informational",
            "Message": "m",
            "EventPid": "1",
            "EventTid": 1,
            "OperationId": "o",
        }
    ],
    parse_event_file: {"eventId": 1, "providerId": "p", "parameters": [{"name": "Name", "value": "x"}]},
}  # fmt: skip

every_document = pytest.mark.parametrize(
    ("parse", "sample"), DOCUMENTS.items(), ids=lambda value: getattr(value, "__name__", "")
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "success", "true", "x" * 200])
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            found += places(value, (*path, key))
    return found


def grafted(root: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(root) if isinstance(root, dict) else list(root)
    copy[path[0]] = grafted(copy[path[0]], path[1:], value)  # type: ignore[index]
    return copy


def refused_or_read(parse: Callable[[bytes], Any], body: bytes) -> None:
    try:
        parse(body)
    except MalformedDocument as refusal:
        assert refusal.problem  # noqa: PT017 - either outcome is right, another exception is not


@every_document
def test_the_sample_is_read(parse: Callable[[bytes], Any], sample: Any) -> None:
    assert parse(json.dumps(sample).encode())


@every_document
def test_a_document_cut_at_any_byte_is_refused(parse: Callable[[bytes], Any], sample: Any) -> None:
    body = json.dumps(sample).encode()
    for length in range(1, len(body)):
        with pytest.raises(MalformedDocument):
            parse(body[:length])


@every_document
@given(data=st.data())
def test_a_value_of_any_type_at_any_place_is_refused_or_read(
    parse: Callable[[bytes], Any], sample: Any, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(places(sample)))
    refused_or_read(parse, json.dumps(grafted(sample, path, data.draw(JSON))).encode())


@every_document
@given(body=st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(parse: Callable[[bytes], Any], sample: Any, body: bytes) -> None:
    refused_or_read(parse, body)


# publicSettings are free, so there are no unknown members in settings.
@pytest.mark.parametrize(
    ("parse", "sample"), [(parse, sample) for parse, sample in DOCUMENTS.items() if parse is not settings]
)
def test_unknown_members_are_ignored_at_every_level(parse: Callable[[bytes], Any], sample: Any) -> None:
    assert parse(json.dumps(extended(sample)).encode()) == parse(json.dumps(sample).encode())


HOSTILE = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"0" + b"}" * 100_000,
    "not UTF-8": b'[{"status": {"status": "\xff\xfe"}}]',
    "UTF-16": json.dumps([{"status": {"status": "success"}}]).encode("utf-16"),
    "endless number": b"[" + b"9" * 10_000 + b"]",
    "not a number": b"[NaN]",
    "infinite": b"[1e999]",
    "infinite downwards": b"[-1e999]",
    "two documents": b"[] []",
    "larger than any document": b"[" + b" " * (16 * 1024 * 1024) + b"]",
}


@every_document
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused(parse: Callable[[bytes], Any], sample: Any, body: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse(body)
