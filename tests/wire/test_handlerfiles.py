from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import ExtensionSettings
from limpet.model.ids import SequenceNumber, Thumbprint
from limpet.model.secret import Secret
from limpet.model.status import HandlerStatus, Message
from limpet.wire.handlerfiles import (
    HandlerEnvironment,
    parse_handler_environment,
    parse_handler_status,
    parse_settings,
    render_handler_environment,
    render_handler_status,
    render_settings,
)

FOLDERS = {
    "log_folder": "/var/log/azure/Contoso.Sample",
    "config_folder": "/var/lib/waagent/Contoso.Sample-1.2.3/config",
    "status_folder": "/var/lib/waagent/Contoso.Sample-1.2.3/status",
    "heartbeat_file": "/var/lib/waagent/Contoso.Sample-1.2.3/heartbeat.log",
    "events_folder": "/var/log/azure/Contoso.Sample/events",
}
ENVIRONMENT = render_handler_environment(name="Contoso.Sample", **FOLDERS)
TEXTS = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def test_the_environment_has_the_exact_shape_that_text_tools_cut() -> None:
    assert ENVIRONMENT.decode() == (
        '[{"name": "Contoso.Sample", "version": 1.0, "handlerEnvironment": '
        '{"logFolder": "/var/log/azure/Contoso.Sample", '
        '"configFolder": "/var/lib/waagent/Contoso.Sample-1.2.3/config", '
        '"statusFolder": "/var/lib/waagent/Contoso.Sample-1.2.3/status", '
        '"heartbeatFile": "/var/lib/waagent/Contoso.Sample-1.2.3/heartbeat.log", '
        '"eventsFolder": "/var/log/azure/Contoso.Sample/events", '
        '"eventsFolder_preview": "/var/log/azure/Contoso.Sample/events"}}]'
    )


def test_the_log_folder_can_be_cut_out_as_shells_do() -> None:
    text = ENVIRONMENT.decode()
    assert text.split('logFolder": "', 1)[1].split('",', 1)[0] == FOLDERS["log_folder"]
    found = re.search(r'"logFolder":\s*"([^"]*)"', text)
    assert found is not None
    assert found[1] == FOLDERS["log_folder"]


def test_a_path_outside_ascii_is_not_escaped() -> None:
    body = render_handler_environment(name="Contoso.Sample", **{**FOLDERS, "log_folder": "/var/log/größe"})
    assert '"logFolder": "/var/log/größe",'.encode() in body


@given(st.fixed_dictionaries(dict.fromkeys(("name", *FOLDERS), TEXTS)))
def test_an_environment_survives_writing_and_reading(values: dict[str, str]) -> None:
    read = parse_handler_environment(render_handler_environment(**values))
    assert read == HandlerEnvironment(**values)


