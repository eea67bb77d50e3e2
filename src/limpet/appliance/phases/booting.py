"""BOOTING: the boot stage provisions the VM, or finds that it is provisioned; then its facts become the journal's."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from limpet.appliance.inventory import nics_of, with_colons
from limpet.appliance.states import Event
from limpet.guest.fabric_lease import Holder
from limpet.guest.identity import vm_id_of
from limpet.guest.lease import render_lease
from limpet.guest.marker import NO_ID, Standing, another_vm, judge_marker
from limpet.host import reported
from limpet.host.facts import identity, leases, marker
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.appliance.appliance import Appliance
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic
    from limpet.host.ports import Completed

USUAL = 20.0
"""When the boot stage takes longer, it is said, seconds."""
_UNREPORTED, _FAILED = "unreported: ", "failed: "
"""What the boot stage's words begin with: when all is in place and only the fabric could not be told, and else."""
LONGEST = 1800.0
"""How long the boot stage may take, seconds; its own limits are far below."""


def boot(appliance: Appliance) -> Event:
    """Run the boot stage and note what later stages need (R1, R2, R3). Raises: Stopped."""
    try:
        problem = _run(appliance)
    except HostError as error:
        problem = f"the boot stage was not run: {error}"
    vm_id = note_identity(appliance)
    if vm_id is None:
        return _not_provisioned(
            appliance, problem or "this VM is not provisioned, and the boot stage did not say why"
        )
    try:
        note_network(appliance, appliance.look())
    except HostError as error:
        return _not_provisioned(appliance, str(error))
    appliance.unprovisioned = 0
    if appliance.chronicle.handover.attempts >= appliance.config.attempts:
        appliance.with_problem(
            f"the handover failed {appliance.chronicle.handover.attempts} times; `limpet appliance retry` tries it again"
        )
        return Event.HELD
    appliance.with_problem(
        problem
    )  # such as that the fabric could not be told: a status-only agent goes on with that (F16)
    return Event.PROVISIONED


def _not_provisioned(appliance: Appliance, problem: str) -> Event:
    appliance.with_problem(problem)
    appliance.unprovisioned += 1
    return Event.NOT_PROVISIONED


def _run(appliance: Appliance) -> str | None:
    """Run it to its end; gives what it complained of."""
    if appliance.status_agent is not None:
        appliance.end_status_agent()
    else:
        appliance.lease.revoke()
    appliance.lease.grant(Holder.BOOT)
    child = appliance.machine.children.start("limpet.boot.main", *appliance.options, *_day_zero(appliance))
    ended = appliance.await_end(child, USUAL)
    if not ended:
        appliance.with_problem("the boot stage still waits for something: its log says for what")
        ended = appliance.await_end(child, LONGEST - USUAL)
    if not ended:
        child.kill()
    appliance.lease.revoke()
    done = child.ended()
    if done is not None and done.exit_code == 0:
        return None
    problem = _said(done)
    appliance.machine.log.warning("boot.failed", problem=problem)
    return problem


def _said(done: Completed | None) -> str:
    """Why it has not ended well, in its own words."""
    told = (done.stdout if done else b"").decode("utf-8", "replace").strip().splitlines()
    if told and told[0].startswith(_UNREPORTED):
        return told[0].removeprefix(_UNREPORTED)[:300]
    if told and told[0].startswith(_FAILED):
        return f"the boot stage failed: {told[0].removeprefix(_FAILED)[:600]}"
    said = (done.stderr if done else b"").decode("utf-8", "replace").strip().splitlines()
    return f"the boot stage failed: {said[-1][:300] if said else 'it said nothing'}"


def _day_zero(appliance: Appliance) -> tuple[str, str]:
    """Have the boot stage give custom data, user and keys to the network OS, before it notes the VM as provisioned."""
    words = ("--set", f"appliance.network_os={appliance.network_os.name}", *appliance.options)
    return "--set", f"custom_data.network_os={shlex.join(words)}"


def note_identity(appliance: Appliance) -> str | None:
    """The VM's id where it is provisioned, noted with what the fabric has heard; None where it is not."""
    machine, config = appliance.machine, appliance.config
    try:
        vm_id = vm_id_of(identity.look(machine.files, machine.commands))
    except HostError:
        vm_id = None
    verdict = judge_marker(marker.look(machine.files, config.library), vm_id)
    if verdict.standing not in {Standing.PROVISIONED, Standing.ADOPTED}:
        return None
    known = vm_id or (verdict.marker.vm_id if verdict.marker else None)
    if known is None:
        return None  # R3: an id that cannot be read is no id
    before = appliance.chronicle.vm_id
    if before is not None and known == NO_ID:
        known = before  # the firmware gives no id for now
    if before is not None and another_vm(before, known):
        machine.log.warning("appliance.cloned", before=before, now=known)
        appliance.note("guest", failures=[], instance=None, discard=True)
    accepted = reported.accepted_in_this_boot(machine.files)
    lease = leases.saved_lease(appliance.machine.files)
    appliance.note(
        "identity",
        vm_id=known,
        ready=reported.ready_is_known(machine.files),
        container_id=next(
            (found for each in reversed(accepted) if (found := getattr(each, "container_id", None))),
            appliance.chronicle.container_id,
        ),
        wire_server=config.fabric_endpoint
        or (str(lease.wire_server) if lease and lease.wire_server else None),
    )
    return known


def note_network(appliance: Appliance, seen: Seen) -> None:
    """The inventory, as Linux has it now, and the lease (F12). Raises: HostError, also when there is no NIC."""
    lease, *others = leases.saved_leases(appliance.machine.files) or (None,)
    nics = nics_of(seen, appliance.config, None if lease is None else with_colons(lease.mac))
    if not nics:
        raise HostError("Linux has no NIC that the network OS could get")
    if lease is not None and not _is_of_another_time(appliance, lease, seen):
        appliance.note("lease", mac=with_colons(lease.mac), lease=json.loads(render_lease(lease)))
    for each in others:
        if _is_news(appliance, each, nics):
            appliance.note("lease", mac=with_colons(each.mac), lease=json.loads(render_lease(each)))
    note_nics(appliance, nics)


def _is_news(appliance: Appliance, saved: AcquiredLease, nics: Sequence[Nic]) -> bool:
    """Whether a lease that boot got for another NIC than the primary one can be used, and the journal has no newer one."""
    mac = with_colons(saved.mac)
    known = appliance.chronicle.leases.get(mac)
    there = any(nic.mac == mac and not nic.primary for nic in nics)
    return (
        there
        and saved.holds(appliance.machine.clock.now())
        and (known is None or known.obtained < saved.obtained)
    )


def _is_of_another_time(appliance: Appliance, saved: AcquiredLease, seen: Seen) -> bool:
    """Whether the NIC has the address of the journal's lease, and not that of boot's, which found the network up and did not ask."""
    mac = with_colons(saved.mac)
    known = appliance.chronicle.leases.get(mac)
    here = {address.ip for _, link in seen.of_mac(mac) for address in link.addresses}
    return known is not None and known.address in here and saved.address not in here


def note_nics(appliance: Appliance, nics: Sequence[Nic], *, again: bool = False) -> None:
    """Write the inventory into the journal when it is another one than before, or `again`."""
    if tuple(nics) == appliance.chronicle.nics and not again:
        return
    appliance.note(
        "nics",
        nics=[
            {"name": nic.name, "mac": nic.mac, "primary": nic.primary, "device": nic.device, "vf": nic.vf}
            for nic in nics
        ],
    )
