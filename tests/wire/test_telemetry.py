from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.telemetry import AGENT_PROVIDER, GENERIC_LOGS_PROVIDER, Event, Value
from limpet.wire.eventparameters import event_time, log_event, operation_event
from limpet.wire.telemetry import BATCH_LIMIT, parse_telemetry, telemetry_requests

ENDPOINT = "168.63.129.16"


def event(*parameters: tuple[str, Value], provider: str = AGENT_PROVIDER, number: int = 1) -> Event:
    return Event(provider=provider, id=number, parameters=parameters)


def body_of(*events: Event) -> str:
    (request,), dropped = telemetry_requests(ENDPOINT, events)
    assert dropped == ()
    return request.body.decode()


def test_a_post_is_the_one_of_the_protocol() -> None:
    (request,), _ = telemetry_requests(ENDPOINT, [event(("Name", "WALinuxAgent"), ("Duration", 5))])
    assert (request.method, request.url) == ("POST", "http://168.63.129.16/machine?comp=telemetrydata")
    assert dict(request.headers) == {
        "x-ms-agent-name": "WALinuxAgent",
        "x-ms-version": "2012-11-30",
        "Content-Type": "text/xml;charset=utf-8",
    }
    assert request.body.decode() == (
        '<?xml version="1.0"?><TelemetryData version="1.0"><Provider id="69B669B9-4AF8-4C50-BDC4-6006FA76E975">'
        '<Event id="1"><![CDATA[<Param Name="Name" Value="WALinuxAgent" T="mt:wstr" />'
        '<Param Name="Duration" Value="5" T="mt:uint64" />]]></Event></Provider></TelemetryData>'
    )


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("text", 'Value="text" T="mt:wstr"'),
        ("", 'Value="" T="mt:wstr"'),
        (5, 'Value="5" T="mt:uint64"'),
        (0, 'Value="0" T="mt:uint64"'),
        (True, 'Value="True" T="mt:bool"'),
        (False, 'Value="False" T="mt:bool"'),
        (1.5, 'Value="1.5" T="mt:float64"'),
        (None, 'Value="None" T=""'),
        ('{"CpuArchitecture": "x86_64"}', 'Value=\'{"CpuArchitecture": "x86_64"}\' T="mt:wstr"'),
        ("it's", 'Value="it\'s" T="mt:wstr"'),
        ('it\'s "it"', 'Value="it\'s &quot;it&quot;" T="mt:wstr"'),
        ('"&quot;', 'Value=\'"&amp;quot;\' T="mt:wstr"'),
        ("a<b>&c]]>", 'Value="a&lt;b&gt;&amp;c]]&gt;" T="mt:wstr"'),
        ("a\tb\r\nc", 'Value="a&#9;b&#13;&#10;c" T="mt:wstr"'),
        ("a\0b\ud800", 'Value="a\ufffdb\ufffd" T="mt:wstr"'),
    ],
)
def test_values_have_types_and_quotes(value: Value, rendered: str) -> None:
    assert f'<Param Name="x" {rendered} />' in body_of(event(("x", value)))


def test_each_provider_has_posts_of_its_own_and_order_is_kept_within_one() -> None:
    events = [
        event(("n", 1)),
        event(("n", 2), provider=GENERIC_LOGS_PROVIDER, number=7),
        event(("n", 3)),
    ]
    requests, dropped = telemetry_requests(ENDPOINT, events)
    assert [parse_telemetry(request.body) for request in requests] == [(events[0], events[2]), (events[1],)]
    assert dropped == ()


def test_nothing_to_send_is_no_request() -> None:
    assert telemetry_requests(ENDPOINT, []) == ((), ())


