from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.health import Observation
from limpet.wire.healthservice import observations_request, parse_observations

PLUGIN = Observation(name="GuestAgentPluginStatus", healthy=True)
SHORT = st.text(max_size=64)


def test_the_request_is_the_one_of_the_protocol() -> None:
    request = observations_request("168.63.129.16", [PLUGIN])
    assert (request.method, request.url) == ("POST", "http://168.63.129.16:80/HealthService")
    assert dict(request.headers) == {"Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "Api": "reporttargethealth",
        "Version": "1.0",
        "Source": "WALinuxAgent",
        "Observations": [
            {"ObservationName": "GuestAgentPluginStatus", "IsHealthy": True, "Description": "", "Value": ""}
        ],
    }


def test_an_endpoint_with_a_port_keeps_it() -> None:
    assert observations_request("127.0.0.1:8080", [PLUGIN]).url == "http://127.0.0.1:8080/HealthService"


def test_texts_are_cut_and_at_most_ten_observations_go() -> None:
    long = Observation(name="n" * 65, healthy=False, description="d" * 129, value="v" * 129)
    sent = parse_observations(observations_request("x", [long] * 11).body)
    cut = Observation(name="n" * 64, healthy=False, description="d" * 128, value="v" * 128)
    assert sent == (cut,) * 10


@given(
    st.lists(
        st.builds(
            Observation, name=SHORT.filter(bool), healthy=st.booleans(), description=SHORT, value=SHORT
        ),
        max_size=10,
    )
)
def test_observations_survive_sending_and_reading(observations: list[Observation]) -> None:
    assert parse_observations(observations_request("x", observations).body) == tuple(observations)


def one(**members: Any) -> bytes:
    return json.dumps({"Observations": [{"ObservationName": "x", "IsHealthy": True, **members}]}).encode()


def test_texts_may_be_missing_or_null() -> None:
    assert parse_observations(one(Value=None)) == (Observation(name="x", healthy=True),)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"[]", "Observations is missing"),
        (b"{}", "Observations is missing"),
        (b'{"Observations": {}}', "not an array"),
        (b'{"Observations": [5]}', r"Observations\[0\] is not an object"),
        (one(ObservationName=""), "ObservationName is missing"),
        (one(ObservationName=5), "ObservationName is missing or not text"),
        (one(IsHealthy="true"), "IsHealthy is missing or not a boolean"),
        (one(Description=5), "Description is not text"),
    ],
)
def test_a_report_of_another_shape_is_refused(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_observations(body)
