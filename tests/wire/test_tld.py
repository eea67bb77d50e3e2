from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.redact import redacted
from limpet.model.telemetry import AGENT_PROVIDER, Event, Value
from limpet.wire.eventparameters import operation_event
from limpet.wire.tld import adopted, parse_event_file, render_event_file

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
PARAMETERS: dict[str, Value] = {
    "Name": "Contoso.Sample",
    "Version": "1.2.3",
    "Operation": "Enable",
    "OperationSuccess": True,
    "Message": 'say "text" & <more>',
    "Duration": 12,
}
EVENT = Event(provider=AGENT_PROVIDER, id=1, parameters=tuple(PARAMETERS.items()))
AS_XML = (
    "<Param Name='Name' Value='Contoso.Sample' T='mt:wstr'/><Param Name='Version' Value='1.2.3' T='mt:wstr'/>"
    "<Param Name='Operation' Value='Enable' T='mt:wstr'/><Param Name='OperationSuccess' Value='True' T='mt:bool'/>"
    "<Param Name='Message' Value='say \"text\" &amp; &lt;more&gt;' T='mt:wstr'/>"
    "<Param Name='Duration' Value='12' T='mt:uint64'/>"
)


def document(**members: Any) -> bytes:
    values = {"eventId": 1, "providerId": AGENT_PROVIDER, "parameters": [], **members}
    return json.dumps(values).encode()


def test_a_json_file_is_read() -> None:
    parameters = [{"name": name, "value": value} for name, value in PARAMETERS.items()]
    assert parse_event_file(document(parameters=parameters, file_type="")) == EVENT
    assert parse_event_file(b"\xef\xbb\xbf" + document()).parameters == ()


@pytest.mark.parametrize(
    "layout",
    [
        f'<?xml version="1.0"?><Data><Provider id="{AGENT_PROVIDER}"/><Event id="1"/><![CDATA[{AS_XML}]]></Data>',
        f'<Data><Provider id="{AGENT_PROVIDER}"><Event id="1"><![CDATA[{AS_XML}]]></Event></Provider></Data>',
        f'\n<Data><Provider id="{AGENT_PROVIDER}"><Event id="1">{AS_XML}</Event></Provider></Data>',
    ],
)
def test_the_old_xml_is_read_whether_its_parameters_are_elements_or_text(layout: str) -> None:
    assert parse_event_file(layout.encode()) == EVENT


@given(
    st.builds(
        Event,
        provider=st.text(min_size=1, max_size=40),
        id=st.integers(0, 2**31),
        parameters=st.lists(
            st.tuples(
                st.text(min_size=1, max_size=20),
                st.text(max_size=20).filter(lambda text: redacted(text) == text)
                | st.integers(-(2**63), 2**63)
                | st.booleans()
                | st.floats(allow_nan=False, allow_infinity=False)
                | st.none(),
            ),
            max_size=5,
        ).map(tuple),
    )
)
def test_an_event_survives_writing_and_reading(event: Event) -> None:
    assert parse_event_file(render_event_file(event)) == event


def test_a_sas_token_in_the_message_is_redacted() -> None:
    leak = "https://a.blob.example/c?sv=1&sig=SECRET"
    read = parse_event_file(document(parameters=[{"name": "Message", "value": leak}]))
    assert "SECRET" not in str(read)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"[]", "instead of an object"),
        (document(eventId="1"), "eventId is missing or not a whole number"),
        (document(eventId=True), "eventId is missing or not a whole number"),
        (document(providerId=None), "providerId is missing"),
        (document(parameters={}), "parameters is an object instead of an array"),
        (document(parameters=[5]), r"parameters\[0\] is a number instead of an object"),
        (document(parameters=[{"value": 5}]), r"parameters\[0\].name is missing"),
        (document(parameters=[{"name": "x", "value": []}]), r"parameters\[0\].value is neither"),
        (b"<Other/>", "root element"),
        (b"<Data><Event id='1'/></Data>", "no Provider has an id"),
        (b"<Data><Provider id='p'/></Data>", "no Event has a number"),
        (b"<Data><Provider id='p'/><Event id='x'/></Data>", "no Event has a number"),
        (b"<Data><Provider id='p'/><Event id='1'/><![CDATA[<Param Name='x']]></Data>", "line 1"),
        (b"<Data><Provider id='p'/><Event id='1'/><Param Name='x'/></Data>", "lacks its Name or its Value"),
    ],
)
def test_a_file_of_another_shape_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_event_file(body)


@pytest.mark.parametrize(
    "body",
    [
        render_event_file(EVENT),
        f"<Data><Provider id='{AGENT_PROVIDER}'/><Event id='1'/><![CDATA[{AS_XML}]]></Data>".encode(),
    ],
    ids=["JSON", "XML"],
)
def test_a_file_cut_at_any_byte_is_refused(body: bytes) -> None:
    for length in range(len(body)):
        with pytest.raises(MalformedDocument):
            parse_event_file(body[:length])


def test_of_a_handlers_event_only_its_operation_is_kept() -> None:
    spoofed = Event(
        provider="other", id=99, parameters=(*EVENT.parameters, ("GAVersion", "x"), ("Secret", "y"))
    )
    common: dict[str, Value] = {"GAVersion": "WALinuxAgent-2", "OpcodeName": "now"}
    read = adopted(spoofed, modified=1893456000.0, common=common)
    assert read == operation_event(PARAMETERS, {**common, "OpcodeName": "2030-01-01T00:00:00.000000Z"})
    assert dict(read.parameters)["GAVersion"] == "WALinuxAgent-2"


def test_the_agents_own_event_goes_as_it_is() -> None:
    own = Event(provider=AGENT_PROVIDER, id=1, parameters=(("Name", "WALinuxAgent"), ("GAVersion", "then")))
    assert adopted(own, modified=0.0, common={"GAVersion": "now"}) == own


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
def test_the_corpus_samples_are_read() -> None:
    read = parse_event_file((CORPUS / "events" / "custom_script_1.tld").read_bytes())
    assert (read.provider, read.id) == (AGENT_PROVIDER, 1)
    assert dict(read.parameters) == {
        "Name": "Microsoft.Azure.Extensions.CustomScript",
        "Version": "2.0.4",
        "Operation": "ThisIsATestEventOperation",
        "OperationSuccess": True,
        "Message": "A test telemetry message.",
        "Duration": 150000,
    }
    assert len(parse_event_file((CORPUS / "extension" / "event.json").read_bytes()).parameters) == 8
