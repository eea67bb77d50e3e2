from __future__ import annotations

import json
from typing import Any

import pytest

from limpet.model.errors import MalformedDocument
from limpet.model.manifest import Operation, ResourceLimits, ServiceLimits
from limpet.wire.handlermanifest import parse_handler_manifest

COMMANDS = {
    "installCommand": "bin/shim install",
    "enableCommand": "/bin/shim enable && true",
    "updateCommand": "bin/shim update",
    "disableCommand": "bin/shim disable",
    "uninstallCommand": "bin/shim uninstall",
}


def manifest(outer: dict[str, Any] | None = None, **inner: Any) -> bytes:
    return json.dumps([{"version": 1.0, "handlerManifest": {**COMMANDS, **inner}, **(outer or {})}]).encode()


def test_the_five_commands_are_taken_as_they_are() -> None:
    assert parse_handler_manifest(manifest()).commands == {
        Operation.INSTALL: "bin/shim install",
        Operation.ENABLE: "/bin/shim enable && true",
        Operation.UPDATE: "bin/shim update",
        Operation.DISABLE: "bin/shim disable",
        Operation.UNINSTALL: "bin/shim uninstall",
    }


@pytest.mark.parametrize("absent", [None, "", "  ", 5, ["x"], {}, True])
def test_a_command_that_is_missing_blank_or_no_text_is_absent(absent: object) -> None:
    assert Operation.UPDATE not in parse_handler_manifest(manifest(updateCommand=absent)).commands
    assert parse_handler_manifest(b'[{"handlerManifest": {}}]').commands == {}


@pytest.mark.parametrize(
    ("word", "with_install"),
    [
        (None, True),
        ("UpdateWithInstall", True),
        ("updatewithinstall", True),
        ("UPDATEWITHINSTALL", True),
        ("UpdateWithoutInstall", False),
        ("", False),
        ("anything", False),
        (5, False),
        (False, False),
    ],
)
def test_update_mode_is_compared_without_case(word: object, with_install: bool) -> None:
    assert parse_handler_manifest(manifest(updateMode=word)).update_with_install is with_install


def test_update_mode_is_with_install_where_it_is_absent() -> None:
    assert parse_handler_manifest(manifest()).update_with_install


@pytest.mark.parametrize(
    ("member", "attribute"),
    [
        ("continueOnUpdateFailure", "continue_on_update_failure"),
        ("supportsMultipleExtensions", "supports_multiple_extensions"),
        ("reportHeartbeat", "report_heartbeat"),
    ],
)
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (True, True),
        (False, False),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("false", False),
        ("yes", False),
        (" true", False),
        ("", False),
        (1, False),
        (None, False),
        ([True], False),
        ({}, False),
    ],
)
def test_a_boolean_may_be_text_and_everything_else_is_false(
    member: str, attribute: str, written: Any, meant: bool
) -> None:
    assert getattr(parse_handler_manifest(manifest(**{member: written})), attribute) is meant


def test_booleans_are_false_where_they_are_absent() -> None:
    read = parse_handler_manifest(manifest())
    assert read.continue_on_update_failure is False
    assert read.supports_multiple_extensions is False
    assert read.report_heartbeat is False


def test_only_the_first_element_counts_and_unknown_members_are_ignored() -> None:
    first = json.loads(manifest(rebootAfterInstall="maybe", supportsPolicy=True, resetCommand="x"))[0]
    read = parse_handler_manifest(json.dumps([{**first, "name": 5, "extra": {}}, "junk"]).encode())
    assert len(read.commands) == 5


def test_a_byte_order_mark_is_tolerated() -> None:
    assert parse_handler_manifest(b"\xef\xbb\xbf" + manifest()).commands


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"{}", "not an array"),
        (b"[]", "not an array"),
        (b"null", "not an array"),
        (b"[[]]", "not an array"),
        (b"[{}]", "handlerManifest is missing"),
        (b'[{"handlerManifest": null}]', "handlerManifest is missing"),
        (b'[{"handlerManifest": []}]', "handlerManifest is missing"),
        (
            b'\xe2\x80\x8b[{"handlerManifest": {}}]',
            "HandlerManifest.json",
        ),  # a zero-width space, as one published package has
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_place(body: bytes, complaint: str) -> None:
    with pytest.raises(MalformedDocument, match=complaint) as refusal:
        parse_handler_manifest(body)
    assert refusal.value.document == "HandlerManifest.json"


def test_limits_are_read() -> None:
    limits = {
        "cpuQuotaPercentage": 20,
        "memoryQuotaInMB": 100,
        "services": [{"name": "exampled.service", "cpuQuotaPercentage": 10}],
    }
    assert parse_handler_manifest(manifest({"resourceLimits": limits})).limits == ResourceLimits(
        cpu_quota_percentage=20,
        memory_quota_mb=100,
        services=(ServiceLimits(name="exampled.service", cpu_quota_percentage=10),),
    )


@pytest.mark.parametrize(
    ("limits", "read"),
    [
        (None, None),
        ([], None),
        ("20", None),
        ({}, ResourceLimits()),
        ({"cpuQuotaPercentage": "20", "memoryQuotaInMB": -1}, ResourceLimits()),
        ({"cpuQuotaPercentage": True, "services": {}}, ResourceLimits()),
        ({"services": [5, {}, {"name": 5}, {"name": ""}]}, ResourceLimits()),
    ],
)
def test_limits_that_cannot_be_read_are_left_out(limits: Any, read: ResourceLimits | None) -> None:
    assert parse_handler_manifest(manifest({"resourceLimits": limits})).limits == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (None, None),
        ([], None),
        (
            {"type": "A", "publisher": "B.C", "version": "1.2", "more": 5},
            {"type": "A", "publisher": "B.C", "version": "1.2"},
        ),
    ],
)
def test_signing_information_is_kept_where_it_is_text(written: Any, read: dict[str, str] | None) -> None:
    assert parse_handler_manifest(manifest({"signingInfo": written})).signing_info == read
