"""udev's persistent names of NICs go out of the way. Source: guest-setup.md §B.6."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.duties.result import Result, applied
from limpet.guest.persistent_names import plan_removal
from limpet.host.facts.persistent_names import look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.duties.result import Hands


def do(wish: Mapping[str, Any], _memory: Mapping[str, Any], hands: Hands) -> Result:
    """Move what is there again."""
    library = Path(wish["library"])
    return applied([plan_removal(look(hands.interpreter.files, library), library)], hands)
