"""Which folders of the host are seen inside a guest shell, and where: the exchange folder, the flash, those that outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest.contract import Bind
from limpet.appliance.guest.layout import PERSISTENT, Layout
from limpet.guest.agent_news import NEWS
from limpet.guest.fabric_lease import EXCHANGE, IN_THE_GUEST

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.appliance.guest.contract import ShellPlan

SHARE = "guest-share"


def exchange() -> tuple[Bind, ...]:
    """The folder in which the stages meet: to be read inside, but for the folder that the agent writes its news to.

    The lock file can be locked all the same: flock(2) asks for no more than a descriptor to read by.
    """
    news = EXCHANGE / NEWS
    out = news.parent.name
    return (
        Bind(source=EXCHANGE, target=IN_THE_GUEST, read_only=True),
        Bind(source=EXCHANGE / out, target=IN_THE_GUEST / out, news=news),
    )


def flash(folder: Path, limit: int = 0) -> Bind:
    """The part of the appliance's flash that is shared. folder: such as /bootflash. limit: bytes, 0 for no bound."""
    return Bind(source=folder / SHARE, target=folder / SHARE, limit=limit)


def all_of(plan: ShellPlan) -> tuple[Bind, ...]:
    """The folders that stay, then those of the plan, which may put another one in such a place."""
    taken = {bind.target for bind in plan.binds}
    state = Layout.of(plan).state
    own = (Bind(source=state / name, target=place) for name, place, _ in PERSISTENT if place not in taken)
    return (*own, *plan.binds)
