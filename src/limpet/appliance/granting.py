"""The supervisor's side of the fabric lease: granted to one stage at a time, and never before the last one has let go of it.

The other side, that of who talks, is `limpet.agent.lease`; what both rely on is told in `limpet.guest.fabric_lease`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.fabric_lease import EXCHANGE, GRANT, LARGEST, Grant, Holder, parse_grant, render_grant
from limpet.host.facts.reading import bytes_of
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.appliance.machine import Machine

PATIENCE = 5.0
"""How long a holder has to let go when it is asked to, seconds; then it is ended."""
_AFTER_THE_END = 5.0


class FabricLease:
    """Notes each grant in the journal before it takes effect, so that an epoch is never used twice."""

    def __init__(
        self, machine: Machine, note: Callable[[Holder, int], None], *, holder: Holder, epoch: int, boot: str
    ) -> None:
        """holder, epoch: as the journal has them. note: writes a grant into it."""
        self._machine = machine
        self._note = note
        self._boot = boot
        self.holder = holder
        self.epoch = epoch

    def revoke(self) -> None:
        """Nobody has it afterwards. Raises: HostError, when somebody does not let go."""
        lock = self._machine.fabric_lock
        if self.holder is not Holder.NOBODY:
            self._write(Holder.NOBODY)
        if lock.take(timeout=PATIENCE):
            return
        self._machine.log.warning("fabric_lease.forced", epoch=self.epoch)
        lock.end_holder()
        if not lock.take(timeout=_AFTER_THE_END):
            raise HostError("whoever talks to the fabric does not let go of its lock, even when it is killed")

    def grant(self, holder: Holder) -> None:
        """`holder` has it from now on, under a new epoch. The lock must be ours: `revoke` comes before. Raises: HostError."""
        if not self._machine.fabric_lock.take(timeout=0.0):
            raise HostError(f"the fabric lease cannot go to {holder.value}: somebody still has it")
        self._write(holder)
        self._machine.fabric_lock.give()

    def restore(self, *, known: bool, doubted: bool = False) -> None:
        """Write the grant that the journal has, after the supervisor was started anew. Raises: HostError.

        A grant of this boot with a later epoch counts: the journal could not be written when it was made, or has been lost.
        known: whether the journal's is of this boot. doubted: whether one after it may be missing; then the file says who has it,
        which is written after the journal, and without it nobody has.
        """
        content = bytes_of(self._machine.files, EXCHANGE / GRANT, at_most=LARGEST)
        try:
            found = None if content is None else parse_grant(content)
        except MalformedDocument:
            found = None
        if found is not None and found.boot == self._boot and (doubted or found.epoch > self.epoch):
            self.holder, self.epoch = found.holder, found.epoch
            self._note(found.holder, found.epoch)
        elif doubted:
            self._write(Holder.NOBODY)
            return
        elif not known:
            return
        self._put(Grant(holder=self.holder, epoch=self.epoch, boot=self._boot))

    def _write(self, holder: Holder) -> None:
        epoch = self.epoch + 1
        self._note(holder, epoch)
        self.holder, self.epoch = holder, epoch
        self._put(Grant(holder=holder, epoch=epoch, boot=self._boot))
        self._machine.log.info("fabric_lease.granted", holder=holder.value, epoch=epoch)

    def _put(self, grant: Grant) -> None:
        files = self._machine.files
        files.make_folder(EXCHANGE)
        files.replace(EXCHANGE / GRANT, render_grant(grant), durable=False)
