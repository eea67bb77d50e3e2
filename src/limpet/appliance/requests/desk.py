"""The guest shell's requests for commands: who may ask for what, one after the other, each in the log. See docs/vendors.md."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.command_policy import CommandPolicy
from limpet.guest.command_protocol import LARGEST_REPLY, CommandReply, CommandRequest, parse_request
from limpet.guest.log_redaction import Redactor
from limpet.host.commands import NOT_FOUND
from limpet.model.errors import HostError, MalformedDocument

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.guest.steps import Run
    from limpet.host.command_socket import Asked, CommandSocket, Peer
    from limpet.host.ports import Clock, Commands, Log

LOG = Path("/var/log/limpet-commands.log")
"""Every command, who asked for it, and how it ended; for root alone."""
MOST_WAITING = 8
MOST_REFUSALS = 20
"""Refusals in the log for each minute: a flood of them must not drive the commands out of it."""
_MINUTE = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """users: ids of users who may ask; root of a container with ids of its own has another one here. group: as well."""

    users: frozenset[int] = frozenset({0})
    group: int | None = None
    policy: CommandPolicy = field(default_factory=CommandPolicy)
    timeout: float = 30.0

    def has(self, peer: Peer) -> bool:
        """Whether this one may ask at all."""
        return peer.uid in self.users or (self.group is not None and self.group in peer.groups)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    number: int
    peer: Peer
    request: CommandRequest
    run: Run


class CommandDesk:
    """Commands are done in a thread of its own, so that the socket is served meanwhile, whatever the network OS does."""

    def __init__(
        self,
        channel: CommandSocket,
        rights: Rights,
        command: Callable[[str], Run],
        *,
        commands: Commands,
        clock: Clock,
        log: Log,
    ) -> None:
        """command: plans a line, as NetworkOs.command does."""
        self._channel = channel
        self._rights = rights
        self._command = command
        self._commands = commands
        self._clock = clock
        self._log = log
        self._todo: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[_Job, CommandReply, float]] = queue.SimpleQueue()
        self._waiting = 0
        self._refusals = 0
        self._minute = clock.monotonic()
        self._thread = threading.Thread(target=self._work, name="commands", daemon=True)
        self._thread.start()

    def step(self, timeout: float) -> None:
        """Serve for at most `timeout` seconds."""
        for asked in self._channel.step(timeout):
            self._consider(asked)
        while not self._done.empty():
            job, reply, seconds = self._done.get()
            self._waiting -= 1
            self._note("done", job.peer, job.request.line, reply, seconds)
            self._channel.reply(job.number, reply)

    @property
    def quiet(self) -> bool:
        """Whether nobody is there, and nothing is done."""
        return self._channel.quiet and self._waiting == 0

    def close(self) -> None:
        """Take no more; what runs is the commands port's to end."""
        self._todo.put(None)
        self._channel.close()

    def _consider(self, asked: Asked) -> None:
        line = ""
        problem: str | None = "one line of JSON is expected, with at most 16384 bytes"
        if not self._rights.has(asked.peer):
            problem = f"user {asked.peer.uid} may not ask for commands here"
        elif asked.content is not None:
            try:
                request = parse_request(asked.content)
                line = request.line
                problem = self._rights.policy.refusal(line) or self._begun(asked, request)
            except (MalformedDocument, HostError) as error:
                problem = str(error)
        if problem is not None:
            reply = CommandReply(exit_code=None, problem=problem, refused=True)
            self._refused(asked.peer, line, reply)
            self._channel.reply(asked.number, reply)

    def _begun(self, asked: Asked, request: CommandRequest) -> str | None:
        """Put it in the queue. Says why not. Raises: HostError, for a network OS that takes no commands."""
        if self._waiting >= MOST_WAITING:
            return "too many commands wait; try again"
        run = self._command(request.line)
        limits = [self._rights.timeout, run.timeout, *([request.timeout] if request.timeout else [])]
        self._waiting += 1
        limited = replace(run, timeout=min(limits))
        self._todo.put(_Job(number=asked.number, peer=asked.peer, request=request, run=limited))
        return None

    def _work(self) -> None:
        while (job := self._todo.get()) is not None:
            began = self._clock.monotonic()
            reply = _done(job.run, self._commands)
            self._done.put((job, reply, self._clock.monotonic() - began))
            self._channel.wake()

    def _refused(self, peer: Peer, line: str, reply: CommandReply) -> None:
        now = self._clock.monotonic()
        if now - self._minute >= _MINUTE:
            if self._refusals > MOST_REFUSALS:
                self._log.warning("command.refusals", not_noted=self._refusals - MOST_REFUSALS)
            self._minute, self._refusals = now, 0
        self._refusals += 1
        if self._refusals <= MOST_REFUSALS:
            self._note("refused", peer, line, reply, None)

    def _note(self, end: str, peer: Peer, line: str, reply: CommandReply, seconds: float | None) -> None:
        self._log.info(
            f"command.{end}",
            line=Redactor().block(line),
            uid=peer.uid,
            gid=peer.gid,
            pid=peer.pid,
            exit_code=reply.exit_code,
            problem=reply.problem,
            seconds=seconds,
        )


def _done(run: Run, commands: Commands) -> CommandReply:
    stdin = run.stdin if isinstance(run.stdin, bytes) else run.stdin.reveal()
    try:
        done = commands.run(run.argv, stdin=stdin, timeout=run.timeout, at_most=LARGEST_REPLY // 2)
    except HostError as error:
        return CommandReply(exit_code=None, problem=str(error))
    problem = None
    if done.exit_code is None:
        problem = f"the network OS did not end it in {run.timeout:g} s"
    elif done.exit_code == NOT_FOUND and not commands.exists(run.argv[0]):
        return CommandReply(exit_code=None, problem=f"the program {run.argv[0]} is not installed")
    return CommandReply(
        exit_code=done.exit_code,
        stdout=done.stdout.decode("utf-8", "replace"),
        stderr=done.stderr.decode("utf-8", "replace"),
        problem=problem,
    )
