"""HealthService: what the agent saw of the host's services. Source: wire-protocol.md §9."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.model.errors import MalformedDocument
from limpet.model.health import Observation
from limpet.wire import jsondoc
from limpet.wire.http import MIB, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT = "HealthService report"
PATH = "/HealthService"
MOST_OBSERVATIONS = 10
NAME_LIMIT = 64
TEXT_LIMIT = 128


def observations_request(endpoint: str, observations: Sequence[Observation]) -> Request:
    """Ask to send observations: at most ten, the texts cut to what the service takes."""
    document = {
        "Api": "reporttargethealth",
        "Version": "1.0",
        "Source": "WALinuxAgent",
        "Observations": [
            {
                "ObservationName": observation.name[:NAME_LIMIT],
                "IsHealthy": observation.healthy,
                "Description": observation.description[:TEXT_LIMIT],
                "Value": observation.value[:TEXT_LIMIT],
            }
            for observation in observations[:MOST_OBSERVATIONS]
        ],
    }
    # The peer writes this one URL with its port; the others without.
    authority = endpoint if ":" in endpoint else f"{endpoint}:80"
    return Request(
        method="POST",
        url=f"http://{authority}{PATH}",
        headers={"Content-Type": "application/json"},
        body=json.dumps(document).encode("ascii"),
        limit=MIB,
    )


def parse_observations(body: bytes) -> tuple[Observation, ...]:
    """Read a report of observations. Raises: MalformedDocument."""
    root = jsondoc.parse(body, DOCUMENT, limit=MIB)
    found = root.get("Observations") if isinstance(root, dict) else None
    if not isinstance(found, list):
        raise MalformedDocument(DOCUMENT, "Observations is missing or not an array")
    return tuple(_observation(entry, f"Observations[{index}]") for index, entry in enumerate(found))


def _observation(entry: Any, where: str) -> Observation:
    if not isinstance(entry, dict):
        raise MalformedDocument(DOCUMENT, f"{where} is not an object")
    name, healthy = entry.get("ObservationName"), entry.get("IsHealthy")
    if not isinstance(name, str) or not name:
        raise MalformedDocument(DOCUMENT, f"{where}.ObservationName is missing or not text")
    if not isinstance(healthy, bool):
        raise MalformedDocument(DOCUMENT, f"{where}.IsHealthy is missing or not a boolean")
    return Observation(
        name=name,
        healthy=healthy,
        description=_text(entry, "Description", where),
        value=_text(entry, "Value", where),
    )


def _text(entry: dict[str, Any], member: str, where: str) -> str:
    value = entry.get(member)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MalformedDocument(DOCUMENT, f"{where}.{member} is not text")
    return value
