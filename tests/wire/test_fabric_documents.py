"""What holds for every document of the fabric, whatever is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import (
    AgentFamily,
    Channel,
    Dependency,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.goalstate import (
    CertificateBundle,
    GoalState,
    HostingEnvironment,
    SharedConfig,
    Versions,
)
from limpet.model.ids import (
    ConfigName,
    ContainerId,
    Etag,
    Incarnation,
    InstanceId,
    SequenceNumber,
    Thumbprint,
    Url,
)
from limpet.model.manifest import Package
from limpet.model.remoteaccess import RemoteAccess, RemoteUser
from limpet.model.secret import Secret
from limpet.model.version import Version
from limpet.wire import xml
from limpet.wire.artifactsprofile import ArtifactsProfile, parse_artifacts_profile, render_artifacts_profile
from limpet.wire.certificates import parse_certificate_file, render_certificate_file
from limpet.wire.extensionsconfig import parse_extensions_config, render_extensions_config
from limpet.wire.goalstate import parse_goal_state, parse_versions, render_goal_state, render_versions
from limpet.wire.hostingenvironment import parse_hosting_environment, render_hosting_environment
from limpet.wire.hostplugin import HostPluginIdentity, parse_status_request, status_request
from limpet.wire.http import Request
from limpet.wire.manifest import parse_manifest, render_manifest
from limpet.wire.remoteaccess import parse_remote_access, render_remote_access
from limpet.wire.sharedconfig import parse_shared_config, render_shared_config
from limpet.wire.vmsettings import parse_vm_settings
from limpet.wire.vmsettings_render import render_vm_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Parse = Callable[[bytes], Any]

URL = Url("http://s/x?sv=1&sig=a")
SETTINGS = ExtensionSettings(
    name="Acme.Sample",
    sequence_number=SequenceNumber(3),
    public={"k": ["<&>", "é"]},
    protected=Secret("MII="),
    thumbprint=Thumbprint("AB" * 20),
    dependency_level=1,
    dependencies=(Dependency(handler="Acme.Multi", extension="one"),),
)
EXTENSION = ExtensionSettings(name="one", sequence_number=SequenceNumber(1), wanted=Wanted.DISABLED)
EXTENSIONS = ExtensionsGoalState(
    id="",
    channel=Channel.WIRE_SERVER,
    source=Source.FAST_TRACK,
    activity_id="A",
    status_upload=StatusUpload(url=Secret(URL)),
    artifacts_profile=Secret(URL),
    required_features=("F",),
    families=(AgentFamily(name="Prod", version="2.9", is_version_from_rsm=True, uris=(URL,)),),
    handlers=(
        Handler(
            name="Acme.Sample",
            version="1.0",
            wanted=Wanted.ENABLED,
            manifest_uris=(URL, Url("http://s/y"), Url("http://s/z")),
            settings=(SETTINGS,),
        ),
        Handler(
            name="Acme.Multi",
            version="1.0",
            wanted=Wanted.ENABLED,
            settings=(EXTENSION,),
            multi_config=True,
        ),
        Handler(name="Acme.Gone", version="1.0", wanted=Wanted.UNINSTALL),
    ),
    vm_metadata={"vmName": "vm"},
)
USER = RemoteUser(name="jit", encrypted_password=b"MII", expiration="e", groups=("g",))
TRIVIAL = GoalState(
    incarnation=Incarnation("1"),
    container_id=ContainerId("c"),
    instance_id=InstanceId("i"),
    config_name=ConfigName("n"),
    hosting_environment=URL,
    shared_config=URL,
    extensions_config=URL,
    certificates=URL,
    remote_access=URL,
)


def extensions_config(body: bytes) -> ExtensionsGoalState:
    return parse_extensions_config(body, Incarnation("1"))


def vm_settings(body: bytes) -> ExtensionsGoalState:
    return parse_vm_settings(body, Etag("1"))


XML: dict[Parse, bytes] = {
    parse_versions: render_versions(Versions(preferred="1", supported=("1", "2"))),
    parse_goal_state: render_goal_state(TRIVIAL),
    parse_hosting_environment: render_hosting_environment(
        HostingEnvironment(instance_name="i", role_name="r", deployment_name="d"), "1"
    ),
    parse_shared_config: render_shared_config(
        SharedConfig(instance_name="i", addresses=(("i", "10.0.0.4"),)), "1"
    ),
    extensions_config: render_extensions_config(EXTENSIONS, 5),
    parse_certificate_file: render_certificate_file(
        CertificateBundle(incarnation=Incarnation("1"), format="F", data=bytes(99))
    ),
    parse_manifest: render_manifest([Package(version=Version.parse("1.0"), uris=(URL,))]),
    parse_remote_access: render_remote_access(
        RemoteAccess(incarnation=Incarnation("1"), version="1", users=(USER,))
    ),
}
IDENTITY = HostPluginIdentity(container_id=ContainerId("c"), config_name=ConfigName("n"))
JSON: dict[Parse, bytes] = {
    vm_settings: render_vm_settings(EXTENSIONS, 5),
    parse_artifacts_profile: render_artifacts_profile(ArtifactsProfile(on_hold=True)),
    parse_status_request: status_request(
        "p", IDENTITY, Request(method="PUT", url=URL, headers={"a": "b"}, body=b"x")
    ).body,
}


def each(documents: dict[Parse, bytes]) -> pytest.MarkDecorator:
    names = [parse.__name__ for parse in documents]
    return pytest.mark.parametrize(("parse", "body"), documents.items(), ids=names)


def refused_or_read(parse: Parse, body: bytes) -> None:
    try:
        parse(body)
    except MalformedDocument as refusal:
        assert refusal.problem  # noqa: PT017 - either outcome is right, another exception is not
        assert len(str(refusal)) < 600  # noqa: PT017


@each(XML | JSON)
def test_a_document_cut_at_any_byte_is_refused(parse: Parse, body: bytes) -> None:
    for length in range(1, len(body)):
        with pytest.raises(MalformedDocument):
            parse(body[:length])


@each(XML | JSON)
def test_a_byte_order_mark_does_not_matter(parse: Parse, body: bytes) -> None:
    assert parse(b"\xef\xbb\xbf" + body) == parse(body)


@each(XML | JSON)
@given(junk=st.binary(max_size=80))
def test_any_bytes_are_refused_or_read(parse: Parse, body: bytes, junk: bytes) -> None:
    refused_or_read(parse, junk)


@each(XML | JSON)
@given(data=st.data())
def test_a_document_damaged_anywhere_is_refused_or_read(
    parse: Parse, body: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(body)))
    gone = data.draw(st.integers(0, 5))
    new = data.draw(st.binary(max_size=5) | st.sampled_from([b"\0", b"<", b"&", b'"', b"\xff", b"-1", b"</"]))
    refused_or_read(parse, body[:at] + new + body[at + gone :])


HOSTILE = {
    "not UTF-8": b"<a>\xff</a>",
    "NUL": b"\0<a/>",
    "document type": b"<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
    "deep elements": b"<a>" * 100_000,
    "deep arrays": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "HTML": b"<!doctype html><html><head><title>502</title></head><body>Bad Gateway</body></html>",
    "text": b"Service Unavailable",
    "larger than any document": b"x" * (16 * 1024 * 1024 + 1),
}


@each(XML | JSON)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused(parse: Parse, body: bytes, hostile: bytes) -> None:
    with pytest.raises(MalformedDocument):
        parse(hostile)


# --- XML: the same tree with something else at one place


def written(element: xml.Element) -> str:
    attributes = "".join(
        f' {name}="{xml.escape_attribute(value)}"' for name, value in element.attributes.items()
    )
    inside = xml.escape_text(element.text) + "".join(map(written, element.children))
    return f"<{element.name}{attributes}>{inside}</{element.name}>"


def elements(element: xml.Element) -> list[xml.Element]:
    return [element, *element.descendants()]


def changed(
    root: xml.Element, target: xml.Element, others: tuple[xml.Element, ...]
) -> tuple[xml.Element, ...]:
    """`root` with `others` in place of `target`."""
    if root is target:
        return others
    inside = tuple(new for child in root.children for new in changed(child, target, others))
    return (xml.Element(root.name, root.namespace, root.attributes, inside, root.text),)


values = st.text(max_size=8) | st.sampled_from(
    ["", " ", "-1", "9" * 5000, "../x", "a/b", "true", "1", "http://s/x", "{", '{"runtimeSettings": [1]}']
)


@each(XML)
@given(data=st.data())
def test_anything_at_any_place_is_refused_or_read(parse: Parse, body: bytes, data: st.DataObject) -> None:
    root = xml.parse(body, "sample")
    target = data.draw(st.sampled_from(elements(root)))
    attributes = {name: data.draw(values) for name in target.attributes if data.draw(st.booleans())}
    other = xml.Element(target.name, "", attributes, target.children, data.draw(values))
    found = data.draw(st.sampled_from([(), (other,), (other, target), (target, target)]))
    (tree,) = changed(root, target, found) if target is not root else (other,)
    refused_or_read(parse, written(tree).encode())


@each(XML)
def test_unknown_elements_attributes_and_comments_are_ignored_at_every_level(
    parse: Parse, body: bytes
) -> None:
    def extended(element: xml.Element) -> xml.Element:
        stranger = xml.Element("UnheardOf", "", {"a": "1"}, (xml.Element("Within", "", {}, (), "x"),), "y")
        children = (*map(extended, element.children), stranger)
        return xml.Element(element.name, "", {**element.attributes, "unheardOf": "1"}, children, element.text)

    text = written(extended(xml.parse(body, "sample"))).replace("<UnheardOf", "<!-- new --><UnheardOf")
    assert parse(text.encode()) == parse(body)


@each(XML)
def test_another_root_is_refused(parse: Parse, body: bytes) -> None:
    root = xml.parse(body, "sample")
    text = written(xml.Element("Error", "", root.attributes, root.children, ""))
    with pytest.raises(MalformedDocument, match="its root element is 'Error' instead of"):
        parse(text.encode())


# --- JSON: the same value with something else at one place


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def grafted(root: Any, path: tuple[str | int, ...], value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(root) if isinstance(root, dict) else list(root)
    copy[path[0]] = grafted(copy[path[0]], path[1:], value)
    return copy


@each(JSON)
@given(data=st.data())
def test_a_value_of_any_type_at_any_place_is_refused_or_read(
    parse: Parse, body: bytes, data: st.DataObject
) -> None:
    sample = json.loads(body)
    value = st.sampled_from([None, True, 0, -1, 10**60, 1.5, "", "x", "../x", "\0", [], {}, [None], {"a": 1}])
    path = data.draw(st.sampled_from(places(sample)))
    refused_or_read(parse, json.dumps(grafted(sample, path, data.draw(value))).encode())
