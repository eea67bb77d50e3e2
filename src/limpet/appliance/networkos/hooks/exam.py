"""A vendor's programs examined by what a supervisor would do with them, and a few things that it hopes never to do.

    limpet.appliance.networkos.hooks.exam FOLDER [--without-nics]

runs in a machine apart (host/apart.py) and prints a line for each finding (findings.py).
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.networkos import moving
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.hooks import bench
from limpet.appliance.networkos.hooks.driver import HooksNetworkOs, programs_in
from limpet.appliance.networkos.hooks.findings import Finding, Grade
from limpet.appliance.networkos.hooks.verbs import NOT_UNDERSTOOD, Verb
from limpet.appliance.networkos.iproute import entered
from limpet.guest.namespaces import HOST
from limpet.host.apply import Interpreter
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.devices import RealDevices
from limpet.host.facts import namespaces
from limpet.host.files import RealFiles
from limpet.host.kernel import RealKernel
from limpet.model.addresses import WIRE_SERVER
from limpet.model.errors import HostError, LimpetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic
    from limpet.guest.steps import Step, Task

_PROBE = (
    "import socket, sys; each = socket.socket(); each.settimeout(2.0); each.bind((sys.argv[2], 0));"
    " print(each.connect_ex((sys.argv[1], 80)))"
)
_ANSWERED = {"0", "111"}
"""Connected, or refused: both come from who was asked."""


class Unmet(LimpetError):
    """Something is not as it must be. The message says what."""


def main(arguments: Sequence[str]) -> int:
    """Examine, and print."""
    exam = Exam(Path(arguments[0]), lambda finding: print(finding.as_line(), flush=True))  # noqa: T201
    exam.run(nics="--without-nics" not in arguments)
    return 0


class Exam:
    """One examination."""

    def __init__(self, folder: Path, tell: Callable[[Finding], None]) -> None:
        self._tell = tell
        self._clock = RealClock()
        self._files = RealFiles()
        self._commands = RealCommands()
        self._interpreter = Interpreter(
            files=self._files,
            commands=self._commands,
            devices=RealDevices(),
            kernel=RealKernel(),
            clock=self._clock,
        )
        self._driver = HooksNetworkOs(programs=programs_in(folder, self._files))
        self._site = bench.site(folder)

    def run(self, *, nics: bool) -> None:
        """All of it; what was begun is ended. nics: whether NICs are handed over, too."""
        with self._check("a network to examine it in can be made"):
            self._do(bench.laid())
        with self._check("health says that it does not run before it was started"):
            self._not_healthy()
        self._started()
        if nics:
            self._handed_over()
        else:
            self._tell(Finding(check="NICs are taken and given back", grade=Grade.SKIPPED))
        self._command()
        self._revived(nics=nics)
        if nics:
            self._given_back()
        self._stopped()
        self._versions()

    def _started(self) -> None:
        driver, site = self._driver, self._site
        with self._check("start starts it"):
            self._apply(driver.start(site, self._look()))
        with self._check("the guest port is in the guest's namespace, up"):
            port = self._look().named(site.guest, site.port.inner)
            _met(port is not None and port.up, f"{site.port.inner} is not in {site.guest}, or not up")
        with self._check("signs of life that start names are there"):
            self._healthy(deep=False)
        with self._check("health says healthy"):
            self._healthy(deep=True)
        with self._check("start may run again"):
            self._apply(driver.start(site, self._look().in_doubt()))
            self._healthy(deep=True)

    def _handed_over(self) -> None:
        driver, site = self._driver, self._site
        for nic in site.nics:
            before = self._look()
            with self._check(f"claim takes {nic.name} out of Linux"):
                self._do(driver.claim(nic, site, before).forward)
                _met(not _with_linux(nic, self._look()), f"{nic.name} is in Linux still")
            with self._check(f"claim may run again for {nic.name}"):
                self._do(driver.claim(nic, site, before).forward)
            if not self._has(Verb.DRESS):
                continue
            with self._check(f"dress gives {nic.name} the address of its lease"):
                self._do(driver.dress(nic, site.leases[nic.mac], site, self._look()))
            with self._check(f"dress may run again for {nic.name}"):
                self._do(driver.dress(nic, site.leases[nic.mac], site, self._look()))
        with self._check("the guest reaches the platform by the primary NIC's address"):
            self._reached()
        with self._check("nobody behind another NIC reaches the platform through it"):
            said = self._probe(bench.NEIGHBOUR)
            _met(said not in _ANSWERED, "a neighbour got an answer: transit to the platform must be dropped")
        with self._check("a probe of the platform is answered by the NIC that it came in by", Grade.WARNING):
            self._probed()
        if self._has(Verb.PROTECT):
            with self._check("protect may run at any time"):
                self._do(driver.protect(site))
                self._reached()

    def _command(self) -> None:
        try:
            run = self._driver.command("show version")
        except HostError as error:
            self._tell(Finding(check="a command is done", grade=Grade.SKIPPED, problem=str(error)))
            return
        with self._check("a command (show version) is done", Grade.WARNING):
            stdin = run.stdin if isinstance(run.stdin, bytes) else b""
            done = self._commands.run(run.argv, stdin=stdin, timeout=run.timeout)
            _met(done.exit_code is not None, f"it did not end in {run.timeout:g} s")
            said = done.stderr.decode("utf-8", "replace").strip()[:200]
            _met(done.exit_code == 0, f"it ended with {done.exit_code}: {said}")

    def _revived(self, *, nics: bool) -> None:
        wounded = Pulse(health=Health.WOUNDED, problem="an examination", cause="examination")
        with self._check("what revives it may run while it is healthy"):
            self._apply(self._driver.revive(self._site, self._look(), wounded))
            self._healthy(deep=True)
            if nics:
                self._reached()

    def _given_back(self) -> None:
        driver, site = self._driver, self._site
        for nic in reversed(site.nics):
            before = self._look()
            with self._check(f"release gives {nic.name} back to Linux, up and without addresses"):
                self._do(driver.release(nic, site, before))
                face, _ = moving.halves(nic, self._look().links(HOST))
                _met(face is not None, f"{nic.name} is not in Linux")
                _met(
                    face is None or face.name == nic.name, f"it has another name there: {face and face.name}"
                )
                _met(face is None or face.up, "it is down")
                _met(face is None or not face.addresses, "it has addresses that are nobody's")
            with self._check(f"release may run again for {nic.name}"):
                self._do(driver.release(nic, site, before))

    def _stopped(self) -> None:
        driver, site = self._driver, self._site
        for again in ("stop ends it", "stop may run again"):
            with self._check(again):
                self._apply(driver.stop(site, self._look()))
                self._not_healthy()
        with self._check("stop takes the guest port away"):
            _met(self._look().named(site.guest, site.port.inner) is None, f"{site.port.inner} is there still")
        with self._check("it may be started again"):
            self._apply(driver.start(site, self._look().in_doubt()))
            self._healthy(deep=True)
            self._apply(driver.stop(site, self._look()))

    def _versions(self) -> None:
        """A document of a version to come."""
        for verb in (Verb.HEALTH, Verb.CLAIM, Verb.START):
            with self._check(
                f"{verb.value} ends with {NOT_UNDERSTOOD} for a version of documents to come", Grade.WARNING
            ):
                argv = (str(self._driver.programs.folder / verb.value), verb.value)
                document = json.dumps({"version": 99, "verb": verb.value}).encode()
                done = self._commands.run(argv, stdin=document, timeout=self._driver.timeouts[verb])
                _met(done.exit_code == NOT_UNDERSTOOD, f"it ended with {done.exit_code}")

    # --- means

    @contextmanager
    def _check(self, what: str, grade: Grade = Grade.FAILED) -> Iterator[None]:
        """One finding: passed, or `grade` with the reason."""
        began = self._clock.monotonic()
        problem = None
        try:
            yield
        except LimpetError as error:
            problem = str(error)
        self._tell(
            Finding(
                check=what,
                grade=Grade.PASSED if problem is None else grade,
                problem=problem,
                seconds=round(self._clock.monotonic() - began, 3),
            )
        )

    def _look(self) -> Seen:
        return namespaces.look(self._files, self._commands, (self._site.network_os, self._site.guest))

    def _do(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._interpreter.do(step)

    def _apply(self, tasks: Iterable[Task]) -> None:
        for outcome in self._interpreter.apply(tasks):
            _met(not outcome.failed, outcome.problem or outcome.describe())

    def _healthy(self, *, deep: bool) -> None:
        pulse = self._driver.health(self._site, self._files, self._commands, deep=deep)
        _met(pulse.health is Health.HEALTHY, f"it is {pulse.health.value}: {pulse.problem}")

    def _not_healthy(self) -> None:
        pulse = self._driver.asked(self._site, self._files, self._commands)
        _met(pulse.health is not Health.HEALTHY, "it says healthy")

    def _reached(self) -> None:
        said = self._probe(self._site.guest)
        _met(
            said in _ANSWERED,
            f"from the guest, {WIRE_SERVER} does not answer: look at forwarding, routes, and NAT to the primary address",
        )

    def _probed(self) -> None:
        """Beyond the NIC that is not the primary one: the answer must not leave by the way to the platform (R9)."""
        self._do(bench.probing("add"))
        try:
            said = self._probe(bench.NEIGHBOUR, str(bench.LEASES[bench.SECOND.mac].address), str(WIRE_SERVER))
        finally:
            self._do(bench.probing("delete"))
        problem = f"from {WIRE_SERVER} beyond {bench.SECOND.name}, its address does not answer, nor refuse: look at routes by source"
        _met(said in _ANSWERED, problem)

    def _has(self, verb: Verb) -> bool:
        return verb.value in self._driver.programs.found

    def _probe(self, namespace: str, target: str = str(WIRE_SERVER), source: str = "") -> str:
        """What a connection came to: an error number of the system's, 0 for none."""
        argv = entered(namespace, (sys.executable, "-I", "-S", "-c", _PROBE, target, source))
        return self._commands.run(argv, timeout=20.0).stdout.decode("ascii", "replace").strip()


def _with_linux(nic: Nic, seen: Seen) -> bool:
    return any(namespace == HOST for namespace, _ in seen.of_mac(nic.mac))


def _met(condition: object, problem: str) -> None:
    """Raises: Unmet, when it is not so."""
    if not condition:
        raise Unmet(problem)
