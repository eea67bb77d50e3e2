"""The OpenAPI document, made from the table of operations so that the two cannot differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from limpet import __version__
from limpet.emulator.admin.problems import PROBLEM_SCHEMA
from limpet.emulator.admin.reading import object_schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.emulator.admin.paths import Operation

_PATH_MEMBER = re.compile(r"{(\w+)(?::\w+)?}")
_PATH_MEMBERS = {
    "vm": "the VM's name",
    "rule": "the fault rule's id",
    "service": "wire-server, host-plugin, imds, storage or dhcp",
}
_PROBLEM = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The API as an OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PATH_MEMBER.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "limpet emulator",
            "version": __version__,
            "description": "Ask what VMs did on the emulated fabric, and change what the fabric wants of them.",
        },
        "paths": paths,
        "components": {"schemas": {"Problem": PROBLEM_SCHEMA}},
    }


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.about,
        "parameters": _parameters(operation),
        "responses": _responses(operation),
    }
    if operation.members is not None:
        found["requestBody"] = {
            "required": any(member.required for member in operation.members),
            "content": {"application/json": {"schema": object_schema(operation.members)}},
        }
    elif operation.upload is not None:
        schema = {"type": "string", "contentMediaType": operation.upload}
        found["requestBody"] = {"required": True, "content": {operation.upload: {"schema": schema}}}
    return found


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_MEMBERS[name],
            "schema": {"type": "string"},
        }
        for name in _PATH_MEMBER.findall(operation.path)
    ]
    for parameter in operation.parameters:
        schema: dict[str, Any] = {"type": parameter.type}
        if parameter.default is not None:
            schema["default"] = parameter.default
        found.append(
            {
                "name": parameter.name,
                "in": "query",
                "required": parameter.required,
                "description": parameter.about,
                "schema": schema,
            }
        )
    return found


def _responses(operation: Operation) -> dict[str, Any]:
    media = operation.stream or "application/json"
    found: dict[str, Any] = {
        str(status): {"description": meaning, "content": {media: {}}}
        for status, meaning in operation.answers.items()
    }
    found["default"] = {"description": "it could not be done", **_PROBLEM}
    return found