def sized(size: int, letter: str = "x") -> Event:
    """An event that is `size` bytes on the wire."""
    overhead = len('<Event id="1"><![CDATA[<Param Name="m" Value="" T="mt:wstr" />]]></Event>')
    return event(("m", letter * ((size - overhead) // len(letter.encode()))))


def test_an_event_that_does_not_fit_a_post_is_given_back() -> None:
    fits, large = sized(BATCH_LIMIT - 1), sized(BATCH_LIMIT)
    requests, dropped = telemetry_requests(ENDPOINT, [large, fits])
    assert dropped == (large,)
    assert [parse_telemetry(request.body) for request in requests] == [(fits,)]


def test_the_limit_counts_bytes_not_characters() -> None:
    assert telemetry_requests(ENDPOINT, [sized(BATCH_LIMIT + 1, "ß")])[0] == ()


@pytest.mark.parametrize(("second", "posts"), [(500, 1), (513, 2)])
def test_a_post_stays_below_its_limit(second: int, posts: int) -> None:
    events = [sized(64000), sized(second)]
    requests, dropped = telemetry_requests(ENDPOINT, events)
    assert len(requests) == posts
    assert [found for request in requests for found in parse_telemetry(request.body)] == events
    assert dropped == ()


LEGAL = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30).filter(
    lambda text: not set(text) & {"\ufffe", "\uffff"}
) | st.sampled_from(["a\tb\r\nc", "None", "5", "'\"'", "]]>", "<Param/>"])
EVENTS = st.builds(
    Event,
    provider=st.sampled_from([AGENT_PROVIDER, GENERIC_LOGS_PROVIDER]),
    id=st.integers(0, 2**31),
    parameters=st.lists(
        st.tuples(
            LEGAL.filter(bool),
            LEGAL
            | st.integers(-(2**63), 2**64)
            | st.booleans()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.none(),
        ),
        max_size=5,
    ).map(tuple),
)


@given(st.lists(EVENTS, max_size=8))
def test_events_survive_sending_and_reading(events: list[Event]) -> None:
    requests, _ = telemetry_requests(ENDPOINT, events)
    read = [found for request in requests for found in parse_telemetry(request.body)]
    for provider in (AGENT_PROVIDER, GENERIC_LOGS_PROVIDER):
        assert [found for found in read if found.provider == provider] == [
            sent for sent in events if sent.provider == provider
        ]


def post(parameter: str, event_id: str = '"1"') -> bytes:
    return (
        f'<TelemetryData><Provider id="p"><Event id={event_id}><![CDATA[{parameter}]]></Event></Provider>'
        "</TelemetryData>"
    ).encode()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("Value='5' T='mt:uint64'", 5),
        ("Value='five' T='mt:uint64'", "five"),
        ("Value='true' T='mt:bool'", True),
        ("Value='perhaps' T='mt:bool'", "perhaps"),
        ("Value='1e3' T='mt:float64'", 1000.0),
        ("Value='-.5' T='mt:float64'", -0.5),
        ("Value='x' T='mt:float64'", "x"),
        ("Value='nan' T='mt:float64'", "nan"),
        ("Value='-inf' T='mt:float64'", "-inf"),
        ("Value='1e999' T='mt:float64'", "1e999"),
        ("Value='1_0' T='mt:float64'", "1_0"),
        ("Value='\u0661' T='mt:uint64'", "\u0661"),
        ("Value='5' T='mt:wstr'", "5"),
        ("Value='5' T='mt:int32'", "5"),
        ("Value='5'", "5"),
        ("Value='None' T=''", None),
        ("Value='9' T=''", "9"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_kept_as_text(written: str, value: Value) -> None:
    (read,) = parse_telemetry(post(f"<Param Name='x' {written}/>"))
    assert read.parameters == (("x", value),)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"<Telemetry/>", "root element"),
        (b"<TelemetryData><Provider/></TelemetryData>", "a Provider has no id"),
        (post("", '""'), "id is missing or not a number"),
        (post("", '"one"'), "id is missing or not a number"),
        (post("<Param Value='x'/>"), "lacks its Name"),
        (post("<Param Name='x'/>"), "lacks its Name or its Value"),
        (post("<Param Name='x' Value='y'>"), "line 1"),
        (post("<!DOCTYPE x><Param/>"), "line 1"),
        (post("</Event><Event>"), "line 1"),
    ],
)
def test_a_post_of_another_shape_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_telemetry(body)


def test_a_post_cut_at_any_byte_is_refused() -> None:
    body = body_of(event(("Name", 'a "quoted" value'), ("Success", True)))
    for length in range(len(body)):
        with pytest.raises(MalformedDocument):
            parse_telemetry(body[:length].encode())


COMMON: dict[str, Value] = {"GAVersion": "WALinuxAgent-2.99.0.1", "EventPid": 7, "RAM": 512, "ImageOrigin": 2}


def test_an_operation_event_has_its_parameters_in_the_peers_order() -> None:
    sent = operation_event(
        {
            "Name": "WALinuxAgent",
            "Version": "2.99.0.1",
            "Operation": "Provision",
            "OperationSuccess": True,
            "Message": "GET https://a.blob.example/c?sv=1&sig=SECRET",
            "Duration": 12,
            "NotAParameter": "x",
        },
        COMMON,
    )
    assert (sent.provider, sent.id) == (AGENT_PROVIDER, 1)
    assert [name for name, _ in sent.parameters] == [
        "Name",
        "Version",
        "Operation",
        "OperationSuccess",
        "Message",
        "Duration",
        "GAVersion",
        "ContainerId",
        "OpcodeName",
        "EventTid",
        "EventPid",
        "TaskName",
        "ExtensionType",
        "IsInternal",
        "OSVersion",
        "ExecutionMode",
        "RAM",
        "Processors",
        "KeywordName",
        "TenantName",
        "RoleName",
        "RoleInstanceName",
        "Location",
        "SubscriptionId",
        "ResourceGroupName",
        "VMId",
        "ImageOrigin",
    ]
    values = dict(sent.parameters)
    assert "SECRET" not in str(values["Message"])
    assert (values["RAM"], values["EventPid"], values["GAVersion"]) == (512, 7, "WALinuxAgent-2.99.0.1")


def test_what_is_not_known_yet_is_marked_so() -> None:
    values = dict(log_event({}, {}).parameters)
    assert values["Location"] == "Location_UNINITIALIZED"
    assert (values["ImageOrigin"], values["EventTid"], values["Context1"]) == (0, 0, "")


def test_a_log_event_has_its_parameters_in_the_peers_order() -> None:
    sent = log_event({"EventName": "Log", "CapabilityUsed": "INFO"}, COMMON)
    assert (sent.provider, sent.id) == (GENERIC_LOGS_PROVIDER, 7)
    assert [name for name, _ in sent.parameters][:8] == [
        "EventName", "CapabilityUsed", "Context1", "Context2", "Context3", "GAVersion", "ContainerId", "OpcodeName",
    ]  # fmt: skip
    assert "IsInternal" not in dict(sent.parameters)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1893456000.25, "2030-01-01T00:00:00.250000Z"),
        (0.0, "1970-01-01T00:00:00.000000Z"),
        (1e20, "0001-01-01T00:00:00.000000Z"),
        (-1e20, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_files_time_is_told_whatever_it_is(seconds: float, text: str) -> None:
    assert event_time(seconds) == text
