"""JSON from outside: bounds, types, letter case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.wire.strategies import json_values

from limpet.model.errors import MalformedDocument
from limpet.wire import jsondoc

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON: Expecting value at line 1, column 1"),
    "cut": (b'{"a": [1,\n 2', "at line 2, column 3"),
    "two documents": (b"{}{}", "Extra data"),
    "single quotes": (b"{'a': 1}", "Expecting property name"),
    "a trailing comma": (b'{"a": 1,}', "not JSON"),
    "a raw line break in text": (b'"a\nb"', "Invalid control character"),
    "NaN": (b"[NaN]", "NaN is not JSON"),
    "Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "too large to write again": (b"[1e999]", "a number beyond every limit"),
    "10,000 digits": (b"[" + b"7" * 10_000 + b"]", "a number of 10000 digits"),
    "not UTF-8": (b'"\xff"', "not UTF-8: invalid start byte at byte 1"),
    "UTF-16": ("[]".encode("utf-16"), "not UTF-8"),
    "129 levels": (b"[" * 129 + b"]" * 129, "nested deeper than 128"),
    "129 levels of objects": (b'{"a":' * 129 + b"0" + b"}" * 129, "nested deeper than 128"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "nested deeper than 128"),
    "100,000 levels, never closed": (b"[" * 100_000, "nested deeper than 128"),
    "NUL": (b"\0", "not JSON"),
    "very many values": (b"[" + b"0," * 500_000 + b"0]", "more than 500000 values"),
    "very many arrays": (b"[" + b"[]," * 300_000 + b"0]", "more than 500000 values"),
}


@pytest.mark.parametrize(("body", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_plain_document_is_refused_with_a_reason(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedDocument, match=r"^vmSettings: ") as refusal:
        jsondoc.parse(body, "vmSettings")
    assert problem in refusal.value.problem


def test_a_document_larger_than_its_limit_is_refused_before_it_is_read() -> None:
    assert jsondoc.parse(b"[1]", "X", limit=3) == [1]
    with pytest.raises(MalformedDocument, match="4 bytes, more than the 3 that are accepted"):
        jsondoc.parse(b"[12]", "X", limit=3)


ACCEPTED: dict[str, tuple[bytes, Any]] = {
    "byte order mark": (b"\xef\xbb\xbf{}", {}),
    "null": (b"null", None),
    "128 levels": (b"[" * 128 + b"]" * 128, None),
    "many brackets, few levels": (b"[" + b",".join([b"[]"] * 200) + b"]", [[]] * 200),
    "many values": (b"[" + b"0," * 499_999 + b"0]", [0] * 500_000),
    "brackets in text": (json.dumps(["[" * 500]).encode(), ["[" * 500]),
    "63 digits and a sign": (b"-" + b"9" * 63, -(10**63) + 1),
    "a name twice": (b'{"a": 1, "a": 2}', {"a": 2}),
    "NUL in text": (rb'"\u0000"', "\0"),
    "a surrogate pair": (rb'"\ud83d\ude00"', "\U0001f600"),
    "half a pair": (rb'{"\ud83d": ["\udE00x"]}', {"\ufffd": ["\ufffdx"]}),
    "what looks like half a pair": (rb'"\\ud83d"', "\\ud83d"),
}


@pytest.mark.parametrize(("body", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_unusual_but_json_is_read(body: bytes, value: Any) -> None:
    parsed = jsondoc.parse(body, "X")
    assert value is None or parsed == value


@given(json_values)
def test_every_value_is_read_as_it_was_written(value: Any) -> None:
    assert jsondoc.parse(json.dumps(value, ensure_ascii=False).encode(), "X") == value
    assert jsondoc.parse(json.dumps(value).encode(), "X") == value


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_can_be_written_again(body: bytes) -> None:
    try:
        value = jsondoc.parse(body, "X")
    except MalformedDocument as refusal:
        assert refusal.problem  # noqa: PT017 - either outcome is right, another exception is not
    else:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


MEMBERS = {
    "Text": "x",
    "number": 5,
    "yes": True,
    "list": [],
    "object": {},
    "none": None,
    "NUMBER": 7,
    "real": 1.5,
}


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("Text", str, "x"),
        ("tEXT", str, "x"),
        ("number", int, 5),  # the exact spelling first
        ("NUMBER", int, 7),
        ("Number", int, 5),  # else the first in any case
        ("YES", bool, True),
        ("real", float, 1.5),
        ("number", (str, int), 5),
    ],
)
def test_members_are_found_in_any_letter_case(name: str, kind: Any, value: Any) -> None:
    assert jsondoc.member(MEMBERS, name, kind, "X") == value


@pytest.mark.parametrize(
    ("name", "kind", "problem"),
    [
        ("Text", int, "member Text is text instead of a whole number"),
        ("number", str, "member number is a number instead of text"),
        ("number", bool, "member number is a number instead of true or false"),
        ("yes", int, "member yes is true or false instead of a whole number"),
        ("yes", (int, str), "member yes is true or false instead of a whole number or text"),
        ("real", int, "member real is a number instead of a whole number"),
        ("list", dict, "member list is an array instead of an object"),
        ("object", list, "member object is an object instead of an array"),
        ("none", str, "member none is missing"),
        ("absent", str, "member absent is missing"),
    ],
)
def test_members_of_another_type_are_refused_by_name(name: str, kind: Any, problem: str) -> None:
    with pytest.raises(MalformedDocument) as refusal:
        jsondoc.member(MEMBERS, name, kind, "X")
    assert refusal.value.problem == problem


@pytest.mark.parametrize("name", ["none", "absent"])
def test_null_counts_as_absent(name: str) -> None:
    assert jsondoc.member(MEMBERS, name, str, "X", "default") == "default"
    assert jsondoc.member(MEMBERS, name, str, "X", None) is None


def test_documents_of_another_type_are_refused() -> None:
    with pytest.raises(MalformedDocument, match="the document is an array instead of an object"):
        jsondoc.an_object([], "X")
    with pytest.raises(MalformedDocument, match="an entry is null instead of an array"):
        jsondoc.an_array(None, "X", "an entry")
