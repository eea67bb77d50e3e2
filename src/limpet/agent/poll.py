"""The task that follows the fabric: asks for goal states, decides which one counts, and posts it on the board.

Two services publish them: the wire server (incarnations, with ExtensionsConfig) and the host plugin (ETags, with vmSettings).
`cadence` says when which of them is asked, `arbitration` which of two answers counts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.agent import arbitration
from limpet.agent.board import Snapshot
from limpet.agent.cadence import Announcer, Ask, Cadence
from limpet.model.errors import FabricError, HostError
from limpet.model.extensions import Channel, ExtensionsGoalState, Source
from limpet.wire.artifactsprofile import parse_artifacts_profile

if TYPE_CHECKING:
    from limpet.agent.artifacts import Artifacts
    from limpet.agent.board import Board
    from limpet.agent.certificates import Certificates
    from limpet.agent.fabric import Fabric
    from limpet.agent.history import History
    from limpet.agent.layout import Layout
    from limpet.agent.machine import Machine
    from limpet.agent.news import News
    from limpet.model.goalstate import GoalState
    from limpet.model.ids import Etag, Incarnation

HOST_PLUGIN_TRIES = 3
"""After so many failures in a row the host plugin counts as away, and the wire server alone is followed."""
UNSUPPORTED_SECONDS = 6 * 3600.0
"""How long a host plugin without vmSettings is not asked again. Source: wire-protocol.md §5.3."""
CERTIFICATES_AGAIN = 60.0
"""How long after certificates could not be had another try is made, seconds."""
PLACE_AGAIN = 30.0
"""How often a goal state is asked for again as a whole while it says nowhere where status may go, seconds."""
_MARKER_LIMIT = 4096
_MOST_TOLD = 300


class Poller:
    """One `poll` is one look at the fabric. Not shared between threads."""

    def __init__(
        self,
        fabric: Fabric,
        board: Board,
        certificates: Certificates,
        artifacts: Artifacts,
        history: History,
        machine: Machine,
        *,
        layout: Layout,
        cadence: Cadence,
        use_fast_track: bool = True,
        honour_hold: bool = True,
        initial_period: float = 1.0,
        news: News | None = None,
        status_first: float = 0.0,
    ) -> None:
        """news: hears of goal states and of trouble, where somebody wants to know.

        status_first: how long what needs processes of its own waits, at the start, for the first report to be taken, seconds.
        """
        self._fabric = fabric
        self._board = board
        self._certificates = certificates
        self._artifacts = artifacts
        self._history = history
        self._files = machine.files
        self._fetcher = machine.fetcher
        self._clock = machine.clock
        self._log = machine.log
        self._layout = layout
        self._cadence = cadence
        self._use_fast_track = use_fast_track
        self._honour_hold = honour_hold
        self._initial_period = initial_period
        self._news = news
        self._status_first = status_first
        self._goal_state: GoalState | None = None
        self._settings: ExtensionsGoalState | None = None
        self._etag: Etag | None = None
        self._announced: tuple[str, Incarnation] | None = None
        self._host_plugin_failures = 0
        self._host_plugin_problem: str | None = None
        self._unsupported_until = 0.0
        self._certificates_due = 0.0
        self._place_due = 0.0
        self._documents: dict[str, bytes] = {}

    def poll(self) -> float:
        """Look at the fabric once. Gives the seconds to wait before the next look; never raises for the fabric's sake."""
        now = self._clock.monotonic()
        ask = self._whom(now)
        etag = self._etag
        try:
            changed = self._look(ask, now)
        except FabricError as error:
            self._log.warning("fabric.unusable", problem=error)
            self._etag = etag  # what came under another one has not been taken in: it must come again
            changed = False
            self._tell(str(error))
        else:
            self._tell(self._host_plugin_problem)
        self._cadence = self._cadence.asked(ask, now)
        if changed:
            self._cadence = self._cadence.changed(now)
        return self._cadence.wait(now) if self._board.snapshot is not None else self._initial_period

    def _tell(self, problem: str | None) -> None:
        if self._news is None:
            return
        if self._fabric.latest is not None and problem is None:
            self._news.goal_state(self._fabric.latest)
        problems = (*self._board.troubles, problem) if problem is not None else self._board.troubles
        self._news.trouble("; ".join(problems) or None)

    def _whom(self, now: float) -> Ask:
        if not self._use_fast_track or now < self._unsupported_until:
            return Ask.WIRE_SERVER
        if self._unsupported_until:
            self._unsupported_until = 0.0
            self._cadence = self._cadence.learned(Announcer.UNKNOWN)
            return Ask.BOTH
        return Ask.BOTH if self._board.snapshot is None else self._cadence.ask(now)

    def _look(self, ask: Ask, now: float) -> bool:
        known = self._goal_state
        placeless = self._is_placeless(now)
        if placeless:
            self._etag = None
        if known is None or placeless or ask is not Ask.HOST_PLUGIN or self._certificates.awaited:
            self._fabric.goal_state()
        news = self._ask_host_plugin(now) if ask is not Ask.WIRE_SERVER else None
        announced = news is not None and news.source is Source.FABRIC
        # Where both are asked, what is announced may have come after the wire server's answer.
        late = ask is Ask.BOTH and announced and known is not None and not placeless
        if late or (ask is Ask.HOST_PLUGIN and (announced or self._host_plugin_failures)):
            self._fabric.goal_state()
        # Others too ask for it, when the host plugin tells them that this VM has moved.
        state = self._fabric.latest or self._fabric.goal_state()
        self._learn(state, ask, news)
        renewed = known is None or _differs(state, known)
        if renewed or placeless or news is not None:
            before = self._board.snapshot
            self._adopt(state, renewed=renewed or placeless)
            return renewed or not placeless or self._board.snapshot != before
        if self._certificates.awaited or (self._certificates.failed and now >= self._certificates_due):
            self._fetch_certificates(state)
        return False

    def _learn(self, state: GoalState, ask: Ask, news: ExtensionsGoalState | None) -> None:
        """Whether the host plugin says what changes on the wire server. What it said first is no change: it may say that for ever."""
        known = self._goal_state
        changed = known is not None and state.incarnation != known.incarnation
        if news is not None and news.source is Source.FABRIC:
            before, self._announced = self._announced, (news.id, state.incarnation)
            if before is not None and before[0] != news.id and before[1] != state.incarnation:
                self._cadence = self._cadence.learned(Announcer.HOST_PLUGIN)
        elif changed and ask is Ask.BOTH and news is None and not self._host_plugin_failures:
            self._cadence = self._cadence.learned(Announcer.NEITHER)

    def _is_placeless(self, now: float) -> bool:
        """Whether it is time to ask for everything again, because status cannot go anywhere. Source: wire-protocol.md §2.3."""
        snapshot = self._board.snapshot
        if snapshot is None or snapshot.extensions.status_upload is not None or now < self._place_due:
            return False
        self._place_due = now + PLACE_AGAIN
        return True

    def _ask_host_plugin(self, now: float) -> ExtensionsGoalState | None:
        """Give vmSettings that are new; None where there are none, or where the host plugin may be missed."""
        try:
            answer = self._fabric.vm_settings(self._etag)
        except FabricError as error:
            self._host_plugin_failures += 1
            self._host_plugin_problem = str(error)
            self._tell(str(error))
            if self._board.snapshot is None and self._host_plugin_failures < HOST_PLUGIN_TRIES:
                raise
            self._log.warning("host_plugin.unusable", problem=error, failures=self._host_plugin_failures)
            return None
        self._host_plugin_failures, self._host_plugin_problem = 0, None
        self._board.advertise_fast_track(answer.supported)
        if not answer.supported:
            self._unsupported_until = now + UNSUPPORTED_SECONDS
            self._settings = None
            self._cadence = self._cadence.learned(Announcer.WIRE_SERVER)
            return None
        if answer.settings is None:
            return None
        self._settings, self._etag = answer.settings, answer.etag
        self._documents["VmSettings.json"] = answer.body
        return answer.settings

    def _adopt(self, state: GoalState, *, renewed: bool) -> None:
        """Decide between the channels and post what wins. Nothing is kept when a part cannot be fetched."""
        status_first, self._status_first = self._status_first, 0.0
        if not status_first:
            self._fetcher.warm()
        fabric = self._extensions_config(state) if renewed else None
        snapshot = self._board.snapshot
        chosen = arbitration.choose(
            active=snapshot.extensions if snapshot is not None else None,
            fabric=fabric,
            fast_track=self._settings,
        )
        needed = chosen.thumbprints if chosen is not None else frozenset()
        missing = not needed <= self._certificates.thumbprints
        if renewed or missing:
            self._certificates.expect(needed)
        latest = state
        try:
            if chosen is not None:
                self._post(state, chosen)
            elif snapshot is not None and renewed:
                self._board.adopt(replace(snapshot, goal_state=state))
            if missing and not renewed:
                latest = self._fabric.goal_state()
        finally:
            if status_first:
                self._board.await_report(status_first)
            if renewed or missing:
                self._fetch_certificates(latest)
        self._goal_state = state  # not the latest: what is new in that one is taken in by the next look
        if renewed:
            self._keep_shared_config(state)

    def _fetch_certificates(self, state: GoalState) -> None:
        self._certificates.fetch(state.certificates)
        problem = self._certificates.problem
        self._board.trouble(
            "certificates", problem and f"the certificates cannot be had: {problem[:_MOST_TOLD]}"
        )
        self._certificates_due = self._clock.monotonic() + CERTIFICATES_AGAIN

    def _extensions_config(self, state: GoalState) -> ExtensionsGoalState:
        if state.extensions_config is None:
            return ExtensionsGoalState(
                id=f"incarnation_{state.incarnation}",
                channel=Channel.WIRE_SERVER,
                source=Source.FABRIC,
                svd_sequence_number=state.incarnation,
            )
        parsed, body = self._fabric.extensions_config(state.extensions_config, state.incarnation)
        self._documents["ExtensionsConfig.xml"] = body
        return parsed

    def _post(self, state: GoalState, chosen: ExtensionsGoalState) -> None:
        self._artifacts.verify = chosen.source is Source.FAST_TRACK
        posted = Snapshot(
            round=_round(self._board.snapshot, chosen),
            goal_state=state,
            extensions=chosen,
            on_hold=self._honour_hold and self._on_hold(chosen),
            outdated=self._outdated(chosen),
        )
        self._board.adopt(posted)
        self._log.info(
            "goal_state.adopted",
            id=chosen.id,
            source=chosen.source.value,
            handlers=len(chosen.handlers),
            on_hold=posted.on_hold,
            outdated=posted.outdated,
        )
        documents, self._documents = self._documents, {}
        self._history.begin(f"{state.incarnation}" + (f"-{self._etag}" if self._etag else ""), documents)

    def _on_hold(self, chosen: ExtensionsGoalState) -> bool:
        """Whether the fabric asks to wait; what cannot be read does not. Source: wire-protocol.md §13."""
        if chosen.on_hold is not None or chosen.artifacts_profile is None:
            return bool(chosen.on_hold)
        try:
            body = self._artifacts.document(chosen.artifacts_profile.reveal(), "artifacts_profile.json")
            return parse_artifacts_profile(body).on_hold
        except (FabricError, HostError) as error:
            self._log.warning("artifacts_profile.unusable", problem=error)
            return False

    def _outdated(self, chosen: ExtensionsGoalState) -> bool:
        """Whether `chosen` is older than a FastTrack goal state that was followed before. Keeps that record.

        Source: wire-protocol.md §5.3. Unlike there, the record stays until a newer goal state comes: an outdated one
        does not become right by a restart.
        """
        marker = self._layout.fast_track_marker
        try:
            if chosen.source is Source.FAST_TRACK:
                self._files.replace(marker, json.dumps({"timestamp": chosen.created}).encode())
                return False
            recorded = json.loads(self._files.read(marker, at_most=_MARKER_LIMIT)).get("timestamp")
            if isinstance(recorded, str) and chosen.created < recorded:
                return True
            self._files.remove(marker)
        except HostError as error:
            self._log.warning("fast_track.unrecorded", file=marker, problem=error)
        except (FileNotFoundError, ValueError, AttributeError, RecursionError):
            pass  # no record, or none that can be read
        return False

    def _keep_shared_config(self, state: GoalState) -> None:
        try:
            self._files.replace(
                self._layout.shared_config, self._fabric.document(state.shared_config, "SharedConfig")
            )
        except (FabricError, HostError) as error:
            self._log.warning("shared_config.unusable", problem=error)


def _round(snapshot: Snapshot | None, chosen: ExtensionsGoalState) -> int:
    """The number under which `chosen` is processed: a new one unless it asks for the same under the same id.

    A goal state that is fetched again, by a VM that was moved, may say only where status goes in other words.
    """
    if snapshot is None:
        return 1
    active = snapshot.extensions
    same = (chosen.id, chosen.handlers, chosen.required_features) == (
        active.id,
        active.handlers,
        active.required_features,
    )
    return snapshot.round if same else snapshot.round + 1


def _differs(state: GoalState, known: GoalState) -> bool:
    """Whether the parts must be fetched anew: a resumed VM keeps its incarnation. Source: wire-protocol.md §2.3."""
    return (state.incarnation, state.container_id, state.config_name) != (
        known.incarnation,
        known.container_id,
        known.config_name,
    )
