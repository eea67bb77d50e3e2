"""PREPARING: everything that can be done while Linux still has its network, so that only the moves remain (§8.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.guest import images
from limpet.appliance.guest.contract import STORE
from limpet.appliance.guest.layout import Layout
from limpet.appliance.guest.wanted import Wanted, wanted
from limpet.appliance.inventory import usable
from limpet.appliance.phases.continuing import Leases
from limpet.appliance.phases.renewing import failed, renew
from limpet.appliance.shell import brief
from limpet.appliance.states import Event, State
from limpet.appliance.terms import note_terms
from limpet.guest.fabric_lease import EXCHANGE, NEWS_FOLDER
from limpet.guest.marker import another_vm
from limpet.guest.shell_brief import BRIEF, render_brief
from limpet.host.facts.reading import text_of
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.appliance.appliance import Appliance
    from limpet.appliance.guest.contract import ShellPlan

PARKED_WITHIN = 30.0
"""How long the agent in the guest may take until it waits for the fabric lease, seconds, on a usual machine; the handover goes on
without it then."""
FABRIC_WITHIN = 60.0
"""How long a handover is put off while the fabric does not take reports (F8), seconds."""
LEASE_WITHIN = 15.0
"""How long a lease that boot has not kept is waited for before a handover, seconds."""
OWNER = STORE / "vm-id"
"""Whose guest shell it is that is kept there."""
_LOOK_EVERY = 0.05
_USUAL_START = 0.5
"""How long the runtime takes to start the container on a usual machine, at most, seconds."""
SLOWEST = 10.0
"""No machine is waited for longer than this many times the usual."""


def prepare(appliance: Appliance) -> Event:
    """Start the network OS and the guest shell, which wait; report meanwhile. Raises: Stopped."""
    try:
        # What extensions are in the guest shell is in its volume: the status-only agent reports them.
        own_state(appliance)
        _renewing(appliance, _mount)
        untold = f"; {appliance.problem}" if appliance.problem else ""
        appliance.start_status_agent(f"{State.PREPARING.words}{untold}")
        _await_lease(appliance)
        site = usable(appliance.site())
        note_terms(appliance)
        appliance.apply(appliance.network_os.start(site, appliance.look()))
        _renewing(appliance, start_guest)
        _await_parked(appliance)
        _await_fabric(appliance)
    except HostError as error:
        appliance.note("handover", attempts=appliance.chronicle.handover.attempts + 1)
        appliance.with_problem(f"the handover cannot be prepared: {error}")
        return Event.CANNOT_PREPARE
    return Event.PREPARED


def _mount(appliance: Appliance) -> None:
    appliance.apply(appliance.runtime.prepare(appliance.shell(), appliance.guest()))


def _renewing(appliance: Appliance, action: Callable[[Appliance], None]) -> None:
    """Do something with the guest shell; where that fails, the next try finds it made anew (F6). Raises: HostError."""
    try:
        action(appliance)
    except HostError:
        try:
            renew(appliance, failed(appliance) + 1)
        except HostError as error:
            appliance.machine.log.warning("guest.not_renewed", problem=error)
        raise


def start_guest(appliance: Appliance) -> None:
    """Have the guest shell run, as a new instance with a new brief; one that runs goes on. Raises: HostError."""
    machine = appliance.machine
    plan = appliance.shell()
    own_state(appliance)
    sight = appliance.guest()
    if sight.running and sight.instance == appliance.chronicle.instance:
        _write_brief(appliance)
        return
    appliance.apply(appliance.runtime.stop(plan, sight))
    if wanted(machine.files) is Wanted.DISABLED:
        return
    appliance.note("guest", instance=machine.chance.guid())
    _write_brief(appliance)
    plan = _mount_one_that_can_be_led(appliance)
    appliance.note("guest", image=str(plan.image))
    began = machine.clock.monotonic()
    appliance.apply(appliance.runtime.start(plan, appliance.guest()))
    took = machine.clock.monotonic() - began
    appliance.slowness = min(max(1.0, took / _USUAL_START), SLOWEST)


def _mount_one_that_can_be_led(appliance: Appliance) -> ShellPlan:
    """Mount the best image whose agent the supervisor can lead; others are taken out of use (R14). Raises: HostError."""
    while True:
        plan = appliance.shell()
        appliance.apply(appliance.runtime.prepare(plan, appliance.guest()))
        if appliance.config.guest_agent != "limpet":
            return plan
        problem = images.unled(appliance.machine.files, Layout.of(plan).lower)
        if problem is None:
            return plan
        note = images.condemn(appliance.machine.files, problem)
        if note is None:
            raise HostError(problem)
        appliance.machine.log.warning("guest.image_condemned", image=plan.image, problem=problem)
        appliance.do((note,))
        appliance.apply(appliance.runtime.stop(plan, appliance.guest()))


def own_state(appliance: Appliance) -> None:
    """Let go of what another VM's guest shell has kept: the disk was cloned (R3, F13). Raises: HostError.

    Whose it is stands beside it, and not only in the journal, which a full disk may have kept from being written.
    """
    files, vm_id = appliance.machine.files, appliance.chronicle.vm_id
    if vm_id is None:
        return
    owner = text_of(files, OWNER)
    foreign = appliance.chronicle.discard or (owner is not None and another_vm(owner, vm_id))
    # Without a note it is ours when the journal knows of a start: the disk may have been too full for the note.
    strange = owner is None and appliance.chronicle.instance is None and appliance.guest().kept
    if foreign or strange:
        plan = appliance.shell()
        appliance.apply(appliance.runtime.stop(plan, appliance.guest()))
        appliance.apply(appliance.runtime.destroy(plan, appliance.guest()))
        files.remove(OWNER)
    if owner is None or foreign:
        try:
            files.make_folder(OWNER.parent, mode=0o700)
            files.replace(OWNER, f"{vm_id}\n".encode("ascii"))
        except HostError as error:
            appliance.machine.log.warning("guest.owner_not_noted", problem=error)
    if appliance.chronicle.discard:
        appliance.note("guest", discard=False)


def _write_brief(appliance: Appliance) -> None:
    files = appliance.machine.files
    files.make_folder(EXCHANGE / NEWS_FOLDER)
    content = render_brief(brief(appliance.config, appliance.chronicle, appliance.site()))
    files.replace(EXCHANGE / BRIEF, content, durable=False)


def _await_parked(appliance: Appliance) -> None:
    """Until the guest's agent is loaded and waits, which makes the status gap short."""
    if appliance.config.guest_agent != "limpet" or wanted(appliance.machine.files) is Wanted.DISABLED:
        return
    clock = appliance.machine.clock
    patience = PARKED_WITHIN * appliance.slowness
    deadline = clock.monotonic() + patience
    while not appliance.machine.fabric_lock.waiting() and clock.monotonic() < deadline:
        appliance.pause(_LOOK_EVERY)
    if clock.monotonic() >= deadline:
        appliance.machine.log.warning("guest.not_parked", seconds=round(patience))


