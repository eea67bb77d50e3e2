"""The supervisor's loop: what is done in each state, and the table that says what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.appliance import Stopped
from limpet.appliance.booting import boot
from limpet.appliance.commanding import CommandKeeper
from limpet.appliance.confirming import confirm
from limpet.appliance.handing import hand_over
from limpet.appliance.preparing import prepare
from limpet.appliance.repairing import repair
from limpet.appliance.returning import rescue, roll_back
from limpet.appliance.show import Window
from limpet.appliance.states import AFTER_A_CRASH, AFTER_A_START, Event, State, follow
from limpet.appliance.watching import watch, watch_degraded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.appliance.appliance import Appliance

ACTIVITIES: Mapping[State, Callable[[Appliance], Event]] = {
    State.BOOTING: boot,
    State.PREPARING: prepare,
    State.HANDING_OVER: hand_over,
    State.CONFIRMING: confirm,
    State.STEADY: watch,
    State.REPAIRING: repair,
    State.DEGRADED: watch_degraded,
    State.ROLLING_BACK: roll_back,
    State.RESCUE: rescue,
}


def beginning(appliance: Appliance) -> State:
    """Where to begin, by the journal: the machine was started anew, or only this program was."""
    chronicle = appliance.chronicle
    same_boot = chronicle.boot == appliance.boot and bool(appliance.boot)
    return (AFTER_A_CRASH if same_boot else AFTER_A_START)[chronicle.state]


def run(appliance: Appliance, *, until: Callable[[State], bool] = lambda _state: False) -> State:
    """Supervise until this process is asked to end, or `until` says so of a state that was entered. Gives the last state.

    Raises: HostError, when the journal cannot be written: nothing is done that could not be remembered.
    """
    state = beginning(appliance)
    window = Window(appliance)
    keeper = CommandKeeper(appliance)

    def tick() -> None:
        window.tick()
        keeper.tick()

    appliance.tick = tick
    appliance.machine.log.info("appliance.begins", state=state.value, journal=len(appliance.journal.records))
    if appliance.chronicle.boot == appliance.boot:
        appliance.lease.restore()
    _enter(appliance, window, state, None)
    while state is not State.STOPPED and not until(state):
        try:
            event = ACTIVITIES[state](appliance)
        except Stopped:
            event = Event.STOP
        state = follow(state, event)
        if state is not State.STOPPED:
            _enter(appliance, window, state, event)
    keeper.end()
    window.publish(stopped=state is State.STOPPED)
    return state


def _enter(appliance: Appliance, window: Window, state: State, event: Event | None) -> None:
    appliance.note(
        "state",
        state=state.value,
        event=None if event is None else event.value,
        problem=None if appliance.problem is None else appliance.problem[:1000],
    )
    appliance.machine.log.info(
        "appliance.state",
        state=state.value,
        after=None if event is None else event.value,
        problem=appliance.problem,
    )
    appliance.compact()
    window.publish()
