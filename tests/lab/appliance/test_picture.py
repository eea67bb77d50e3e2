from __future__ import annotations

import json
import zlib
from typing import Any

from limpet.lab.appliance.picture import OWNERS, Storyteller, records
from limpet.lab.timeline.moments import Moment, Tone

NICS = [
    {"name": "eth1", "mac": "1", "primary": False},
    {"name": "eth2", "mac": "2", "primary": False},
    {"name": "eth0", "mac": "0", "primary": True},
]
BOOT = (
    ("state", {"state": "booting"}),
    ("grant", {"holder": "boot", "epoch": 1}),
    ("grant", {"holder": "nobody", "epoch": 2}),
    ("nics", {"nics": NICS}),
    ("state", {"state": "preparing"}),
    ("grant", {"holder": "status-only", "epoch": 3}),
)
HANDOVER = (
    ("state", {"state": "handing-over"}),
    ("move", {"name": "eth1", "mac": "1", "to": "network OS"}),
    ("move", {"name": "eth2", "mac": "2", "to": "network OS"}),
    ("grant", {"holder": "nobody", "epoch": 4}),
    ("move", {"name": "eth0", "mac": "0", "to": "network OS"}),
    ("state", {"state": "confirming"}),
    ("grant", {"holder": "guest-shell", "epoch": 5}),
    ("state", {"state": "steady"}),
)
ROLLED_BACK = (
    ("state", {"state": "handing-over"}),
    ("move", {"name": "eth1", "mac": "1", "to": "network OS"}),
    ("move", {"name": "eth2", "mac": "2", "to": "network OS"}),
    ("state", {"state": "rolling-back", "problem": "eth2 is refused"}),
    ("grant", {"holder": "nobody", "epoch": 4}),
    ("move", {"name": "eth0", "mac": "0", "to": "linux"}),
    ("grant", {"holder": "status-only", "epoch": 5}),
    ("move", {"name": "eth1", "mac": "1", "to": "linux"}),
    ("state", {"state": "rescue", "problem": "eth2 is refused"}),
)


def record(number: int, kind: str, facts: Any, *, boot: str = "one") -> dict[str, Any]:
    return {"number": number, "at": float(number), "boot": boot, "kind": kind, "facts": facts}


def told(*parts: Any, boots: tuple[str, ...] = ("one",)) -> list[Moment]:
    teller = Storyteller(("eth0", "eth1", "eth2"))
    found = []
    number = 0
    for boot, part in zip(boots, parts, strict=False):
        for kind, facts in part:
            number += 1
            if moment := teller.moment(record(number, kind, facts, boot=boot)):
                found.append(moment)
    return found


def rows(moments: list[Moment]) -> list[str]:
    """Stage where it is new, what Linux has, what the network OS has, the holder."""
    return [
        " ".join(
            [
                moment.facts["stage"] if moment.facts["newStage"] else "-",
                "+".join(
                    f"{each}{'>' if each == moment.facts['moving'] else ''}" for each in moment.facts["linux"]
                ),
                "|",
                "+".join(moment.facts["networkOs"]),
                moment.facts["holder"],
            ]
        )
        for moment in moments
    ]


def test_a_handover_is_one_row_for_each_thing_that_goes_to_somebody_else() -> None:
    assert rows(told(BOOT + HANDOVER)) == [
        "booting eth0+eth1+eth2 |  boot",
        "preparing eth0+eth1+eth2 |  status-only",
        "handing-over eth0+eth1>+eth2 |  status-only",
        "- eth0+eth2> | eth1 status-only",
        "- eth0> | eth1+eth2 nobody",
        "confirming  | eth0+eth1+eth2 guest-shell",
        "steady  | eth0+eth1+eth2 guest-shell",
    ]


def test_a_nic_that_was_refused_has_never_been_with_the_network_os() -> None:
    moments = told(BOOT + ROLLED_BACK)
    assert rows(moments)[3:] == [
        "- eth0+eth2> | eth1 status-only",
        "rolling-back eth0+eth2 | eth1 status-only",
        "- eth0+eth1+eth2 |  status-only",
        "rescue eth0+eth1+eth2 |  status-only",
    ]
    assert moments[4].tone is Tone.BAD
    assert moments[-1].facts["problem"] == "eth2 is refused"


def test_after_a_power_cut_linux_has_every_nic_and_nobody_the_lease() -> None:
    assert rows(told(BOOT + HANDOVER, BOOT[:2], boots=("one", "two")))[-1] == "booting eth0+eth1+eth2 |  boot"


def test_a_repair_that_gives_nothing_to_anybody_is_two_rows() -> None:
    repair = (
        ("state", {"state": "repairing"}),
        ("state", {"state": "confirming"}),
        ("state", {"state": "steady"}),
    )
    assert [each.split()[0] for each in rows(told(BOOT + HANDOVER + repair))[-2:]] == ["repairing", "steady"]


def test_records_of_no_interest_are_no_moments() -> None:
    assert told((("lease", {"mac": "0"}), ("guest", {"instance": "x"}), ("identity", {"vm_id": "y"}))) == []


def test_a_moment_says_all_of_it_in_words() -> None:
    moment = told(BOOT + HANDOVER)[2]
    assert moment.kind == OWNERS
    assert moment.what == (
        "handing-over: Linux has eth0 eth1 eth2, the network OS none, eth1 on its way; fabric lease: status-only"
    )


def line(number: int) -> bytes:
    body = json.dumps(record(number, "state", {"state": "steady"})).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def test_a_journal_that_is_being_written_is_read_as_far_as_it_is_whole() -> None:
    content = line(1) + line(2) + line(3)
    for cut in range(len(content)):
        whole = [int(each["number"]) for each in records(content[:cut], 0)]
        assert whole == list(range(1, content[:cut].count(b"\n") + 1))


def test_records_that_are_known_are_left_out() -> None:
    assert [each["number"] for each in records(line(1) + line(2) + line(3), 2)] == [3]
