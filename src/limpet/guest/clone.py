"""What a clone must forget of the VM it was made of, before it is provisioned anew. Source: guest-setup.md §A.9.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.guest.lease import SAVED_LEASE
from limpet.guest.steps import Remove, Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_IN_LIBRARY = re.compile(
    r"HostingEnvironmentConfig\.xml|Incarnation|partition|Protocol|SharedConfig\.xml|WireServerEndpoint|published_hostname"
    r"|fast_track\.json|initial_goal_state|waagent_rsm_update|waagent_initial_update|waagent-network-setup\.py"
    r"|Extensions\..*\.xml|ExtensionsConfig\..*\.xml|GoalState\..*\.xml"
)
_IN_HANDLER = re.compile(r"status/[^/]+\.status|config/[^/]+\.settings|config/HandlerStatus|mrseq")


@dataclass(frozen=True, kw_only=True, slots=True)
class CloneFacts:
    """in_library: names in the library folder; in_handlers: files of each handler, relative to the library.

    leases: lease files of DHCP clients; saved_lease: whether there is one of ours. peer: what another agent made of
    systemd's files: its network setup, and the limits that the other VM's size gave it.
    """

    in_library: Sequence[str] = ()
    in_handlers: Sequence[str] = ()
    leases: Sequence[Path] = ()
    saved_lease: bool = False
    peer: Sequence[Path] = ()


def plan_forgetting(facts: CloneFacts, library: Path) -> Task:
    """Remove goal states, statuses, settings and leases of the other VM; handlers stay installed, users and keys stay."""
    gone = [library / name for name in facts.in_library if _IN_LIBRARY.fullmatch(name)]
    for name in facts.in_handlers:
        _, _, inner = name.partition("/")
        if _IN_HANDLER.fullmatch(inner):
            gone.append(library / name)
    gone += facts.leases
    if facts.saved_lease:
        gone.append(SAVED_LEASE)
    gone += facts.peer
    return Task(
        name="clone",
        purpose="forget the VM that this disk was copied from",
        steps=tuple(Remove(path=path) for path in gone),
        required=False,
        advice="Remove the files by hand.",
    )
