"""HandlerManifest.json: what a handler's package promises. Source: extensions.md §1.2, §8.5."""

from __future__ import annotations

from typing import Any

from limpet.model.errors import MalformedDocument
from limpet.model.manifest import HandlerManifest, Operation, ResourceLimits, ServiceLimits
from limpet.wire import jsondoc

DOCUMENT = "HandlerManifest.json"
_UPDATE_WITH_INSTALL = "updatewithinstall"


class NoManifest(MalformedDocument):
    """JSON, but not of a manifest. It has another code than what is no JSON."""


def parse_handler_manifest(body: bytes) -> HandlerManifest:
    """Read a handler's manifest.

    Commands are taken as they are; those that are blank or not text count as absent, which matters when they are needed.
    Limits and signing information are informative: what cannot be read of them is left out.
    Raises: NoManifest; MalformedDocument.
    """
    root = jsondoc.parse(body, DOCUMENT)
    if not isinstance(root, list) or not root or not isinstance(root[0], dict):
        raise NoManifest(DOCUMENT, "the document is not an array that begins with an object")
    inner = root[0].get("handlerManifest")
    if not isinstance(inner, dict):
        raise NoManifest(DOCUMENT, "[0].handlerManifest is missing or not an object")
    update_mode = inner.get("updateMode")
    return HandlerManifest(
        commands=_commands(inner),
        update_with_install=update_mode is None or str(update_mode).casefold() == _UPDATE_WITH_INSTALL,
        continue_on_update_failure=_flag(inner.get("continueOnUpdateFailure")),
        supports_multiple_extensions=_flag(inner.get("supportsMultipleExtensions")),
        report_heartbeat=_flag(inner.get("reportHeartbeat")),
        limits=_limits(root[0].get("resourceLimits")),
        signing_info=_signing_info(root[0].get("signingInfo")),
    )


def _commands(inner: dict[str, Any]) -> dict[Operation, str]:
    commands = {operation: inner.get(f"{operation.value}Command") for operation in Operation}
    return {
        operation: command
        for operation, command in commands.items()
        if isinstance(command, str) and command.strip()
    }


def _flag(value: Any) -> bool:
    """Real packages write booleans as text too; everything that is neither counts as false."""
    return value is True or (isinstance(value, str) and value.casefold() == "true")


def _limits(value: Any) -> ResourceLimits | None:
    if not isinstance(value, dict):
        return None
    services = value.get("services")
    return ResourceLimits(
        cpu_quota_percentage=_quota(value, "cpuQuotaPercentage"),
        memory_quota_mb=_quota(value, "memoryQuotaInMB"),
        services=tuple(
            ServiceLimits(
                name=service["name"],
                cpu_quota_percentage=_quota(service, "cpuQuotaPercentage"),
                memory_quota_mb=_quota(service, "memoryQuotaInMB"),
            )
            for service in (services if isinstance(services, list) else ())
            if isinstance(service, dict) and isinstance(service.get("name"), str) and service["name"]
        ),
    )


def _quota(limits: dict[str, Any], member: str) -> int | None:
    value = limits.get(member)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return int(value)


def _signing_info(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: text for name, text in value.items() if isinstance(text, str)}
