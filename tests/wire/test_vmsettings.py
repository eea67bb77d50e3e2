"""vmSettings: each rule of wire-protocol.md §5.4."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from tests.wire.strategies import extended, ticks, vm_settings
from tests.wire.vmsamples import DOCUMENT, MULTI, SINGLE, edited, parse

from limpet.model.extensions import (
    ZERO_GUID,
    BlobType,
    Channel,
    Dependency,
    ExtensionsGoalState,
    Handler,
    Source,
    Wanted,
)
from limpet.model.ids import Etag
from limpet.model.secret import Secret
from limpet.wire.ticks import UNKNOWN_TIME, ticks_to_text
from limpet.wire.vmsettings import parse_vm_settings
from limpet.wire.vmsettings_render import render_vm_settings


def handler(base: dict[str, Any], **members: Any) -> Handler:
    (found,) = parse({**DOCUMENT, "extensionGoalStates": [{**base, **members}]}).handlers
    return found


def with_first(base: dict[str, Any], **members: Any) -> dict[str, Any]:
    """`base` with other members in the first of its settings."""
    entry, *others = base["settings"]
    return {**base, "settings": [{**entry, **members}, *others]}


def without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}


@given(vm_settings, ticks)
def test_settings_survive_the_way_to_the_wire_and_back(state: ExtensionsGoalState, count: int) -> None:
    parsed = parse_vm_settings(render_vm_settings(state, count), Etag("9"))
    assert parsed == replace(state, id="etag_9", created=ticks_to_text(count))


def test_the_whole_document_is_read() -> None:
    state = parse(DOCUMENT)
    assert (state.id, state.channel, state.source) == ("etag_11", Channel.HOST_PLUGIN, Source.FAST_TRACK)
    assert (state.activity_id, state.correlation_id, state.svd_sequence_number) == ("A", "B", 4)
    assert (state.created, state.on_hold) == ("2021-11-16T13:22:50.620521Z", False)
    assert (state.host_plugin_version, state.schema_version) == ("1.0.8.175", "0.0")
    assert state.vm_metadata == {"vmName": "vm"}
    single, multi = state.handlers
    assert single.manifest_uris == ("https://s/1", "https://s/2", "https://s/3")
    (settings,) = single.settings
    assert (settings.name, settings.sequence_number, settings.public) == ("Acme.Sample", 4, {"k": "v"})
    assert (settings.protected, settings.thumbprint) == (Secret("MII="), "AB" * 20)
    assert (settings.dependency_level, settings.dependencies) == (1, (Dependency(handler="Acme.Other"),))
    assert [
        (each.name, each.sequence_number, each.wanted, each.dependency_level, each.public)
        for each in multi.settings
    ] == [("one", 3, Wanted.ENABLED, 0, {}), ("two", 5, Wanted.DISABLED, 2, None)]


def test_a_document_that_says_nothing_has_every_placeholder() -> None:
    state = parse({})
    assert state == ExtensionsGoalState(
        id="etag_11", channel=Channel.HOST_PLUGIN, source=Source.UNKNOWN, on_hold=False
    )
    assert (state.created, state.activity_id, state.svd_sequence_number) == (
        UNKNOWN_TIME,
        ZERO_GUID,
        ZERO_GUID,
    )


def test_letter_case_does_not_matter_at_any_level() -> None:
    def shouted(node: Any) -> Any:
        if isinstance(node, dict):
            return {key.upper(): shouted(value) for key, value in node.items()}
        return [shouted(value) for value in node] if isinstance(node, list) else node

    loud = shouted({**DOCUMENT, "inVMMetadata": {}})
    assert parse(loud) == parse({**DOCUMENT, "inVMMetadata": {}})


def test_null_counts_as_absent_at_every_level() -> None:
    nulls = dict.fromkeys(DOCUMENT)
    assert parse(nulls) == parse({})
    optional = (
        "location",
        "failoverLocation",
        "additionalLocations",
        "encodedSignature",
        "dependsOn",
        "settings",
    )
    bare = handler({**SINGLE, **dict.fromkeys(optional)})
    assert (bare.manifest_uris, bare.settings, bare.invalid) == ((), (), None)


def test_unknown_members_are_ignored_at_every_level() -> None:
    assert parse(extended(DOCUMENT)) == parse(DOCUMENT)


@pytest.mark.parametrize(
    ("word", "source"),
    [
        ("FastTrack", Source.FAST_TRACK),
        ("Fabric", Source.FABRIC),
        ("Moon", Source.UNKNOWN),
        ("", Source.UNKNOWN),
    ],
)
def test_a_source_that_is_not_known_is_unknown(word: str, source: Source) -> None:
    assert parse({**DOCUMENT, "extensionGoalStatesSource": word}).source is source


@pytest.mark.parametrize(
    ("ticks_", "created"),
    [
        ("637726657706205217", "2021-11-16T13:22:50.620521Z"),
        (6.355e17, "2014-10-27T09:46:40.000000Z"),
        ("soon", UNKNOWN_TIME),
        (-1, UNKNOWN_TIME),
        (10**60, UNKNOWN_TIME),
    ],
)
def test_ticks_may_be_written_in_several_ways(ticks_: Any, created: str) -> None:
    assert parse({**DOCUMENT, "extensionsLastModifiedTickCount": ticks_}).created == created


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("PageBlob", BlobType.PAGE),
        ("BlockBlob", BlobType.BLOCK),
        ("Other", BlobType.BLOCK),
        (None, BlobType.BLOCK),
    ],
)
def test_the_status_blob_is_a_block_blob_unless_said_otherwise(word: str | None, kind: BlobType) -> None:
    upload = parse({"StatusUploadBlob": {"statusBlobType": word, "value": "https://s/b"}}).status_upload
    assert upload is not None
    assert upload.blob_type is kind


@pytest.mark.parametrize("revision", ["x", True, [], 1.5])
def test_members_that_nothing_depends_on_may_be_of_any_type(revision: Any) -> None:
    state = parse(
        {**DOCUMENT, "certificatesRevision": revision, "inVMMetadata": 5, "vmSettingsSchemaVersion": {}}
    )
    assert (state.certificates_revision, state.vm_metadata, state.schema_version) == (None, {}, None)
    found = handler(SINGLE, autoUpgrade="yes", useExactVersion=1, runAsStartupTask=[], isJson="true")
    assert (found.auto_upgrade, found.use_exact_version, found.is_json, found.invalid) == (
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("etag", ["1534895", '"0x8D"', 'W/"1"'])
def test_an_etag_is_opaque(etag: str) -> None:
    assert parse_vm_settings(b"{}", Etag(etag)).id == f"etag_{etag}"


# --- what stays with its handler


UNFIT = {
    "a path": ({**SINGLE, "name": "../x"}, "The goal state names a handler '../x'"),
    "two words": ({**SINGLE, "name": "a/b"}, "The goal state names a handler 'a/b'"),
    "nothing": ({**SINGLE, "name": ""}, "The goal state names a handler ''"),
    "NUL": ({**SINGLE, "name": "a\0b"}, r"The goal state names a handler 'a\x00b'"),
    "endless": ({**SINGLE, "name": "x" * 129}, "The goal state names a handler 'xxx"),
    "a path as version": ({**SINGLE, "version": "1.0/.."}, "asks for version '1.0/..' of Acme.Sample"),
    "a word as version": ({**SINGLE, "version": "latest"}, "asks for version 'latest' of Acme.Sample"),
    "a negative number": ({**SINGLE, "settingsSeqNo": -1}, "The sequence number of Acme.Sample is -1"),
    "an enormous number": ({**SINGLE, "settingsSeqNo": 2**63}, "of Acme.Sample is 9223372036854775808"),
    "a path as certificate": (
        with_first(SINGLE, protectedSettingsCertThumbprint="../x"),
        "name a certificate by '../X'",
    ),
    "a path as extension": (
        with_first(MULTI, extensionName="a/b"),
        "The goal state names an extension 'a/b'",
    ),
    "a name twice": (
        with_first(MULTI, extensionName="two"),
        "several extensions of Acme.Multi with one name",
    ),
    "an extension's negative number": (with_first(MULTI, seqNo=-4), "The sequence number of one is -4"),
}


@pytest.mark.parametrize(("members", "problem"), UNFIT.values(), ids=UNFIT)
def test_names_and_numbers_that_fit_no_file_stay_with_their_handler(
    members: dict[str, Any], problem: str
) -> None:
    found, other = parse({**DOCUMENT, "extensionGoalStates": [members, SINGLE]}).handlers
    assert found.invalid is not None
    assert problem in found.invalid
    assert found.settings == ()
    assert other.invalid is None


@pytest.mark.parametrize(
    ("level", "number"), [(2, 2), (None, 0), ("x", 0), (-1, 0), (1.5, 0), (True, 0), ([], 0), ("3", 3)]
)
def test_a_dependency_level_that_cannot_be_read_is_0(level: Any, number: int) -> None:
    found = handler(SINGLE, dependsOn=[{"dependencyLevel": level}])
    assert (found.invalid, found.settings[0].dependency_level) == (None, number)


@pytest.mark.parametrize("word", ["enabled", "Disabled", "UNINSTALL"])
def test_a_handler_is_wanted_in_one_of_three_states(word: str) -> None:
    assert handler(SINGLE, state=word).wanted is Wanted(word.lower())


def test_an_uninstall_needs_no_location_and_no_settings() -> None:
    found = handler({"name": "Acme.Sample", "version": "3.0", "state": "uninstall", "isMultiConfig": False})
    assert (found.wanted, found.settings, found.manifest_uris, found.invalid) == (
        Wanted.UNINSTALL,
        (),
        (),
        None,
    )


def test_fabric_may_leave_certificates_to_the_wire_server() -> None:
    entry = without(SINGLE["settings"][0], "protectedSettingsCertThumbprint")
    state = parse(
        {
            **DOCUMENT,
            "extensionGoalStatesSource": "Fabric",
            "extensionGoalStates": [{**SINGLE, "settings": [entry]}],
        }
    )
    assert state.source is Source.FABRIC
    assert state.thumbprints == frozenset()


def test_nothing_secret_is_shown() -> None:
    state = parse(edited(("extensionGoalStates", 0, "settings", 0, "protectedSettings"), "hidden"))
    assert "hidden" not in repr(state)
    assert "sig=x" not in repr(state)


def test_very_many_extensions_are_read_in_one_pass() -> None:
    entries = [{"extensionName": f"x{n}", "seqNo": n, "extensionState": "enabled"} for n in range(20_000)]
    levels = [{"name": f"x{n}", "dependencyLevel": n} for n in range(20_000)]
    found = handler(MULTI, settings=entries, dependsOn=levels)
    assert found.settings[-1].dependency_level == 19_999
