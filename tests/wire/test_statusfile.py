from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import Code, MalformedDocument
from limpet.model.redact import redacted
from limpet.model.status import ExtensionState, ExtensionStatus, Message, Substatus
from limpet.wire.statusfile import (
    LARGEST_UNCUT,
    TRUNCATED,
    parse_status_file,
    render_placeholder,
    render_status_file,
)

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "extension"
NEW_YEAR = 1893456000.0  # 2030-01-01T00:00:00Z
TEXTS = st.text(max_size=40).filter(lambda text: redacted(text) == text)
MESSAGES = st.none() | st.builds(Message, message=TEXTS, lang=TEXTS)
CODES = st.integers(-(2**40), 2**40) | TEXTS
STATES = st.sampled_from(ExtensionState)
STATUSES = st.builds(
    ExtensionStatus,
    status=STATES,
    code=CODES,
    operation=st.none() | TEXTS,
    configuration_applied_time=st.none() | TEXTS,
    message=MESSAGES,
    substatus=st.lists(
        st.builds(Substatus, status=STATES, name=st.none() | TEXTS, code=CODES, message=MESSAGES), max_size=3
    ).map(tuple),
)


def status_file(**members: Any) -> bytes:
    return json.dumps([{"status": {"status": "success", **members}}]).encode()


def part(**members: Any) -> bytes:
    return status_file(substatus=[{"status": "success", **members}])


def test_a_full_status_file_is_read() -> None:
    body = b"""[{"version": 1.0, "timestampUTC": "2025-01-02T03:04:05Z",
      "status": {"name": "Contoso.Sample", "operation": "Enable", "configurationAppliedTime": "2025-01-02T03:04:00Z",
        "status": "success", "code": 0, "formattedMessage": {"lang": "en-US", "message": "done"},
        "substatus": [{"name": "part", "status": "warning", "code": "7",
          "formattedMessage": {"lang": "de-DE", "message": "x"}}]}}]"""
    assert parse_status_file(body) == ExtensionStatus(
        status=ExtensionState.SUCCESS,
        code=0,
        operation="Enable",
        configuration_applied_time="2025-01-02T03:04:00Z",
        message=Message(message="done"),
        substatus=(
            Substatus(
                status=ExtensionState.WARNING,
                name="part",
                code="7",
                message=Message(message="x", lang="de-DE"),
            ),
        ),
    )


def test_the_smallest_accepted_status_file_is_read() -> None:
    assert parse_status_file(b'[{"status": {"status": "success"}}]') == ExtensionStatus(
        status=ExtensionState.SUCCESS
    )


@pytest.mark.parametrize("body", [b"[]", b"null", b" [ ] \n"])
def test_an_empty_array_and_null_are_accepted_and_say_nothing(body: bytes) -> None:
    assert parse_status_file(body) == ExtensionStatus(status=None)


@pytest.mark.parametrize("state", ExtensionState)
def test_the_four_words_are_read(state: ExtensionState) -> None:
    assert parse_status_file(status_file(status=state.value)).status is state
    assert parse_status_file(part(status=state.value)).substatus[0].status is state


@pytest.mark.parametrize("word", ["failed", "Success", "SUCCESS", "", " success", None, 5, True, [], {}])
def test_an_unknown_top_status_is_an_error_and_an_unknown_part_makes_the_file_malformed(word: Any) -> None:
    assert parse_status_file(status_file(status=word)).status is ExtensionState.ERROR
    with pytest.raises(MalformedDocument, match=r"substatus\[0\].status is not one of"):
        parse_status_file(part(status=word))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0, 0), (-1, -1), (1012, 1012), ("0", "0"), ("", ""), ("E5", "E5"), (None, 0), (1.0, 1),
        (1.5, "1.5"), (True, "true"), (2**63, str(2**63)), (1e300, str(int(1e300))),
    ],
)  # fmt: skip
def test_a_code_passes_through_as_number_or_text(written: Any, read: int | str) -> None:
    for code in (
        parse_status_file(status_file(code=written)).code,
        parse_status_file(part(code=written)).substatus[0].code,
    ):
        assert code == read
        assert type(code) is type(read)


