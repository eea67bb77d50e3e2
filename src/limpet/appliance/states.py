"""The states of an appliance, and what leads from one to another: one table, which the supervisor follows and docs/appliance.md draws.

Source: network-appliance.md §8.1, §8.4, §8.5.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where the appliance is. `words` says it as the fabric and operators read it."""

    BOOTING = "booting"
    PREPARING = "preparing"
    HANDING_OVER = "handing-over"
    CONFIRMING = "confirming"
    STEADY = "steady"
    REPAIRING = "repairing"
    DEGRADED = "degraded"
    ROLLING_BACK = "rolling-back"
    RESCUE = "rescue"
    STOPPED = "stopped"

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self]


class Event(Enum):
    """How what is done in a state ends."""

    PROVISIONED = "provisioned"
    NOT_PROVISIONED = "not provisioned"
    HELD = "held"
    PREPARED = "prepared"
    CANNOT_PREPARE = "cannot prepare"
    MOVED = "moved"
    CANNOT_MOVE = "cannot move"
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not confirmed"
    NETWORK_OS_DOWN = "network OS down"
    NETWORK_OS_GONE = "network OS gone"
    GUEST_DOWN = "guest down"
    FABRIC_LOST = "fabric lost"
    REPAIRED = "repaired"
    GUEST_GAVE_UP = "guest gave up"
    NICS_BACK = "NICs back in Linux"
    NICS_AWAY = "NICs not in Linux"
    NIC_ADDED = "NIC added"
    ROLLED_BACK = "rolled back"
    RETRY = "retry"
    DEFECT = "defect"
    """Something happened that nobody thought of, in a driver for instance."""
    STOP = "stop"


_WORDS = {
    State.BOOTING: "boot provisions the VM; Linux has the NICs",
    State.PREPARING: "handover pending: network OS and guest shell are being prepared",
    State.HANDING_OVER: "handover in progress: the NICs go to the network OS",
    State.CONFIRMING: "handed over: the guest shell looks for the fabric",
    State.STEADY: "the guest shell talks to the fabric through the network OS",
    State.REPAIRING: "network OS or guest shell is being restarted",
    State.DEGRADED: "the guest shell keeps failing; a status-only agent reports in its place",
    State.ROLLING_BACK: "the handover is taken back: the NICs return to Linux",
    State.RESCUE: "rolled back: Linux has the NICs, a status-only agent reports",
    State.STOPPED: "the supervisor was stopped; everything goes on as it is",
}

TABLE: dict[tuple[State, Event], State] = {
    (State.BOOTING, Event.PROVISIONED): State.PREPARING,
    (State.BOOTING, Event.NOT_PROVISIONED): State.RESCUE,
    (State.BOOTING, Event.HELD): State.RESCUE,
    (State.PREPARING, Event.PREPARED): State.HANDING_OVER,
    (State.PREPARING, Event.CANNOT_PREPARE): State.RESCUE,
    (State.HANDING_OVER, Event.MOVED): State.CONFIRMING,
    (State.HANDING_OVER, Event.CANNOT_MOVE): State.ROLLING_BACK,
    (State.CONFIRMING, Event.CONFIRMED): State.STEADY,
    (State.CONFIRMING, Event.NOT_CONFIRMED): State.ROLLING_BACK,
    (State.STEADY, Event.NETWORK_OS_DOWN): State.REPAIRING,
    (State.STEADY, Event.NETWORK_OS_GONE): State.ROLLING_BACK,
    (State.STEADY, Event.NICS_BACK): State.ROLLING_BACK,
    (State.STEADY, Event.NIC_ADDED): State.HANDING_OVER,
    (State.STEADY, Event.GUEST_DOWN): State.REPAIRING,
    (State.STEADY, Event.FABRIC_LOST): State.REPAIRING,
    (State.REPAIRING, Event.REPAIRED): State.CONFIRMING,
    (State.REPAIRING, Event.NETWORK_OS_GONE): State.ROLLING_BACK,
    (State.REPAIRING, Event.NICS_BACK): State.ROLLING_BACK,
    (State.REPAIRING, Event.GUEST_GAVE_UP): State.DEGRADED,
    (State.DEGRADED, Event.NETWORK_OS_DOWN): State.REPAIRING,
    (State.DEGRADED, Event.NETWORK_OS_GONE): State.ROLLING_BACK,
    (State.DEGRADED, Event.NICS_BACK): State.ROLLING_BACK,
    (State.DEGRADED, Event.RETRY): State.REPAIRING,
    (State.ROLLING_BACK, Event.ROLLED_BACK): State.RESCUE,
    (State.RESCUE, Event.RETRY): State.BOOTING,
    (State.RESCUE, Event.NICS_AWAY): State.ROLLING_BACK,
    (State.BOOTING, Event.DEFECT): State.RESCUE,
    (State.PREPARING, Event.DEFECT): State.RESCUE,
    (State.HANDING_OVER, Event.DEFECT): State.ROLLING_BACK,
    (State.CONFIRMING, Event.DEFECT): State.ROLLING_BACK,
    (State.STEADY, Event.DEFECT): State.REPAIRING,
    (State.REPAIRING, Event.DEFECT): State.ROLLING_BACK,
    (State.DEGRADED, Event.DEFECT): State.REPAIRING,
    (State.ROLLING_BACK, Event.DEFECT): State.RESCUE,
    (State.RESCUE, Event.DEFECT): State.RESCUE,
}
"""What follows; `Event.STOP` leads from everywhere to STOPPED."""


def follow(state: State, event: Event) -> State:
    """The next state. Raises: KeyError, for what cannot happen there: a defect."""
    return State.STOPPED if event is Event.STOP else TABLE[state, event]


HANDED_OVER = frozenset({State.CONFIRMING, State.STEADY, State.REPAIRING, State.DEGRADED})
"""In these the network OS has the NICs."""

AFTER_A_START: dict[State | None, State] = {
    None: State.BOOTING,
    State.BOOTING: State.BOOTING,
    State.PREPARING: State.BOOTING,
    State.HANDING_OVER: State.ROLLING_BACK,
    State.CONFIRMING: State.BOOTING,
    State.STEADY: State.BOOTING,
    State.REPAIRING: State.BOOTING,
    State.DEGRADED: State.BOOTING,
    State.ROLLING_BACK: State.ROLLING_BACK,
    State.RESCUE: State.BOOTING,
}
"""Where a machine begins after it was started anew, by the state that the journal ends with: the reboot table of §8.5.

The kernel has every NIC then, but for what a driver has made last over a start: ROLLING_BACK clears that. BOOTING looks at the
retry counter: when it is spent, Linux keeps the NICs (`Event.HELD`).
"""

AFTER_A_CRASH: dict[State | None, State] = {
    None: State.BOOTING,
    State.BOOTING: State.BOOTING,
    State.PREPARING: State.BOOTING,
    State.HANDING_OVER: State.ROLLING_BACK,
    State.CONFIRMING: State.CONFIRMING,
    State.STEADY: State.STEADY,
    State.REPAIRING: State.REPAIRING,
    State.DEGRADED: State.REPAIRING,
    State.ROLLING_BACK: State.ROLLING_BACK,
    State.RESCUE: State.RESCUE,
}
"""Where a supervisor begins that was itself started anew on a machine that went on. That it was stopped is not in the journal."""
