"""What a boot of an appliance in a VM took, and what its guest shell uses: figures for people, from the VM's own clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.lab.clock import now
from limpet.lab.vm.appliance import GUEST_GROUP, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from limpet.lab.vm.appliance import Record, VmAppliance

# Each a line: a word and numbers.
LOOK = f"""\
echo boot $(cat /proc/sys/kernel/random/boot_id)
echo now $(date +%s.%N) $(cut -d' ' -f1 /proc/uptime)
echo unit $(systemctl show --property=ExecMainStartTimestampMonotonic --value {UNIT})
echo active $(systemctl show --property=ActiveEnterTimestampMonotonic --value {UNIT})
echo supervisor $(awk '/^Pss:/ {{print $2}}' /proc/$(systemctl show --property=MainPID --value {UNIT})/smaps_rollup)
echo guest $(cat {GUEST_GROUP}/memory.current {GUEST_GROUP}/memory.peak)
echo volume $(df --output=used -k /var/lib/limpet/guest/volume | tail -n 1)
echo image $(stat -c %s /opt/guest-shell/image.squashfs)
echo root $(df --output=used -k / | tail -n 1)
"""
MEGABYTE = 1_000_000


def figures(made: VmAppliance) -> Iterator[str]:
    """Lines. Raises: LabError, ValueError, when the VM does not say what it is asked."""
    seen = {line.split()[0]: line.split()[1:] for line in made.machine.told(LOOK).splitlines()}
    boot = seen["boot"][0]
    skew = now() - float(seen["now"][0])
    offset = float(seen["now"][0]) - float(seen["now"][1])
    began = float(seen["unit"][0]) / 1e6 + offset
    records = [each for each in made.journal() if each.boot == boot]
    yield f"kernel start -> unit start {began - offset:.1f} s"
    ready = [
        each["at"] - skew
        for each in made.rack.world.provisioning(made.name)["reports"]
        if each["words"] == "Ready"
    ]
    for at in ready[-1:]:
        yield f"unit start -> Ready accepted {at - began:.1f} s"
    for name, at in _story(records, float(seen["active"][0]) / 1e6 + offset):
        yield f"unit start -> {name} {at - began:.1f} s"
    gap = next((each.facts["gap"] for each in reversed(records) if each.facts.get("gap") is not None), None)
    yield f"status gap: {'unknown' if gap is None else f'{gap:.2f} s'}"
    held, peak = (int(each) / MEGABYTE for each in seen["guest"])
    yield f"guest shell: {held:.1f} MB of memory now, {peak:.1f} MB at most; supervisor {int(seen['supervisor'][0]) / 1000:.1f} MB"
    used, image, root = (int(seen[name][0]) for name in ("volume", "image", "root"))
    yield (
        f"disk: image of the guest shell {image / MEGABYTE:.0f} MB, its volume {used / 1000:.1f} MB, "
        f"the whole system {root / 1000:.0f} MB"
    )


def _story(records: list[Record], active: float) -> Iterator[tuple[str, float]]:
    """What happened, and when by the VM's clock."""
    yield "boot stage ended, unit active", active
    for each in records:
        if each.kind == "state":
            yield str(each.facts["state"]), each.at
    first = _first_report(records)
    if first is not None:
        yield "first status of the guest shell accepted", first


def _first_report(records: list[Record]) -> float | None:
    """Of the gap's two ends, the later one."""
    known: dict[str, float] = {}
    for each in records:
        if each.kind == "handover":
            known |= {name: at for name in ("before", "gap") if (at := _number(each.facts, name)) is not None}
    return known["before"] + known["gap"] if {"before", "gap"} <= known.keys() else None


def _number(facts: Mapping[str, object], name: str) -> float | None:
    found = facts.get(name)
    return float(found) if isinstance(found, (int, float)) else None
