"""Looks after the duties: reads their signs, hands what has changed to a worker, and remembers what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from limpet.agent.duties.duties import Duty
    from limpet.agent.duties.signs import Senses
    from limpet.host.ports import Clock, Completed, Log, Work, Workers

WORKER = "limpet.agent.duties.worker"
PATIENCE = 90.0
"""How long a worker may take, seconds."""
LONGEST_REST = 600.0
"""A duty that fails is tried again after its period, then after ever longer, but not longer than this, seconds."""
LOUD = 3
"""So many failures in a row are logged, and then one in `SILENCE`."""
SILENCE = 12 * 3600.0
_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_LONGEST_COMPLAINT = 300


class _Post:
    """What is known of one duty. settled: the sign for which it was done last."""

    __slots__ = ("again", "due", "duty", "failures", "memory", "pending", "period", "settled", "told", "wish")

    def __init__(self, duty: Duty, wish: dict[str, Any], period: float, now: float) -> None:
        self.duty = duty
        self.wish = wish
        self.period = period
        self.memory: dict[str, Any] = {}
        self.settled: object = None
        self.pending: object = None
        self.failures = 0
        self.due = self.again = now
        self.told = now


class Watch:
    """A chore. One worker at a time; the chores after it do not wait for it."""

    def __init__(
        self,
        wishes: Sequence[tuple[Duty, dict[str, Any], float]],
        senses: Senses,
        workers: Workers,
        log: Log,
    ) -> None:
        self._senses = senses
        self._workers = workers
        self._clock: Clock = senses.clock
        self._log = log
        now = self._clock.monotonic()
        self._posts = {duty.name: _Post(duty, wish, period, now) for duty, wish, period in wishes}
        self._work: Work | None = None
        self._begun = self._pause = 0.0

    @property
    def period(self) -> float:
        """How often `do` is wanted, seconds."""
        return min(post.period for post in self._posts.values())

    def do(self) -> float:
        """Look after what is due. Gives the seconds until it wants to be done again."""
        if self._work is None:
            self._look()
        else:
            self._see(self._work)
        now = self._clock.monotonic()
        if self._work is not None:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return self._pause
        return max(0.0, min(post.due for post in self._posts.values()) - now)

    def _look(self) -> None:
        now = self._clock.monotonic()
        order = {}
        for name, post in self._posts.items():
            if post.due > now:
                continue
            post.due = now + post.period
            try:
                sign = post.duty.sign(self._senses, post.wish, post.memory)
            except HostError as error:
                self._complain(post, str(error))
                continue
            if sign is None:
                post.settled, post.failures = None, 0
            elif not post.failures and sign == post.settled:
                pass
            elif not post.failures or now >= post.again:
                post.pending = sign
                order[name] = {"module": post.duty.module, "wish": post.wish, "memory": post.memory}
        if order:
            self._begin(order)

    def _begin(self, order: dict[str, Any]) -> None:
        self._begun, self._pause = self._clock.monotonic(), _PAUSE / 2
        try:
            self._work = self._workers.start(WORKER, given=json.dumps(order).encode())
        except HostError as error:
            self._fail(order, str(error))

    def _see(self, work: Work) -> None:
        done = work.ended()
        if done is not None:
            self._take(done)
        elif self._clock.monotonic() - self._begun > PATIENCE:
            work.kill()
            self._fail(self._waiting(), f"no end in {PATIENCE:g} s")
        else:
            return
        self._work = None

    def _take(self, done: Completed) -> None:
        waiting = self._waiting()
        try:
            answers = json.loads(done.stdout)
            told = {
                name: (answers[name]["did"], answers[name]["problem"], dict(answers[name]["memory"]))
                for name in waiting
            }
        except (ValueError, KeyError, TypeError):
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][-_LONGEST_COMPLAINT:]
            self._fail(waiting, f"the worker ended with {done.exit_code}: {last}")
            return
        for name, (did, problem, memory) in told.items():
            post = self._posts[name]
            post.memory |= memory
            for line in did:
                self._log.info("duty.done", duty=name, did=line)
            if problem is None:
                post.settled, post.pending, post.failures = post.pending, None, 0
            else:
                self._fail([name], str(problem))

    def _waiting(self) -> list[str]:
        return [name for name, post in self._posts.items() if post.pending is not None]

    def _fail(self, names: Sequence[str] | dict[str, Any], problem: str) -> None:
        for name in names:
            post = self._posts[name]
            post.settled = post.pending = None
            self._complain(post, problem)

    def _complain(self, post: _Post, problem: str) -> None:
        now = self._clock.monotonic()
        post.failures += 1
        post.again = now + min(post.period * 2 ** (post.failures - 1), LONGEST_REST)
        if post.failures <= LOUD or now - post.told >= SILENCE:
            post.told = now
            self._log.warning("duty.failed", duty=post.duty.name, problem=problem, failures=post.failures)
