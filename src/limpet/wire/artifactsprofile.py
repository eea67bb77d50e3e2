"""The artifacts profile blob, of which only "on hold" is used. Source: wire-protocol.md §13."""

from __future__ import annotations

import json
from dataclasses import dataclass

from limpet.wire import jsondoc

DOCUMENT = "artifacts profile"


@dataclass(frozen=True, slots=True)
class ArtifactsProfile:
    """Whether the fabric asks not to process extensions yet."""

    on_hold: bool = False


def parse_artifacts_profile(body: bytes) -> ArtifactsProfile:
    """Read the blob; page padding is stripped, an empty blob holds nothing.

    Raises: MalformedDocument. Values of `onHold` other than true (or that word) do not hold.
    """
    stripped = body.rstrip(b" \n\r\t\0")
    if not stripped:
        return ArtifactsProfile()
    members = jsondoc.an_object(jsondoc.parse(stripped, DOCUMENT), DOCUMENT)
    on_hold = jsondoc.find(members, "onHold")
    return ArtifactsProfile(on_hold is True or (isinstance(on_hold, str) and on_hold.lower() == "true"))


def render_artifacts_profile(profile: ArtifactsProfile) -> bytes:
    """The blob `parse_artifacts_profile` reads."""
    return json.dumps({"onHold": profile.on_hold}).encode()
