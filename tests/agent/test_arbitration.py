from __future__ import annotations

import pytest

from limpet.agent.arbitration import choose
from limpet.model.extensions import Channel, ExtensionsGoalState, Source


def fabric(created: str, incarnation: int = 1) -> ExtensionsGoalState:
    return ExtensionsGoalState(
        id=f"incarnation_{incarnation}", channel=Channel.WIRE_SERVER, source=Source.FABRIC, created=created
    )


def fast_track(created: str, etag: int = 1, source: Source = Source.FAST_TRACK) -> ExtensionsGoalState:
    return ExtensionsGoalState(id=f"etag_{etag}", channel=Channel.HOST_PLUGIN, source=source, created=created)


OLD, MID, NEW = "2026-01-01", "2026-02-01", "2026-03-01"


@pytest.mark.parametrize(
    ("active", "from_fabric", "from_fast_track", "chosen"),
    [
        (None, fabric(OLD), None, "incarnation_1"),
        (None, fabric(OLD), fast_track(NEW), "etag_1"),
        (None, fabric(NEW), fast_track(OLD), "incarnation_1"),
        (None, fabric(MID), fast_track(MID), "incarnation_1"),
        (None, None, None, None),
        (None, fabric(OLD), fast_track(NEW, source=Source.FABRIC), "incarnation_1"),
        (fabric(MID), None, fast_track(NEW), "etag_1"),
        (fabric(MID), None, fast_track(OLD), None),
        (fast_track(NEW), fabric(MID, 2), fast_track(NEW), None),
        (fast_track(MID), fabric(NEW, 2), fast_track(MID), "incarnation_2"),
        (fabric(MID), fabric(MID, 2), None, "incarnation_2"),
        (fabric(MID), fabric(MID), None, None),
        (fabric(NEW), fabric(OLD, 2), None, None),
    ],
)
def test_the_newer_goal_state_counts(
    active: ExtensionsGoalState | None,
    from_fabric: ExtensionsGoalState | None,
    from_fast_track: ExtensionsGoalState | None,
    chosen: str | None,
) -> None:
    result = choose(active=active, fabric=from_fabric, fast_track=from_fast_track)
    assert (result.id if result else None) == chosen
