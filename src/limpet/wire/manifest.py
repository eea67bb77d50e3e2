"""A handler's or the agent's manifest: the published versions. Source: wire-protocol.md §4.5, extensions.md §1.3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import MalformedDocument
from limpet.model.manifest import Package
from limpet.model.version import Version
from limpet.wire import xml
from limpet.wire.names import locations

if TYPE_CHECKING:
    from collections.abc import Iterable

DOCUMENT = "PluginVersionManifest"


def parse_manifest(body: bytes) -> tuple[Package, ...]:
    """Every published version, public ones first, in document order. Raises: MalformedDocument."""
    root = xml.parse(body, DOCUMENT, root=DOCUMENT)
    return tuple(
        _package(plugin, internal=internal)
        for group, internal in (("Plugins", False), ("InternalPlugins", True))
        for plugin in xml.children(xml.child(root, group), "Plugin")
    )


def _package(plugin: xml.Element, *, internal: bool) -> Package:
    text = xml.required(plugin, "Version", DOCUMENT)
    try:
        version = Version.parse(text)
    except ValueError as error:
        raise MalformedDocument(DOCUMENT, f"element Version: {error}") from None
    return Package(
        version=version,
        uris=locations(map(xml.text, xml.children(xml.child(plugin, "Uris"), "Uri"))),
        internal=internal,
        disallow_major_upgrade=(xml.optional(plugin, "DisallowMajorVersionUpgrade") or "").lower() == "true",
    )


def render_manifest(packages: Iterable[Package]) -> bytes:
    """The document `parse_manifest` reads."""
    groups: dict[bool, list[str]] = {False: [], True: []}
    for package in packages:
        uris = "".join(f"<Uri>{xml.escape_text(uri)}</Uri>" for uri in package.uris)
        disallow = str(package.disallow_major_upgrade).lower()
        groups[package.internal].append(
            f"<Plugin><Version>{package.version}</Version><Uris>{uris}</Uris>"
            f"<DisallowMajorVersionUpgrade>{disallow}</DisallowMajorVersionUpgrade></Plugin>"
        )
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<PluginVersionManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"<Plugins>{''.join(groups[False])}</Plugins><InternalPlugins>{''.join(groups[True])}</InternalPlugins>"
        "</PluginVersionManifest>"
    ).encode()
