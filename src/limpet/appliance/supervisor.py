"""The supervisor's loop: does what a state asks for, and enters the state that the table says follows.

What is done in a state is a function of `phases` that gives an event; `states.TABLE` says what that leads to. Before a state is
entered it is in the journal, so whatever ends this program, the next start knows where it was (`beginning`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.appliance.appliance import Stopped
from limpet.appliance.phases.booting import boot
from limpet.appliance.phases.confirming import confirm
from limpet.appliance.phases.doubting import beginning_in_doubt, settle
from limpet.appliance.phases.ending import end, take_over
from limpet.appliance.phases.handing import hand_over, has_nics
from limpet.appliance.phases.preparing import prepare
from limpet.appliance.phases.repairing import repair
from limpet.appliance.phases.returning import rescue, roll_back
from limpet.appliance.phases.watching import watch, watch_degraded
from limpet.appliance.requests.keeping import CommandKeeper
from limpet.appliance.show import Window
from limpet.appliance.states import AFTER_A_CRASH, AFTER_A_START, Event, State, follow
from limpet.appliance.terms import go_by_the_old
from limpet.model.errors import HostError

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


STEADFAST = frozenset({State.HANDING_OVER, State.ROLLING_BACK})
"""In these an end that was asked for waits: they are short, and half of the NICs moved is no state to be left in."""
_REMEMBERED = 600.0
_QUIET = 60.0
"""How long the same defect is not logged again, seconds."""
_LONGEST_PAUSE = 60.0


def beginning(appliance: Appliance) -> State:
    """Where to begin, by the journal: the machine was started anew, or only this program was."""
    chronicle = appliance.chronicle
    if "state" in chronicle.doubted:
        return beginning_in_doubt(appliance)
    state = (AFTER_A_CRASH if appliance.same_boot else AFTER_A_START)[chronicle.state]
    if state in {State.BOOTING, State.RESCUE} and has_nics(appliance):
        return State.ROLLING_BACK  # the journal does not know of it: it was lost, or could not be written
    return state


def interrupted(appliance: Appliance) -> str:
    """Why this begins with the NICs' return, for people."""
    chronicle = appliance.chronicle
    if chronicle.state is State.ROLLING_BACK and chronicle.problem is not None:
        return chronicle.problem
    if "state" in chronicle.doubted:
        return "the journal was damaged, and the NICs were not with Linux"
    who = "the supervisor" if chronicle.boot == appliance.boot else "the machine"
    return f"the handover was interrupted: {who} was started anew"


def run(
    appliance: Appliance,
    *,
    until: Callable[[State], bool] = lambda _state: False,
    entered: Callable[[State], None] = lambda _state: None,
) -> State:
    """Supervise until this process is asked to end, or `until` says so of a state that was entered. Gives the last state.

    entered: told of each state, when the journal has it.
    """
    defects = Defects(appliance)
    defects.contained(lambda: take_over(appliance))
    if appliance.chronicle.doubted:
        defects.contained(lambda: settle(appliance))
    state = beginning(appliance)
    changed = go_by_the_old(appliance) if appliance.same_boot or state is State.ROLLING_BACK else None
    if changed is not None:
        state = State.ROLLING_BACK
    if state is State.ROLLING_BACK:
        appliance.with_problem(changed or interrupted(appliance))
    window = Window(appliance)
    keeper = CommandKeeper(appliance)

    def tick() -> None:
        defects.contained(window.tick)
        defects.contained(keeper.tick)

    appliance.tick = tick
    appliance.machine.log.info("appliance.begins", state=state.value, journal=len(appliance.journal.records))
    defects.contained(lambda: appliance.lease.restore(known=appliance.same_boot))
    _enter(appliance, state, None)
    entered(state)
    defects.contained(window.publish)
    while state is not State.STOPPED and not until(state):
        appliance.steadfast = state in STEADFAST
        event = defects.caught(ACTIVITIES[state])
        state = follow(state, event)
        if state is not State.STOPPED:
            _enter(appliance, state, event)
            entered(state)
            defects.contained(window.publish)
    if state is State.STOPPED:
        defects.contained(lambda: end(appliance))
    keeper.end()
    defects.contained(lambda: window.publish(stopped=state is State.STOPPED))
    return state


class Defects:
    """What nobody thought of, in a driver for instance, ends no supervisor: it is logged, and leads to where NICs are safe."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._recent: list[float] = []
        self._quiet: dict[str, float] = {}

    def caught(self, activity: Callable[[Appliance], Event]) -> Event:
        """How it ended."""
        appliance = self._appliance
        try:
            try:
                return activity(appliance)
            except Exception as error:  # noqa: BLE001 - the last resort
                self._note(error)
                appliance.pause(self._patience())
                return Event.DEFECT
        except Stopped:
            return Event.STOP

    def contained(self, action: Callable[[], None]) -> None:
        """Do something that nothing depends on."""
        try:
            action()
        except Exception as error:  # noqa: BLE001 - see above
            self._log(error)

    def _note(self, error: Exception) -> None:
        self._log(error)
        self._appliance.with_problem(
            str(error)
            if isinstance(error, HostError)
            else f"a defect, which the log tells more of: {error!r}"
        )

    def _log(self, error: Exception) -> None:
        now, what = self._appliance.machine.clock.monotonic(), repr(error)
        if now < self._quiet.get(what, now):
            return
        self._quiet = {**dict(list(self._quiet.items())[-15:]), what: now + _QUIET}
        from traceback import format_exception  # noqa: PLC0415 - it should never be needed

        where = "".join(format_exception(error)[-6:])
        self._appliance.machine.log.error("appliance.defect", problem=repr(error), traceback=where)

    def _patience(self) -> float:
        now = self._appliance.machine.clock.monotonic()
        self._recent = [*(each for each in self._recent if now - each < _REMEMBERED), now][-16:]
        return float(min(2.0 ** (len(self._recent) - 1), _LONGEST_PAUSE))


def _enter(appliance: Appliance, state: State, event: Event | None) -> None:
    appliance.telling.left = appliance.chronicle.state
    appliance.note(
        "state",
        state=state.value,
        event=None if event is None else event.value,
        problem=appliance.problem,
    )
    appliance.machine.log.info(
        "appliance.state",
        state=state.value,
        after=None if event is None else event.value,
        problem=appliance.problem,
    )
    appliance.compact()
