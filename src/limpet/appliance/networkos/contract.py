"""What limpet needs of a network OS: a small contract, all of it plans, that a vendor's driver fulfils. See docs/vendors.md.

Every method is a function from what is wanted (`Site`) and what is seen (`Seen`) to tasks, moves or steps; one interpreter does
them. Planning again when it is done gives nothing; a power cut at any moment leaves what the same plan made anew completes.
Only `health` and `forget` look by themselves. Tests that every driver passes: tests/appliance/networkos/test_contract.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from limpet.appliance.moves import Move
    from limpet.guest.forgetting import Forgetting
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Run, Step, Task
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Commands, Files


class Health(Enum):
    """How a network OS is. WOUNDED: it forwards, and cannot be configured; GONE: its data plane is lost."""

    HEALTHY = "healthy"
    WOUNDED = "wounded"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """problem: what a person should know; None while it is healthy. cause: a word for what `revive` needs, such as a daemon's name."""

    health: Health
    problem: str | None = None
    cause: str | None = None


class NetworkOs(Protocol):
    """One driver."""

    @property
    def name(self) -> str:
        """As the setting appliance.network_os has it."""

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Give it the custom data, once for each VM id (`DayZero.is_done`), with a done marker, under the supervisor's lock."""

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Everything that it needs before its first NIC: namespace, daemons, the guest port, NAT and rule sets."""

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        """Give it a NIC, with its virtual function, whatever the NIC must be called there."""

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Give the NIC back to Linux, under the name that it had there, up and without addresses; nothing when Linux has it."""

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Bring a claimed NIC up with the address and routes of its lease; the primary one with NAT for the guest."""

    def protect(self, site: Site) -> tuple[Step, ...]:
        """Its owned rule sets, whole, each replaced at once; nobody else's are touched (R8)."""

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        """How it is. Without `deep` no process is started: that look is made twice a second."""

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        """Get it going again, without losing a route where the data plane still forwards (F4)."""

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """End it, when it has no NIC any more, and take away what `start` made."""

    def forget(self, files: Files) -> Forgetting:
        """Forget what belongs to this one VM, so that a copy of the disk is another appliance.

        That is all that `day_zero` has made, its done marker included, and what custom data configured; an image's own configuration
        stays. It may still run, with all NICs, and goes on: the machine is switched off next. Done again, it forgets what is left.
        """

    def command(self, line: str) -> Run:
        """Have it do one line of its own command language (the guest's `limpet-cli`, R13)."""