@pytest.mark.parametrize("written", [[], {}])
def test_a_code_of_another_type_is_malformed(written: Any) -> None:
    with pytest.raises(MalformedDocument, match=r"\[0\].status.code is neither"):
        parse_status_file(status_file(code=written))


def test_optional_members_may_be_null() -> None:
    body = status_file(
        code=None, operation=None, configurationAppliedTime=None, formattedMessage=None, substatus=None
    )
    assert parse_status_file(body) == ExtensionStatus(status=ExtensionState.SUCCESS)
    assert parse_status_file(part(name=None, formattedMessage=None)).substatus == (
        Substatus(status=ExtensionState.SUCCESS),
    )


def test_null_parts_are_skipped() -> None:
    body = status_file(substatus=[None, {"status": "error"}, None])
    assert parse_status_file(body).substatus == (Substatus(status=ExtensionState.ERROR),)


def test_numbers_where_text_belongs_are_kept_as_text() -> None:
    read = parse_status_file(
        status_file(
            operation=5,
            formattedMessage={"lang": "en-US", "message": 7},
            substatus=[{"status": "error", "name": True}],
        )
    )
    assert (read.operation, read.message, read.substatus[0].name) == ("5", Message(message="7"), "true")


def test_version_timestamp_and_name_are_ignored_and_so_are_elements_after_the_first() -> None:
    body = b'[{"version": {}, "timestampUTC": 5, "status": {"name": [], "status": "success"}}, "junk"]'
    assert parse_status_file(body) == ExtensionStatus(status=ExtensionState.SUCCESS)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{}", "not an array"),
        (b'"success"', "not an array"),
        (b"0", "not an array"),
        (b"[null]", "not an array that begins with an object"),
        (b"[{}]", r"\[0\].status is missing"),
        (b'[{"status": null}]', r"\[0\].status is missing"),
        (b'[{"status": "success"}]', r"\[0\].status is missing or not an object"),
        (b'[{"status": {}}]', r"\[0\].status has no 'status'"),
        (status_file(formattedMessage="done"), "formattedMessage is not an object"),
        (status_file(formattedMessage={"message": "x"}), "formattedMessage has no 'lang'"),
        (status_file(formattedMessage={"lang": "en-US"}), "formattedMessage has no 'message'"),
        (status_file(formattedMessage={"lang": "en-US", "message": []}), "message is not text"),
        (status_file(operation={}), "operation is not text"),
        (status_file(substatus={}), "substatus is not an array"),
        (status_file(substatus=["x"]), r"substatus\[0\] is not an object"),
        (status_file(substatus=[None, {}]), r"substatus\[1\].status is not one of"),
        (part(formattedMessage={"lang": "en-US"}), r"substatus\[0\].formattedMessage has no 'message'"),
        (part(name=[]), r"substatus\[0\].name is not text"),
        (b"", "status file"),
        (b"\0\0\0", "status file"),
        (b"done", "status file"),
    ],
)
def test_a_malformed_status_file_is_refused_with_its_place(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint):
        parse_status_file(body)


def padded(length: int, **members: Any) -> bytes:
    """A status file of exactly `length` characters."""
    body = json.dumps([{"x": "", "status": {"status": "success", **members}}])
    return body.replace('"x": ""', '"x": "' + "." * (length - len(body)) + '"').encode()


def test_nothing_is_cut_up_to_the_limit() -> None:
    long = "m" * 60000
    read = parse_status_file(
        padded(
            LARGEST_UNCUT,
            formattedMessage={"lang": "en", "message": long},
            substatus=[{"status": "error", "name": long}],
        )
    )
    assert read.message == Message(message=long, lang="en")
    assert read.substatus[0].name == long


def test_the_limit_counts_characters_not_bytes() -> None:
    long = "ß" * 100000
    body = json.dumps(
        [{"status": {"status": "success", "formattedMessage": {"lang": "en", "message": long}}}],
        ensure_ascii=False,
    ).encode()
    assert len(body) > LARGEST_UNCUT
    read = parse_status_file(body)
    assert read.message == Message(message=long, lang="en")


