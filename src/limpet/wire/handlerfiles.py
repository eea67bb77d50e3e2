"""The files by which agent and handler meet: HandlerEnvironment.json, settings, and the agent's HandlerStatus.

Source: extensions.md §1.6, §2.1, §5.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument
from limpet.model.extensions import ExtensionSettings
from limpet.model.ids import Thumbprint
from limpet.model.secret import Secret
from limpet.model.status import HandlerStatus, Message
from limpet.wire import jsondoc
from limpet.wire.scalars import scalar_text

if TYPE_CHECKING:
    from limpet.model.ids import SequenceNumber

ENVIRONMENT = "HandlerEnvironment.json"
SETTINGS = "settings file"
HANDLER_STATUS = "HandlerStatus"


@dataclass(frozen=True, kw_only=True, slots=True)
class HandlerEnvironment:
    """HandlerEnvironment.json: where a handler finds its folders, absolute paths.

    events_folder is None in documents of agents without the telemetry pipeline.
    """

    name: str
    log_folder: str
    config_folder: str
    status_folder: str
    heartbeat_file: str
    events_folder: str | None


def render_handler_environment(
    *,
    name: str,
    log_folder: str,
    config_folder: str,
    status_folder: str,
    heartbeat_file: str,
    events_folder: str,
) -> bytes:
    """Give HandlerEnvironment.json.

    Shell handlers cut values out with text tools: the array of one object, the number 1.0, one space after colon and
    comma, logFolder first, and paths not escaped are all relied upon. Source: extensions.md §1.6.
    """
    folders = {
        "logFolder": log_folder,
        "configFolder": config_folder,
        "statusFolder": status_folder,
        "heartbeatFile": heartbeat_file,
        "eventsFolder": events_folder,
        "eventsFolder_preview": events_folder,
    }
    document = [{"name": name, "version": 1.0, "handlerEnvironment": folders}]
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": ")).encode()


def parse_handler_environment(body: bytes) -> HandlerEnvironment:
    """Read HandlerEnvironment.json as strictly as the strictest handlers do. Raises: MalformedDocument."""
    root = jsondoc.parse(body, ENVIRONMENT)
    if not isinstance(root, list) or len(root) != 1 or not isinstance(root[0], dict):
        raise MalformedDocument(ENVIRONMENT, "the document is not an array of exactly one object")
    version = root[0].get("version")
    if isinstance(version, bool) or not isinstance(version, int | float):
        raise MalformedDocument(ENVIRONMENT, "[0].version is not a number")
    folders = root[0].get("handlerEnvironment")
    if not isinstance(folders, dict):
        raise MalformedDocument(ENVIRONMENT, "[0].handlerEnvironment is missing or not an object")
    events_folder = folders.get("eventsFolder", folders.get("eventsFolder_preview"))
    if events_folder is not None and not isinstance(events_folder, str):
        raise MalformedDocument(ENVIRONMENT, "[0].handlerEnvironment.eventsFolder is not text")
    return HandlerEnvironment(
        name=_text(root[0], "name", ENVIRONMENT, "[0]"),
        log_folder=_text(folders, "logFolder", ENVIRONMENT, "[0].handlerEnvironment"),
        config_folder=_text(folders, "configFolder", ENVIRONMENT, "[0].handlerEnvironment"),
        status_folder=_text(folders, "statusFolder", ENVIRONMENT, "[0].handlerEnvironment"),
        heartbeat_file=_text(folders, "heartbeatFile", ENVIRONMENT, "[0].handlerEnvironment"),
        events_folder=events_folder,
    )


def render_settings(settings: ExtensionSettings | None) -> bytes:
    """Give the settings file: zero bytes for a handler without settings, else always all three inner members."""
    if settings is None:
        return b""
    inner = {
        "publicSettings": settings.public,
        "protectedSettings": None if settings.protected is None else settings.protected.reveal(),
        "protectedSettingsCertThumbprint": settings.thumbprint,
    }
    document = {"runtimeSettings": [{"handlerSettings": inner}]}
    return json.dumps(document, separators=(", ", ": ")).encode("ascii")


def parse_settings(body: bytes, *, name: str, sequence_number: SequenceNumber) -> ExtensionSettings | None:
    """Read a settings file; name and sequence number are its file name's. None for the empty file.

    Raises: MalformedDocument.
    """
    if not body:
        return None
    root = jsondoc.parse(body, SETTINGS)
    runtime = root.get("runtimeSettings") if isinstance(root, dict) else None
    if not isinstance(runtime, list) or len(runtime) != 1 or not isinstance(runtime[0], dict):
        raise MalformedDocument(SETTINGS, "runtimeSettings is not an array of exactly one object")
    inner = runtime[0].get("handlerSettings")
    if not isinstance(inner, dict):
        raise MalformedDocument(SETTINGS, "runtimeSettings[0].handlerSettings is missing or not an object")
    texts = {
        member: None if inner.get(member) is None else _text(inner, member, SETTINGS, "handlerSettings")
        for member in ("protectedSettings", "protectedSettingsCertThumbprint")
    }
    protected, thumbprint = texts["protectedSettings"], texts["protectedSettingsCertThumbprint"]
    return ExtensionSettings(
        name=name,
        sequence_number=sequence_number,
        public=inner.get("publicSettings"),
        protected=None if protected is None else Secret(protected),
        thumbprint=None if thumbprint is None else Thumbprint(thumbprint),
    )


def render_handler_status(status: HandlerStatus) -> bytes:
    """Give ``config/HandlerStatus``: what the agent last found out about a handler. Source: extensions.md §2.1."""
    document = {
        "name": status.name,
        "version": status.version,
        "status": status.status,
        "code": status.code,
        "message": None if status.message is None else status.message.message,
        "supports_multi_config": status.supports_multi_config,
        "extension_status": None,
    }
    return json.dumps(document).encode("ascii")


def parse_handler_status(body: bytes) -> HandlerStatus:
    """Read ``config/HandlerStatus``, this agent's or another's. Raises: MalformedDocument."""
    root = jsondoc.parse(body, HANDLER_STATUS)
    if not isinstance(root, dict):
        raise MalformedDocument(HANDLER_STATUS, "the document is not an object")
    code = root.get("code", 0)
    if isinstance(code, bool) or not isinstance(code, int):
        raise MalformedDocument(HANDLER_STATUS, "code is not a whole number")
    message = scalar_text(root.get("message"), HANDLER_STATUS, "message")
    return HandlerStatus(
        name=_text(root, "name", HANDLER_STATUS),
        version=_text(root, "version", HANDLER_STATUS),
        status=_text(root, "status", HANDLER_STATUS),
        code=code,
        message=None if message is None else Message(message=message),
        supports_multi_config=root.get("supports_multi_config") is True,
    )


def _text(members: dict[str, Any], member: str, document: str, where: str = "") -> str:
    value = members.get(member)
    if isinstance(value, str):
        return value
    place = f"{where}.{member}" if where else member
    raise MalformedDocument(document, f"{place} is missing or not text")
