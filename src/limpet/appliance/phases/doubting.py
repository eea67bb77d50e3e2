"""Where to begin when the journal is damaged: what it may not say any more is looked for on the machine.

Decision: docs/decisions/0025-journal-damage.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.inventory import given, nics_of
from limpet.appliance.phases.booting import note_identity, note_nics
from limpet.appliance.phases.handing import NETWORK_OS, has_nics
from limpet.appliance.states import State
from limpet.guest.fabric_lease import Holder
from limpet.guest.namespaces import HOST
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from limpet.appliance.appliance import Appliance


def settle(appliance: Appliance) -> None:
    """Note again what a record may be missing of: who has the fabric lease, the NICs, and which VM this is."""
    doubted = appliance.chronicle.doubted
    try:
        if "grant" in doubted:
            appliance.lease.restore(known=False, doubted=True)
        if "nics" in doubted:
            _nics(appliance)
        if "identity" in doubted:
            note_identity(appliance)
    except HostError as error:
        appliance.machine.log.warning("journal.doubted", problem=error)


def beginning_in_doubt(appliance: Appliance) -> State:
    """Where to begin when the last state may be missing: by who has the fabric lease and where the NICs are.

    The guest shell gets the lease when every NIC is with the network OS, and loses it before one is taken back.
    """
    chronicle = appliance.chronicle
    try:
        seen = appliance.look()
        places = {nic.mac: {place for place, _ in seen.of_mac(nic.mac)} for nic in chronicle.nics}
        handed_over = bool(places) and all(each - {HOST} for each in places.values())
        if handed_over and chronicle.vm_id is not None and appliance.lease.holder is Holder.GUEST_SHELL:
            appliance.site()
            return State.CONFIRMING
        away = any(not places[mac] for mac in chronicle.moved if mac in places)
    except HostError:
        away = False
    if away or has_nics(appliance) or chronicle.state in {State.HANDING_OVER, State.ROLLING_BACK}:
        return State.ROLLING_BACK
    return State.BOOTING


def _nics(appliance: Appliance) -> None:
    """What the network OS has belongs to the inventory, also when it came last; without any, the boot stage finds it."""
    if not appliance.chronicle.nics and not has_nics(appliance):
        return
    there = given(appliance.look(), NETWORK_OS)
    known = appliance.chronicle.nics
    macs = {nic.mac for nic in known}
    others = [nic for nic in nics_of(there, appliance.config, None) if nic.mac not in macs]
    added = [
        type(nic)(name=nic.name, mac=nic.mac, primary=False, device=nic.device, vf=nic.vf) for nic in others
    ]
    note_nics(appliance, [*added, *known], again=True)
    for nic in appliance.chronicle.nics:
        if nic.mac not in appliance.chronicle.moved and any(there.of_mac(nic.mac)):
            appliance.note("move", mac=nic.mac, name=nic.name, to="network OS")
