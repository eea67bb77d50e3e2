"""What `limpet show` says to a person."""

from __future__ import annotations

from typing import Any

from limpet.appliance.chronicle import Chronicle
from limpet.appliance.commands.show_words import as_text
from limpet.appliance.guest.wanted import DISABLED
from limpet.appliance.show import remembered
from limpet.appliance.states import State

STEADY: dict[str, Any] = {
    "stage": "steady",
    "words": "the guest shell talks",
    "since": 100.0,
    "supervised": True,
    "fabricLease": {"holder": "guest-shell", "epoch": 5},
    "guestShell": {"runtime": "lxc", "state": "running", "restarts": 1, "problem": None},
    "lease": {"address": "10.0.0.4/24", "gateway": None, "wireServer": None},
    "handover": {"startedAt": 90.0, "gap": None, "attempts": 2},
    "nics": [
        {
            "name": "a-name-of-15-let",
            "mac": "00:0d:3a:00:00:04",
            "primary": True,
            "owner": "network OS",
            "address": "255.255.255.255/32",
            "up": True,
        }
    ],
}


def test_every_line_fits_a_terminal_and_nothing_that_is_absent_is_named() -> None:
    shown = as_text(STEADY, 130.0, colour=False)
    assert "None" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "restarted once" in shown
    assert "status gap open, 2 failed attempts" in shown
    assert "\033" not in shown


def test_nothing_is_shown_that_a_terminal_obeys() -> None:
    nic = STEADY["nics"][0] | {"name": "\x1b[2J"}
    guest = STEADY["guestShell"] | {"problem": "\x07\x9b31mred\u202e"}
    hostile = {"problem": "no\x1b[31m port\n", "nics": [nic], "guestShell": guest}
    shown = as_text(STEADY | hostile, 130.0, colour=False)
    assert all(line.isprintable() for line in shown.splitlines())
    assert "problem: no [31m port" in shown


def test_that_nobody_supervises_comes_first_with_what_to_do() -> None:
    first, second, *_ = as_text(STEADY | {"supervised": False}, 130.0, colour=False).splitlines()
    assert first.startswith("no supervisor runs; `systemctl start limpet-appliance`")
    assert second.startswith("steady: ")


def test_a_guest_shell_that_an_operator_has_disabled_is_not_said_to_fail() -> None:
    disabled = remembered(Chronicle(state=State.DEGRADED, problem=DISABLED))
    failing = remembered(Chronicle(state=State.DEGRADED, problem="its first process has ended"))
    assert "failing" not in disabled["words"]
    assert failing["words"] == State.DEGRADED.words