def _await_lease(appliance: Appliance) -> None:
    """Ask for the primary NIC's lease where boot has kept none: without its address the network OS would reach nobody.

    The disk may have been full, or DHCP have been the image's own. One that is never given keeps nothing from the network OS.
    """
    mac, clock = appliance.site().primary.mac, appliance.machine.clock
    if mac in appliance.chronicle.leases:
        return
    asked = Leases(appliance, at_home=True, first=0.0)
    deadline = clock.monotonic() + LEASE_WITHIN
    while mac not in appliance.chronicle.leases and clock.monotonic() < deadline:
        asked.step()
        appliance.pause(_LOOK_EVERY)
    asked.end()
    if mac not in appliance.chronicle.leases:
        appliance.machine.log.warning("network.no_lease_before_handover", seconds=LEASE_WITHIN)


def _await_fabric(appliance: Appliance) -> None:
    """Until the fabric has taken a report in this state: what fails now would look like the handover's doing (F8)."""
    clock = appliance.machine.clock
    deadline = clock.monotonic() + FABRIC_WITHIN
    while clock.monotonic() < deadline:
        news = appliance.news()
        if news is not None and news.last is not None and news.problem is None:
            return
        appliance.pause(_LOOK_EVERY)
    appliance.machine.log.warning("fabric.silent_before_handover", seconds=FABRIC_WITHIN)