def test_an_environment_without_the_telemetry_pipeline_is_read() -> None:
    document = json.loads(ENVIRONMENT)
    del document[0]["handlerEnvironment"]["eventsFolder"]
    assert parse_handler_environment(json.dumps(document).encode()).events_folder == FOLDERS["events_folder"]
    del document[0]["handlerEnvironment"]["eventsFolder_preview"]
    assert parse_handler_environment(json.dumps(document).encode()).events_folder is None


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("{}", "exactly one object"),
        ("[]", "exactly one object"),
        ("[{}, {}]", "exactly one object"),
        ("[5]", "exactly one object"),
        ('[{"version": "1.0"}]', "version is not a number"),
        ('[{"version": true}]', "version is not a number"),
        ('[{"version": 1.0}]', "handlerEnvironment is missing"),
        (
            '[{"version": 1.0, "name": "x", "handlerEnvironment": {"logFolder": 1}}]',
            "logFolder is missing or not text",
        ),
        (
            '[{"version": 1.0, "name": "x", "handlerEnvironment": {"eventsFolder": []}}]',
            "eventsFolder is not text",
        ),
        ('[{"version": 1.0, "handlerEnvironment": {}}]', r"\[0\].name is missing"),
    ],
)
def test_an_environment_that_handlers_would_refuse_is_refused(body: str, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_handler_environment(body.encode())


def settings(**values: Any) -> ExtensionSettings:
    return ExtensionSettings(name="Contoso.Sample", sequence_number=SequenceNumber(3), **values)


def test_a_handler_without_settings_gets_zero_bytes() -> None:
    assert render_settings(None) == b""
    assert parse_settings(b"", name="Contoso.Sample", sequence_number=SequenceNumber(0)) is None


@pytest.mark.parametrize(
    ("given_settings", "inner"),
    [
        (
            settings(),
            {"publicSettings": None, "protectedSettings": None, "protectedSettingsCertThumbprint": None},
        ),
        (
            settings(public={}),
            {"publicSettings": {}, "protectedSettings": None, "protectedSettingsCertThumbprint": None},
        ),
        (
            settings(
                public={"k": ["v", 1.5]}, protected=Secret("MIIB+/=="), thumbprint=Thumbprint("AB" * 20)
            ),
            {
                "publicSettings": {"k": ["v", 1.5]},
                "protectedSettings": "MIIB+/==",
                "protectedSettingsCertThumbprint": "AB" * 20,
            },
        ),
    ],
)
def test_all_three_inner_members_are_always_there(
    given_settings: ExtensionSettings, inner: dict[str, Any]
) -> None:
    assert json.loads(render_settings(given_settings)) == {"runtimeSettings": [{"handlerSettings": inner}]}


def test_the_ciphertext_is_written_untouched() -> None:
    ciphertext = "MIIB\nline two=="
    assert b'"MIIB\\nline two=="' in render_settings(settings(protected=Secret(ciphertext)))


@given(JSON, st.none() | TEXTS, st.none() | TEXTS)
def test_settings_survive_writing_and_reading(
    public: Any, protected: str | None, thumbprint: str | None
) -> None:
    written = settings(
        public=public,
        protected=None if protected is None else Secret(protected),
        thumbprint=None if thumbprint is None else Thumbprint(thumbprint),
    )
    read = parse_settings(
        render_settings(written), name=written.name, sequence_number=written.sequence_number
    )
    assert read == written


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("[]", "runtimeSettings is not an array"),
        ("{}", "runtimeSettings is not an array"),
        ('{"runtimeSettings": []}', "exactly one"),
        ('{"runtimeSettings": [{}, {}]}', "exactly one"),
        ('{"runtimeSettings": [null]}', "exactly one"),
        ('{"runtimeSettings": [{"handlerSettings": null}]}', "handlerSettings is missing"),
        (
            '{"runtimeSettings": [{"handlerSettings": {"protectedSettings": 5}}]}',
            "protectedSettings is missing or not text",
        ),
    ],
)
def test_settings_of_another_shape_are_refused(body: str, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_settings(body.encode(), name="x", sequence_number=SequenceNumber(0))


def test_a_handler_status_has_the_members_of_the_peers_file() -> None:
    status = HandlerStatus(
        name="Contoso.Sample", version="1.2.3", status="Ready", message=Message(message="Plugin enabled")
    )
    assert json.loads(render_handler_status(status)) == {
        "name": "Contoso.Sample",
        "version": "1.2.3",
        "status": "Ready",
        "code": 0,
        "message": "Plugin enabled",
        "supports_multi_config": False,
        "extension_status": None,
    }


@given(
    st.builds(
        HandlerStatus,
        name=TEXTS,
        version=TEXTS,
        status=TEXTS,
        code=st.integers(-(2**31), 2**31),
        message=st.none() | st.builds(Message, message=TEXTS),
        supports_multi_config=st.booleans(),
    )
)
def test_a_handler_status_survives_writing_and_reading(status: HandlerStatus) -> None:
    assert parse_handler_status(render_handler_status(status)) == status


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("[]", "not an object"),
        ("{}", "name is missing"),
        ('{"name": "x", "version": 1, "status": "Ready"}', "version is missing or not text"),
        ('{"name": "x", "version": "1", "status": null}', "status is missing or not text"),
        ('{"name": "x", "version": "1", "status": "Ready", "code": "0"}', "code is not a whole number"),
        ('{"name": "x", "version": "1", "status": "Ready", "message": {}}', "message is not text"),
    ],
)
def test_a_handler_status_of_another_shape_is_refused(body: str, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_handler_status(body.encode())
