"""What makes vmSettings unusable as a whole. Source: wire-protocol.md §5.4."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.wire.vmsamples import DOCUMENT, Path, edited, parse

from limpet.model.errors import MalformedDocument
from limpet.model.ids import Etag
from limpet.wire.vmsettings import parse_vm_settings

SINGLE_AT: Path = ("extensionGoalStates", 0)
MULTI_AT: Path = ("extensionGoalStates", 1)
REJECTED: dict[str, tuple[Path, Any, str]] = {
    "plugin version of another type": (("hostGAPluginVersion",), 1, "member hostGAPluginVersion is a number"),
    "activity of another type": (("activityId",), 5, "member activityId is a number instead of text"),
    "source of another type": (("extensionGoalStatesSource",), [], "member extensionGoalStatesSource is an array"),
    "ticks of another type": (("extensionsLastModifiedTickCount",), [], "is an array instead of a whole number or"),
    "ticks as true": (("extensionsLastModifiedTickCount",), True, "is true or false instead of a whole number"),
    "hold as text": (("onHold",), "true", "member onHold is text instead of true or false"),
    "status blob without a place": (("statusUploadBlob", "value"), ..., "member value is missing"),
    "status blob that is no object": (("statusUploadBlob",), "https://s/b", "statusUploadBlob is text instead of an object"),
    "status blob that is no URL": (("statusUploadBlob", "value"), "b", "value of statusUploadBlob is not an http"),
    "feature without a name": (("requiredFeatures", 0, "name"), ..., "member name is missing"),
    "feature that is no object": (("requiredFeatures", 0), "x", "an entry of requiredFeatures is text instead of an object"),
    "features that are no array": (("requiredFeatures",), {}, "member requiredFeatures is an object instead of an array"),
    "family without a name": (("gaFamilies", 0, "name"), ..., "member name is missing"),
    "family's boolean as text": (("gaFamilies", 0, "isVersionFromRSM"), "true", "isVersionFromRSM is text instead of"),
    "family's place of another type": (("gaFamilies", 0, "uris", 0), 5, "an entry of uris is not text"),
    "extensions that are no array": (("extensionGoalStates",), {}, "member extensionGoalStates is an object"),
    "an extension that is null": (SINGLE_AT, None, "an entry of extensionGoalStates is null instead of an object"),
    "no name": ((*SINGLE_AT, "name"), ..., "member name is missing"),
    "no version": ((*SINGLE_AT, "version"), ..., "member version is missing"),
    "a version that is a number": ((*SINGLE_AT, "version"), 1.0, "member version is a number instead of text"),
    "no state": ((*SINGLE_AT, "state"), ..., "member state is missing"),
    "an unknown state": ((*SINGLE_AT, "state"), "paused", "Acme.Sample has an unknown state 'paused'"),
    "an empty state": ((*SINGLE_AT, "state"), "", "Acme.Sample has an unknown state ''"),
    "another location of another type": ((*SINGLE_AT, "additionalLocations", 0), {}, "additionalLocations is not text"),
    "two settings": ((*SINGLE_AT, "settings", 1), {}, "Acme.Sample has 2 settings instead of one"),
    "settings that are no object": ((*SINGLE_AT, "settings", 0), "x", "an entry of settings is text"),
    "no number": ((*SINGLE_AT, "settingsSeqNo"), ..., "member settingsSeqNo is missing"),
    "a number as text": ((*SINGLE_AT, "settingsSeqNo"), "4", "settingsSeqNo is text instead of a whole number"),
    "half a number": ((*SINGLE_AT, "settingsSeqNo"), 4.5, "settingsSeqNo is a number instead of a whole number"),
    "public settings that are no JSON": (
        (*SINGLE_AT, "settings", 0, "publicSettings"), "{", "vmSettings, settings of Acme.Sample: not JSON"),
    "public settings that are empty": (
        (*SINGLE_AT, "settings", 0, "publicSettings"), "", "vmSettings, settings of Acme.Sample: not JSON"),
    "public settings that are an object": (
        (*SINGLE_AT, "settings", 0, "publicSettings"), {}, "publicSettings is an object instead of text"),
    "public settings that are very deep": (
        (*SINGLE_AT, "settings", 0, "publicSettings"), "[" * 5000, "nested deeper than 128"),
    "protected settings that are an object": (
        (*SINGLE_AT, "settings", 0, "protectedSettings"), {}, "protectedSettings is an object instead of text"),
    "protected settings without a certificate": (
        (*SINGLE_AT, "settings", 0, "protectedSettingsCertThumbprint"), ...,
        "the protected settings of Acme.Sample come without a thumbprint"),
    "protected settings with an empty certificate": (
        (*SINGLE_AT, "settings", 0, "protectedSettingsCertThumbprint"), "",
        "the protected settings of Acme.Sample come without a thumbprint"),
    "two dependsOn": ((*SINGLE_AT, "dependsOn", 1), {}, "Acme.Sample has 2 dependsOn instead of one"),
    "an extension without a name": ((*MULTI_AT, "settings", 0, "extensionName"), ..., "member extensionName is missing"),
    "an extension without a number": ((*MULTI_AT, "settings", 0, "seqNo"), ..., "member seqNo is missing"),
    "an extension without a state": ((*MULTI_AT, "settings", 0, "extensionState"), ..., "extensionState is missing"),
    "a dependsOn without a name": ((*MULTI_AT, "dependsOn", 0, "name"), ..., "member name is missing"),
    "a dependsOn of another name": (
        (*MULTI_AT, "dependsOn", 0, "name"), "three", "a dependsOn of Acme.Multi is for 'three', which is no extension"),
    "several configurations, unsaid": ((*MULTI_AT, "isMultiConfig"), ..., "Acme.Multi has 2 settings instead of one"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "problem"), REJECTED.values(), ids=REJECTED)
def test_what_breaks_a_rule_rejects_the_whole_document(path: Path, value: Any, problem: str) -> None:
    with pytest.raises(MalformedDocument, match=r"^vmSettings") as refusal:
        parse(edited(path, value))
    assert problem in str(refusal.value)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5"])
def test_a_document_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedDocument, match=r"the document is .* instead of an object"):
        parse_vm_settings(body, Etag("1"))


@pytest.mark.parametrize("etag", ["", "a b", "1\r\nEvil: 1", "é", "1" * 257])
def test_an_etag_that_could_not_be_echoed_is_refused(etag: str) -> None:
    with pytest.raises(MalformedDocument, match=r"its ETag .* cannot be echoed"):
        parse_vm_settings(json.dumps(DOCUMENT).encode(), Etag(etag))
