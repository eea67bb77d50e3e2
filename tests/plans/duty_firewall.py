"""The rules for the wire server. wanted: endpoint, or nothing for their removal; without_nft: nft has failed before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limpet.guest.firewall import plan as plan_rules
from limpet.guest.firewall import removal
from limpet.host.facts.firewall import look

if TYPE_CHECKING:
    from limpet.guest.steps import Task
    from limpet.host.fake import FakeMachine

AREAS = ("firewall",)


def plan(machine: FakeMachine, wanted: dict[str, Any]) -> list[Task]:
    endpoint = wanted.get("endpoint")
    facts = look(
        machine.commands,
        machine.files,
        nft=not wanted.get("without_nft", False),
        everywhere=endpoint is None,
    )
    return [removal(facts) if endpoint is None else plan_rules(endpoint, facts)]
