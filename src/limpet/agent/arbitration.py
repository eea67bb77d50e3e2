"""Which of two goal states counts: the wire server's (Fabric) or the host plugin's (FastTrack). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.extensions import Source

if TYPE_CHECKING:
    from limpet.model.extensions import ExtensionsGoalState


def choose(
    *,
    active: ExtensionsGoalState | None,
    fabric: ExtensionsGoalState | None,
    fast_track: ExtensionsGoalState | None,
) -> ExtensionsGoalState | None:
    """Give the goal state that becomes active, or None when `active` stays.

    fabric: only when its incarnation is new. fast_track: the newest vmSettings, whether new or not; a
    Fabric-sourced one is ignored, because its certificates come with the wire server's. The newer creation time
    counts, Fabric on a tie with a new incarnation, and an older candidate never replaces the active one.
    Source: wire-protocol.md §5.5.
    """
    if fast_track is not None and fast_track.source is Source.FABRIC:
        fast_track = None
    candidate = fabric
    if fast_track is not None and (fabric is None or fast_track.created > fabric.created):
        candidate = fast_track
    if candidate is None or (active is not None and candidate.id == active.id and candidate == active):
        return None
    if active is not None and candidate.created < active.created:
        return None
    return candidate
