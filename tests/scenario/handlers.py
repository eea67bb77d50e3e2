"""Handlers as tests play them: packages, status files, and what is wanted of them."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from limpet.emulator.storage.packages import HostedPackage
from limpet.emulator.world.changes import Change, NewSettings
from limpet.model.extensions import Wanted
from limpet.model.ids import Thumbprint
from limpet.model.secret import Secret
from limpet.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE = "Contoso.Sample"
OPERATIONS = ("install", "enable", "update", "disable", "uninstall")
TENANT = "A" * 40


def manifest(*, limits: Mapping[str, Any] | None = None, **members: Any) -> bytes:
    """HandlerManifest.json with commands bin/<operation>. members: other members of handlerManifest; None takes away.

    limits: its resourceLimits.
    """
    commands = {f"{operation}Command": f"bin/{operation}" for operation in OPERATIONS}
    inner = {name: value for name, value in {**commands, **members}.items() if value is not None}
    more = {} if limits is None else {"resourceLimits": limits}
    return json.dumps([{"version": 1.0, "handlerManifest": inner, **more}]).encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return buffer.getvalue()


def package(name: str = SAMPLE, version: str = "1.0.0", **members: Any) -> HostedPackage:
    """A package as publishers make them. members: as for `manifest`."""
    files = {"HandlerManifest.json": manifest(**members), "bin/tool": b"#!/bin/sh\n"}
    return raw_package(zipped(files), name, version)


def raw_package(content: bytes, name: str = SAMPLE, version: str = "1.0.0") -> HostedPackage:
    return HostedPackage(name=name, version=Version.parse(version), zip_bytes=content)


def status_file(status: str, message: str = "", code: int = 0) -> bytes:
    inner = {
        "operation": "Enable",
        "status": status,
        "code": code,
        "formattedMessage": {"lang": "en-US", "message": message},
    }
    return json.dumps([{"version": 1.0, "timestampUTC": "2026-01-01T00:00:00Z", "status": inner}]).encode()


def enable(
    name: str = SAMPLE,
    public: Any = None,
    *,
    protected: str | None = None,
    thumbprint: str = TENANT,
    **members: Any,
) -> Change:
    """Wish for a handler, or with extension=… for one extension of it. protected: base64 text as the fabric has it."""
    settings = NewSettings(
        public={"k": "v"} if public is None else public,
        protected=None if protected is None else Secret(protected),
        thumbprint=None if protected is None else Thumbprint(thumbprint),
    )
    return Change(handler=name, settings=settings, **members)


def withdraw(name: str, extension: str) -> Change:
    return Change(handler=name, extension=extension, wanted=Wanted.DISABLED)


def disable(name: str = SAMPLE) -> Change:
    return Change(handler=name, wanted=Wanted.DISABLED)


def uninstall(name: str = SAMPLE) -> Change:
    return Change(handler=name, wanted=Wanted.UNINSTALL)