def test_above_the_limit_texts_are_cut_with_a_mark() -> None:
    part_members = {
        "status": "success",
        "name": "n" * 10241,
        "formattedMessage": {"lang": "en", "message": "p" * 20000},
    }
    top = {"lang": "en", "message": "m" * 1025}
    read = parse_status_file(padded(LARGEST_UNCUT + 1, formattedMessage=top, substatus=[part_members]))
    assert read.message == Message(message="m" * 1024 + TRUNCATED, lang="en")
    assert read.substatus[0].name == "n" * 10240 + TRUNCATED
    assert read.substatus[0].message == Message(message="p" * 10240 + TRUNCATED, lang="en")


def test_above_the_limit_texts_that_are_short_enough_stay() -> None:
    part_members = {
        "status": "success",
        "name": "n" * 10240,
        "formattedMessage": {"lang": "en", "message": "p" * 10240},
    }
    top = {"lang": "en", "message": "m" * 1024}
    read = parse_status_file(padded(LARGEST_UNCUT + 1, formattedMessage=top, substatus=[part_members]))
    assert read.message == Message(message="m" * 1024, lang="en")
    assert read.substatus[0].name == "n" * 10240
    assert read.substatus[0].message == Message(message="p" * 10240, lang="en")


def test_above_the_limit_parts_are_dropped_from_the_one_that_goes_over_the_total() -> None:
    message = {"lang": "en", "message": "p" * 10000}
    parts = [
        {"status": "success", "name": f"{number:02}", "formattedMessage": message} for number in range(20)
    ]
    read = parse_status_file(status_file(substatus=parts))
    assert [entry.name for entry in read.substatus] == [f"{number:02}" for number in range(13)]


def test_a_status_file_as_handlers_write_it() -> None:
    status = ExtensionStatus(
        status=ExtensionState.SUCCESS, operation="Enable", message=Message(message="done")
    )
    assert json.loads(render_status_file(status, name="Contoso.Sample", timestamp=NEW_YEAR)) == [
        {
            "version": 1.0,
            "timestampUTC": "2030-01-01T00:00:00Z",
            "status": {
                "name": "Contoso.Sample",
                "operation": "Enable",
                "configurationAppliedTime": None,
                "status": "success",
                "code": 0,
                "formattedMessage": {"lang": "en-US", "message": "done"},
            },
        }
    ]


@given(STATUSES | st.just(ExtensionStatus(status=None)))
def test_a_status_survives_writing_and_reading(status: ExtensionStatus) -> None:
    assert parse_status_file(render_status_file(status, name="x", timestamp=NEW_YEAR)) == status


def test_a_placeholder_says_who_stopped_and_why() -> None:
    body = render_placeholder(
        name="Contoso.Sample.ext1",
        operation="Enable",
        status=ExtensionState.ERROR,
        code=Code.UNKNOWN,
        message="Skipped: https://a.blob.example/c/b?sv=1&sig=SECRET was not reached",
        timestamp=NEW_YEAR,
    )
    assert b"SECRET" not in body
    inner = json.loads(body)[0]["status"]
    assert inner.pop("formattedMessage")["message"].startswith("Skipped: https://a.blob.example/c/b?")
    assert inner == {
        "name": "Contoso.Sample.ext1",
        "operation": "Enable",
        "configurationAppliedTime": None,
        "status": "error",
        "code": -1,
    }
    assert parse_status_file(body).status is ExtensionState.ERROR


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
def test_the_corpus_samples_are_read() -> None:
    read = parse_status_file((CORPUS / "sample-status.json").read_bytes())
    assert (read.status, read.code, read.operation) == (ExtensionState.SUCCESS, 1, "Enable")
    assert [(entry.status, entry.code, entry.message) for entry in read.substatus] == [
        (ExtensionState.SUCCESS, "0", None)
    ]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no corpus beside this checkout")
def test_the_very_large_corpus_sample_is_cut() -> None:
    body = (CORPUS / "sample-status-very-large.json").read_bytes()
    read = parse_status_file(body)
    assert read.message is not None
    assert len(read.message.message) == 1024 + len(TRUNCATED)
    whole = json.loads(body)[0]["status"]["substatus"]
    assert 0 < len(read.substatus) <= len(whole)
    assert all(
        (entry.name or "") in {original["name"], original["name"][:10240] + TRUNCATED}
        for entry, original in zip(read.substatus, whole, strict=False)
    )
