"""An administrator's policy: read strictly, because whoever writes one relies on it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from limpet.model.errors import MalformedDocument
from limpet.wire.extensionpolicy import parse_extension_policy

PUBLISHED = b"""{"policyVersion": "0.1.0",
 "extensionPolicies": {"allowListedExtensionsOnly": true, "signatureRequired": false,
   "extensions": {"Contoso.Samples.ExampleHandler": {"signatureRequired": false, "runtimePolicy": {}}}}}"""


def document(version: Any = "0.1.0", **policies: Any) -> bytes:
    return json.dumps({"policyVersion": version, "extensionPolicies": policies}).encode()


def test_what_is_listed_is_allowed_in_any_letter_case_and_nothing_else() -> None:
    policy = parse_extension_policy(PUBLISHED)
    assert policy.allows("contoso.samples.EXAMPLEHANDLER")
    assert not policy.allows("Contoso.Samples.Other")


@pytest.mark.parametrize(
    "body",
    [
        b'{"policyVersion": "0.1.0"}', b'\xef\xbb\xbf{"policyVersion": "0.1"}', b'{"policyVersion": "0"}', document(),
        document(extensions={"A.B": {}}), document(allowListedExtensionsOnly=False), document("0.0.9"),
    ],
)  # fmt: skip
def test_a_policy_that_does_not_say_otherwise_allows_everything(body: bytes) -> None:
    assert parse_extension_policy(body).allows("Anybody.Anything")


def test_a_list_that_is_empty_allows_nothing() -> None:
    assert not parse_extension_policy(document(allowListedExtensionsOnly=True)).allows("A.B")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "is an array instead of an object"),
        (b"{}", "policyVersion is missing"),
        (b'{"policyVersion": 1}', "policyVersion is missing"),
        (document(""), "policyVersion is missing"),
        (document("0.1.0.0"), "policyVersion is missing"),
        (document("0.1.1"), "at most 0.1.0 is understood"),
        (document("1"), "at most 0.1.0 is understood"),
        (b'{"policyVersion": "0.1.0", "more": 1}', "unknown member 'more'"),
        (document(allowList=[]), "unknown member 'allowList'"),
        (document(allowListedExtensionsOnly="true"), "neither true nor false"),
        (document(signatureRequired=1), "neither true nor false"),
        (document(extensions=["A.B"]), "is an array instead of an object"),
        (document(extensions={"A.B": True}), "instead of an object"),
        (document(extensions={"A.B": {"x": 1}}), "unknown member 'x'"),
        (document(extensions={"A.B": {"signatureRequired": "y"}}), "neither true nor false"),
    ],
)
def test_whatever_is_not_known_makes_a_policy_invalid(body: bytes, told: str) -> None:
    with pytest.raises(MalformedDocument, match=told):
        parse_extension_policy(body)
