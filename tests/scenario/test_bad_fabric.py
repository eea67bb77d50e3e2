"""What the fabric must not be able to do: answers that are broken, late, huge or not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenario.handlers import enable
from tests.scenario.stage import Stage, stage

from limpet.model.extensions import Source

if TYPE_CHECKING:
    from collections.abc import Callable

WORKED = ["Sample-1.0.0 install", "Sample-1.0.0 enable"]
MIB = 1024 * 1024
DTD = b'<!DOCTYPE x [<!ENTITY a "b">]>'

XML = [
    ("truncated", lambda body: body[: len(body) // 2], "line"),
    ("empty", lambda _: b"", "no element found"),
    ("huge", lambda body: body + b" " * (17 * MIB), "bytes"),
    ("not UTF-8", lambda body: body.replace(b"</", b"\xff</", 1), "not UTF-8"),
    ("UTF-16", lambda body: body.decode().encode("utf-16"), "not UTF-8"),
    ("DTD", lambda body: body.replace(b"?>", b"?>" + DTD, 1), "document type declaration"),
    ("wrong root", lambda _: b"<Surprise/>", "root element is 'Surprise'"),
    ("JSON", lambda _: b"{}", "not well-formed"),
    ("HTML", lambda _: b"<html><body>It works!</body></html>", "root element is 'html'"),
]  # fmt: skip
DOCUMENTS = ["goal-state", "extensions-config"]
RECOVERS = pytest.mark.parametrize("document", DOCUMENTS)


def spoiled(play: Stage) -> str:
    """Everything that was complained of since the start."""
    complaints = (
        "fabric.unusable",
        "host_plugin.unusable",
        "certificates.failed",
        "certificates.cipher_failed",
    )
    return " | ".join(fields["problem"] for event in complaints for fields in play.log.of(event))


@RECOVERS
@pytest.mark.parametrize(("kind", "change", "told"), XML, ids=[kind for kind, _, _ in XML])
def test_an_xml_document_that_cannot_be_used_leaves_the_last_goal_state_in_force(
    document: str, kind: str, change: Callable[[bytes], bytes], told: str
) -> None:
    play = stage()
    play.enabled()
    play.core.alter(document, change)
    play.publish(enable())
    play.live(30)
    assert play.played == []
    assert play.state() == "success"
    assert told in spoiled(play)
    play.core.heal()
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]


@pytest.mark.parametrize(("kind", "change", "told"), XML, ids=[kind for kind, _, _ in XML])
def test_an_xml_document_that_cannot_be_used_at_the_start_is_asked_for_again(
    kind: str, change: Callable[[bytes], bytes], told: str
) -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.alter("extensions-config", change)
    play.live(10)
    assert play.played == []
    play.core.heal()
    play.live(10)
    assert play.played == WORKED


JSON = [
    b"", b"{", b"[]", b"null", b'"x"', b"5", b"\xff", b"[" * 5000, b"NaN", b"{} " * 3, b"<x/>",
    b'{"extensionGoalStates": {}}', b'{"extensionGoalStates": [5]}', b'{"extensionGoalStates": [{"name": 5}]}',
    b'{"statusUploadBlob": "x"}', b'{"statusUploadBlob": {"value": 5}}', b'{"statusUploadBlob": {"value": "ftp://x"}}',
    b'{"requiredFeatures": [{"name": []}]}', b'{"onHold": "yes"}', b'{"extensionsLastModifiedTickCount": {}}',
    b'{"gaFamilies": "x"}', b'{"inSvdSeqNo": true}', b'{"hostGAPluginVersion": 5}', b" " * (17 * MIB),
]  # fmt: skip


@pytest.mark.parametrize("body", JSON, ids=lambda body: body[:40].decode("latin-1"))
def test_vm_settings_that_cannot_be_used_keep_nobody_from_following_the_wire_server(body: bytes) -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.alter("vm-settings", body)
    play.live(10)
    assert play.played == WORKED
    assert "vmSettings" in spoiled(play)
    assert play.state() == "success"
    play.publish(enable())
    play.live(10)
    assert play.played == ["Sample-1.0.0 enable"]


def test_vm_settings_without_an_etag_are_refused() -> None:
    play = stage()
    play.enabled()
    play.core.altered["vm-settings"] = lambda response: type(response)(status=200, body=response.body)
    play.publish(enable(), source=Source.FAST_TRACK)
    play.live(10)
    assert play.played == []
    assert "no ETag" in spoiled(play)


FAULTS = [
    {"status": 410}, {"status": 500}, {"status": 503}, {"status": 403}, {"status": 404}, {"status": 204},
    {"status": 302}, {"refused": True}, {"garbage": True}, {"cut": 10}, {"endless": True}, {"delay": 30.0},
]  # fmt: skip
ENDPOINTS = ["goal-state", "extensions-config", "vm-settings", "certificates", "shared-config", "status", "blob-download", "extension-artifact"]  # fmt: skip


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_whatever_goes_wrong_for_a_while_is_done_in_the_end(endpoint: str, fault: dict[str, Any]) -> None:
    play = stage()
    play.host()
    play.core.fail(endpoint, **fault)
    play.publish(enable())
    play.live(90)
    play.core.heal()
    if not play.played:
        play.publish(enable())
    play.live(90)
    assert play.state() == "success"
    assert play.entry().status == "Ready"


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_closed_or_broken_host_plugin_costs_only_what_it_alone_can_do(fault: dict[str, Any]) -> None:
    play = stage()
    play.host()
    for endpoint in ("vm-settings", "status", "extension-artifact", "host-plugin-health"):
        play.core.fail(endpoint, **fault)
    play.publish(enable())
    play.live(200)
    assert play.played == WORKED
    play.publish(enable())
    play.live(200)
    assert play.played == ["Sample-1.0.0 enable"]
    settings = play.entry().settings
    assert settings is not None
    assert settings.sequence_number == 1


@pytest.mark.parametrize("fault", FAULTS[:-2], ids=str)
def test_a_closed_or_broken_storage_is_reached_through_the_host_plugin(fault: dict[str, Any]) -> None:
    play = stage()
    play.core.fail("blob-download", **fault)
    play.enabled()
    assert play.core.count("extension-artifact") == 2
    downloads = play.core.count("blob-download")
    play.publish(enable())
    play.turn()
    assert play.core.count("blob-download") == downloads  # the channel that worked leads


def test_a_fabric_that_answers_nothing_is_asked_again_without_end_and_without_hurry() -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.fail("*", refused=True)
    play.live(600)
    assert play.core.count("goal-state") < 600 * 4
    play.core.heal()
    play.live(20)
    assert play.played == WORKED


CERTIFICATES = [
    ("one line", lambda body: body.replace(b"\n", b""), None),
    ("CRLF and blanks", lambda body: body.replace(b"\n", b" \r\n  "), None),
    ("truncated", lambda body: body[: len(body) // 2], "CertificateFile"),
    ("not base64", lambda body: body.replace(b"<Data>", b"<Data>!"), "not base64"),
    ("another key", lambda body: body, "encrypted for another certificate"),
    ("damaged", lambda _: b"<CertificateFile><Data>AAAA</Data></CertificateFile>", "damaged"),
    ("another format", lambda body: body.replace(b"Pkcs7BlobWithPfxContents", b"Other"), "did not send it"),
    ("no data", lambda _: b"<CertificateFile/>", "did not send it"),
    ("wrong root", lambda _: b"<Surprise/>", "root element"),
    ("DTD", lambda body: body.replace(b"?>", b"?>" + DTD, 1), "document type"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "told"), CERTIFICATES, ids=[kind for kind, _, _ in CERTIFICATES])
def test_certificates_come_in_many_shapes_or_their_absence_is_the_handlers_error(
    kind: str, change: Callable[[bytes], bytes], told: str | None
) -> None:
    play = stage()
    play.host()
    play.host("Contoso.Plain")
    if kind == "another key":
        play.core.sealer.recipient = "another"
    play.core.alter("certificates", change)
    play.publish(enable(protected="MII="), enable("Contoso.Plain"))
    play.live(20)
    assert play.entry("Contoso.Plain").status == "Ready"
    if told is None:
        assert play.entry().status == "Ready"
    else:
        assert play.entry().status == "NotReady"
        assert play.message().startswith("The certificate AAAA")
        assert told in play.message()


GOAL_STATES = [
    ("name with a way out", lambda text: text.replace('name="Contoso.Sample"', 'name="../../etc/x"'), "not a publisher"),
    ("absolute name", lambda text: text.replace('name="Contoso.Sample"', 'name="/etc/x"'), "not a publisher"),
    ("no name", lambda text: text.replace('name="Contoso.Sample"', 'name=""'), "not a publisher"),
    ("version with a way out", lambda text: text.replace('version="1.0.0"', 'version="1/../../x"'), "not a dotted version"),
    ("no version", lambda text: text.replace('version="1.0.0"', 'version=""'), "not a dotted version"),
    ("huge version", lambda text: text.replace('version="1.0.0"', 'version="99999999999999999999"'), "not a dotted version"),
    ("unknown state", lambda text: text.replace('state="enabled"', 'state="exploded"'), "unknown state 'exploded'"),
    ("no sequence number", lambda text: text.replace('seqNo="0"', ""), "sequence number"),
    ("sequence number of text", lambda text: text.replace('seqNo="0"', 'seqNo="../1"'), "sequence number"),
    ("settings that are no JSON", lambda text: text.replace("runtimeSettings", '"'), "not valid JSON"),
    ("settings of another version", lambda text: text.replace('version="1.0.0"><R', 'version="9.9"><R'), "for version '9.9'"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "told"), GOAL_STATES, ids=[kind for kind, _, _ in GOAL_STATES])
def test_one_handler_of_a_goal_state_that_makes_no_sense_is_reported_and_its_siblings_work(
    kind: str, change: Callable[[str], str], told: str
) -> None:
    play = stage()
    play.host()
    play.host("Contoso.Other")
    play.publish(enable("Contoso.Other", sequence=3, version="1.0.0"), enable())
    play.core.alter("extensions-config", lambda body: only_sample(body.decode(), change).encode())
    play.live(20)
    assert play.entry("Contoso.Other").status == "Ready"
    wrong = [entry for entry in play.status.handlers if entry.name != "Contoso.Other"]
    assert len(wrong) == 1
    assert wrong[0].status == "NotReady"
    assert wrong[0].message is not None
    assert told in wrong[0].message.message
    assert "Sample" not in " ".join(play.played)
    roots = {path.parts[1] for path in play.files.nodes if len(path.parts) > 1}
    assert roots == {"var"}


def only_sample(text: str, change: Callable[[str], str]) -> str:
    """`text` with `change` in the parts that speak of Contoso.Sample only."""
    parts = text.split("<Plugin ")
    return "<Plugin ".join(change(part) if "Contoso.Sample" in part else part for part in parts)


def test_an_extension_name_with_a_way_out_is_refused() -> None:
    play = stage()
    play.host(supportsMultipleExtensions=True)
    play.publish(enable(extension="first"))
    play.core.alter(
        "extensions-config", lambda body: body.replace(b'name="first"', b'name="../../../etc/cron.d/x"')
    )
    play.turn()
    assert play.played == []
    assert "cannot be part of a file's name" in play.message()


MANIFESTS = [
    ("truncated", lambda body: body[:50]), ("empty", lambda _: b""), ("wrong root", lambda _: b"<x/>"),
    ("huge", lambda body: body + b" " * (17 * MIB)), ("not UTF-8", lambda body: body + b"\xff"),
    ("DTD", lambda body: body.replace(b"?>", b"?>" + DTD, 1) if b"?>" in body else DTD + body),
    ("no plugins", lambda _: b"<PluginVersionManifest/>"),
    ("no locations", lambda body: body.replace(b"http:", b"file:")),
    ("unusable version", lambda body: body.replace(b"1.0.0</V", b"one</V")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change"), MANIFESTS, ids=[kind for kind, _ in MANIFESTS])
def test_a_manifest_that_cannot_be_used_is_the_handlers_error(
    kind: str, change: Callable[[bytes], bytes]
) -> None:
    play = stage()
    play.host()
    play.publish(enable())
    play.core.alter("blob-download", change)
    play.core.fail("extension-artifact", status=404)
    play.turn()
    assert play.played == []
    assert play.entry().status == "NotReady"
    assert len(play.message()) < 2000
    play.core.heal()
    play.publish(enable())
    play.turn()
    assert play.played == WORKED


def test_an_artifacts_profile_that_cannot_be_used_holds_nothing_up() -> None:
    for body in (b"", b"{", b"[]", b'{"onHold": {}}', b"\0" * 512):
        play = stage()
        play.host()
        play.publish(enable(), on_hold=True)
        play.core.fail("vm-settings", status=404)
        play.core.alter("blob-download", lambda real, body=body: body if b"onHold" in real else real)  # type: ignore[misc]
        play.live(10)
        assert play.played == WORKED, body


def test_a_goal_state_of_thousands_of_locations_has_a_short_error() -> None:
    play = stage()
    play.host()
    play.publish(enable())
    many = "".join(
        f"<additionalLocation>http://storage.example/{n}</additionalLocation>" for n in range(3000)
    )
    play.core.alter(
        "extensions-config",
        lambda body: _with_locations(body, many),
    )
    play.core.fail("blob-download", delay=10.0, status=404)
    play.core.fail("extension-artifact", status=404)
    began = play.clock.monotonic()
    play.turn()
    assert len(play.message()) < 3000
    assert "no time is left" in play.message()
    assert play.clock.monotonic() - began < 400


def _with_locations(body: bytes, many: str) -> bytes:
    text = body.decode()
    start = text.index("<Plugins><Plugin ")
    end = text.index("</Plugin>", start)
    return (text[:end] + f"<additionalLocations>{many}</additionalLocations>" + text[end:]).encode()


def test_json_of_settings_passes_through_whatever_it_holds() -> None:
    play = stage()
    play.host()
    public = {"deep": [[[[]]]], "text": "\x00\u2028</RuntimeSettings>]]>&\"'", "number": 10**30, "null": None}
    play.publish(enable(public=public))
    play.turn()
    body = play.files.read(play.folder().config / "0.settings", at_most=10_000)
    assert json.loads(body)["runtimeSettings"][0]["handlerSettings"]["publicSettings"] == public
