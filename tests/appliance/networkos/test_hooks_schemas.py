"""The schemas for vendors say what the driver really sends and accepts."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.appliance.networkos.test_hooks import DAY_ZERO
from tests.appliance.networkos.vendor import GOOD, LEASE, PRIMARY, SECOND, SITE

from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.hooks import documents as told
from limpet.appliance.networkos.hooks.answers import AnswerOf
from limpet.appliance.networkos.hooks.verbs import Verb
from limpet.model.errors import MalformedDocument
from limpet.model.network import Route
from limpet.model.provisioning import PublicKey

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
REQUEST = json.loads((SCHEMAS / "hooks-request.json").read_text(encoding="utf-8"))
ANSWER = json.loads((SCHEMAS / "hooks-answer.json").read_text(encoding="utf-8"))
ROUTED = replace(
    LEASE, routes=(Route(destination=IPv4Network("0.0.0.0/0"), gateway=IPv4Address("10.0.4.1")),)
)
KEYED = replace(
    DAY_ZERO,
    environment=replace(
        DAY_ZERO.environment, public_keys=(PublicKey(path="", fingerprint=None, value="ssh-ed25519 AAAA"),)
    ),
)
WOUNDED = Pulse(health=Health.WOUNDED, problem="acmed has ended", cause="acmed")

SENT = {
    "start": told.request(Verb.START, SITE),
    "stop": told.request(Verb.STOP, SITE),
    "protect": told.request(Verb.PROTECT, SITE),
    "health": told.request(Verb.HEALTH, SITE),
    "claim": told.nic_request(Verb.CLAIM, SECOND, None, SITE),
    "dress": told.nic_request(Verb.DRESS, PRIMARY, ROUTED, SITE),
    "release": told.nic_request(Verb.RELEASE, PRIMARY, None, SITE),
    "revive": told.revive_request(SITE, WOUNDED),
    "command": told.command_request("show version"),
    "forget": told.forget_request(),
    "day-zero": told.day_zero_request(KEYED).reveal(),
}


def answer_schema(verb: str) -> dict[str, Any]:
    return {**ANSWER["$defs"][verb], "$schema": ANSWER["$schema"], "type": "object"}


def test_both_schemas_are_schemas() -> None:
    for schema in (REQUEST, ANSWER):
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("verb", [verb.value for verb in Verb])
def test_every_document_that_is_sent_is_as_the_schema_says(verb: str) -> None:
    document = json.loads(SENT[verb])
    assert document["verb"] == verb
    jsonschema.validate(document, REQUEST)


def test_the_schema_names_every_member_that_is_sent_and_no_other() -> None:
    sent = {name for content in SENT.values() for name in _members(json.loads(content))}
    assert set(_named(REQUEST)) == sent


def _members(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _members(each)


def _named(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _named(each)


@pytest.mark.parametrize("verb", sorted(GOOD))
def test_good_answers_are_as_the_schema_says(verb: str) -> None:
    jsonschema.validate(json.loads(GOOD[verb]), answer_schema(verb))


JSON_LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["healthy", "gone", "Linux", "network OS", "/run/x", "x", ""])
)
SIGN = st.dictionaries(st.sampled_from(["path", "process", "lost", "cause"]), JSON_LEAF, max_size=4)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "version": st.sampled_from([1, 1, 1, 2, "1", True]),
        "owner": JSON_LEAF,
        "health": JSON_LEAF,
        "problem": JSON_LEAF,
        "cause": JSON_LEAF,
        "pulse": JSON_LEAF | st.lists(SIGN, max_size=3),
        "more": JSON_LEAF,
    },
)


@pytest.mark.parametrize("verb", ["claim", "release", "health", "start"])
@given(members=MEMBERS)
def test_what_the_driver_accepts_the_schema_accepts_and_nothing_else(
    verb: str, members: dict[str, Any]
) -> None:
    try:
        AnswerOf(Verb(verb), "/opt/acme/hooks/x")(json.dumps(members).encode())
        accepted = True
    except MalformedDocument:
        accepted = False
    fits = jsonschema.Draft202012Validator(answer_schema(verb)).is_valid(members)
    assert accepted == fits
