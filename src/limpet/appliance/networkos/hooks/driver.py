"""The driver ``hooks``: a vendor's own programs do what limpet needs of a network OS. For vendors: docs/vendors.md.

A NIC counts as the network OS's when no link with its MAC is in the host's network namespace any more: it is in a namespace
of the vendor's, or a driver of user space has it. What cannot be seen from here, such as whether the data plane has an
address, is not looked at: a program is told again, and must be able to hear the same thing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limpet.appliance.moves import Move
from limpet.appliance.networkos import moving, rules
from limpet.appliance.networkos.contract import Health, Pulse
from limpet.appliance.networkos.forgetting import forgotten
from limpet.appliance.networkos.hooks import documents as told
from limpet.appliance.networkos.hooks.answers import LARGEST, AnswerOf, pulse_of, signs_of
from limpet.appliance.networkos.hooks.verbs import MEANINGS, REQUIRED, TABLE, TIMEOUTS, Verb
from limpet.appliance.networkos.iproute import batch
from limpet.guest.day_zero_request import secrets_of
from limpet.guest.forgetting import Forgetting, any_answer
from limpet.guest.namespaces import HOST
from limpet.guest.steps import Answer, MakeFolder, Remove, Run, Task, Write
from limpet.guest.translation import NOTE, day_zero_document
from limpet.host.facts.reading import bytes_of, is_there, text_of
from limpet.host.facts.vendor_programs import VendorPrograms, look
from limpet.model.errors import HostError, MalformedDocument
from limpet.model.printable import printable
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.appliance.networkos.hooks.answers import Sign
    from limpet.config.settings import Config
    from limpet.guest.lease import AcquiredLease
    from limpet.guest.namespaces import Seen
    from limpet.guest.site import Nic, Site
    from limpet.guest.steps import Content, Step
    from limpet.guest.translation import DayZero
    from limpet.host.ports import Commands, Files

KEPT = Path("/run/limpet/hooks")
STARTED = KEPT / "start.json"
"""What the program `start` answered; gone after a start of the machine, as the network OS is."""
LOG = Path("/var/log/limpet-hooks.log")
"""What programs complain of."""
DAY_ZERO = Path("/var/lib/limpet/day-zero")
CUSTOM_DATA = "custom-data"
DOCUMENT = "document.json"
START_TASK, PORT_TASK, STOP_TASK = "network-os", "guest-port", "stop"
ADVICE = f"See {LOG}, and: limpet check-hooks FOLDER."


def programs_in(folder: Path, files: Files) -> VendorPrograms:
    """The programs of a folder. Raises: HostError, when it cannot be looked at."""
    return look(folder, [verb.value for verb in Verb], files)


def timeouts(config: Config) -> Mapping[Verb, float]:
    """How long each program may run, seconds, by the settings."""
    of_nics = dict.fromkeys((Verb.CLAIM, Verb.RELEASE, Verb.DRESS, Verb.PROTECT), config.hooks_nic_timeout)
    whole = dict.fromkeys((Verb.START, Verb.STOP, Verb.REVIVE, Verb.FORGET), config.hooks_start_timeout)
    return {
        **of_nics,
        **whole,
        Verb.HEALTH: config.hooks_health_timeout,
        Verb.DAY_ZERO: config.hooks_day_zero_timeout,
        Verb.COMMAND: config.commands_timeout,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class HooksNetworkOs:
    """A network OS that a vendor's programs drive. timeouts: seconds, by verb.

    again: looks at the programs anew, before anything is planned with them: whoever could change one meanwhile would be run as root.
    """

    programs: VendorPrograms
    timeouts: Mapping[Verb, float] = field(default_factory=lambda: TIMEOUTS)
    again: Callable[[], VendorPrograms] | None = None

    @property
    def name(self) -> str:
        """As the setting appliance.network_os has it."""
        return "hooks"

    @property
    def problem(self) -> str | None:
        """Why these programs cannot drive a network OS; None when they can."""
        programs = self._now
        if programs.problem is not None:
            return programs.problem
        for problem in programs.problems.values():
            return problem
        missing = [verb.value for verb in REQUIRED if verb.value not in programs.found]
        return f"{programs.folder} has no program {missing[0]}" if missing else None

    @property
    def _now(self) -> VendorPrograms:
        try:
            return self.programs if self.again is None else self.again()
        except HostError as error:
            return VendorPrograms(folder=self.programs.folder, problem=str(error))

    def day_zero(self, day_zero: DayZero) -> tuple[Task, ...]:
        """Have the program `day-zero` do it, or put the custom data where `start` finds it."""
        if day_zero.is_done:
            return ()
        steps: tuple[Step, ...] = (
            MakeFolder(DAY_ZERO, mode=0o700),
            Write(DAY_ZERO / CUSTOM_DATA, day_zero.custom_data, mode=0o600),
            Write(DAY_ZERO / DOCUMENT, day_zero_document(day_zero), mode=0o600),
        )
        if self._has(Verb.DAY_ZERO):
            steps = (self._planned(Verb.DAY_ZERO, told.day_zero_request(day_zero)),)
        note = Write(NOTE, f"{day_zero.vm_id}\n".encode(), mode=0o600)
        steps = (MakeFolder(NOTE.parent, mode=0o700), *steps, note)
        return (self._task(Verb.DAY_ZERO.value, TABLE[Verb.DAY_ZERO].purpose, *steps),)

    def start(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Run `start`, which makes the guest port, too; what is in the guest's namespace is done from here, and last."""
        if _guest_end_is_there(site, seen) and not seen.doubted and self.problem is None:
            return ()
        guest = Task(
            name="guest-network",
            purpose=f"make the network namespace {site.guest}",
            steps=() if seen.exists(site.guest) else (Run(("ip", "netns", "add", site.guest)),),
        )
        started = self._task(
            START_TASK,
            TABLE[Verb.START].purpose,
            MakeFolder(KEPT, mode=0o700),
            self._planned(Verb.START, told.request(Verb.START, site), kept=STARTED),
            after=(guest.name,),
        )
        port = Task(
            name=PORT_TASK,
            purpose=f"address the guest port {site.port.inner}, which the network OS puts into {site.guest}",
            steps=(*rules.guest_steps(site), *_guest_end(site)),
            after=(START_TASK,),
            advice=ADVICE,
        )
        return guest, started, port

    def claim(self, nic: Nic, site: Site, seen: Seen) -> Move:
        """Run `claim`, while anything with the NIC's MAC is in the host's namespace. Raises: HostError, for programs that are not run."""
        given = self._run(Verb.CLAIM, told.nic_request(Verb.CLAIM, nic, site.leases.get(nic.mac), site))
        return Move(
            name=f"claim {nic.name}",
            purpose=f"give {nic.name} to the network OS",
            forward=(given,) if _is_with_linux(nic, seen) else (),
            back=(self._release(nic, site),),
        )

    def release(self, nic: Nic, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Run `release`; a NIC that came back by itself only gets its name again.

        Programs that are not run must not keep a NIC: where the kernel sees it, it is taken without them. Raises: HostError, else.
        """
        place = moving.place_of(nic, seen)
        if place == HOST:
            return moving.release(nic, site, seen)
        try:
            return (self._release(nic, site),)
        except HostError:
            if place != site.network_os:
                raise
            return moving.release(nic, site, seen)

    def dress(self, nic: Nic, lease: AcquiredLease | None, site: Site, seen: Seen) -> tuple[Step, ...]:
        """Run `dress`, where there is one. Raises: HostError, for programs that are not run."""
        del seen
        if not self._has(Verb.DRESS):
            return ()
        return (self._run(Verb.DRESS, told.nic_request(Verb.DRESS, nic, lease, site)),)

    def protect(self, site: Site) -> tuple[Step, ...]:
        """The guest's rules from here; those of the network OS by `protect`, where there is one. Raises: HostError, for programs that are not run."""
        own = rules.guest_steps(site)
        if not self._has(Verb.PROTECT):
            return own
        return (*own, self._run(Verb.PROTECT, told.request(Verb.PROTECT, site)))

    def health(self, site: Site, files: Files, commands: Commands, *, deep: bool) -> Pulse:
        """Look at the signs that `start` named; deep: run `health`."""
        kept = bytes_of(files, STARTED, at_most=LARGEST)
        if kept is None:
            return Pulse(
                health=Health.GONE, problem="it was not started since the machine was", cause="start"
            )
        try:
            signs = signs_of(kept, self._path(Verb.START))
        except MalformedDocument as error:
            return Pulse(health=Health.GONE, problem=f"{STARTED} is damaged: {error}", cause="start")
        for sign in signs:
            lost = _lost(sign, files)
            if lost is not None and not deep:
                return lost
        return self.asked(site, files, commands) if deep else Pulse(health=Health.HEALTHY)

    def revive(self, site: Site, seen: Seen, pulse: Pulse) -> tuple[Task, ...]:
        """Run `revive`, or `start` again."""
        if pulse.health is Health.HEALTHY:
            return ()
        if not self._has(Verb.REVIVE):
            return self.start(site, seen.in_doubt())
        run = self._planned(Verb.REVIVE, told.revive_request(site, pulse))
        return (self._task("revive", TABLE[Verb.REVIVE].purpose, run),)

    def stop(self, site: Site, seen: Seen) -> tuple[Task, ...]:
        """Run `stop`; what `start` answered is forgotten."""
        held = [nic.name for nic in site.nics if moving.place_of(nic, seen) == site.network_os]
        if held:
            problem = f"it still has {', '.join(held)}"
            return (Task(name=STOP_TASK, purpose=TABLE[Verb.STOP].purpose, problem=problem),)
        run = self._planned(Verb.STOP, told.request(Verb.STOP, site))
        return (self._task(STOP_TASK, TABLE[Verb.STOP].purpose, run, Remove(STARTED)),)

    def forget(self, files: Files) -> Forgetting:
        """Run `forget`, each time: only the program knows what is left. Where there is none, that is told."""
        advice = f"See {LOG}. The programs are examined by: limpet check-hooks --look {self.programs.folder}."
        programs = self._now
        problem = programs.problem or programs.problems.get(Verb.FORGET.value)
        tasks = forgotten(
            "custom-data", "forget the custom data that was kept for it", (DAY_ZERO, NOTE), files
        )
        if problem is not None or self._has(Verb.FORGET):
            steps = () if problem is not None else (self._forgotten(),)
            purpose = TABLE[Verb.FORGET].purpose
            asked = Task(name=Verb.FORGET.value, purpose=purpose, steps=steps, problem=problem, advice=advice)
            return Forgetting(network_os=self.name, tasks=(asked, *tasks))
        note = f"The network OS keeps what it was configured with: {self.programs.folder} has no program {Verb.FORGET.value}."
        return Forgetting(network_os=self.name, tasks=tasks, notes=(note,))

    def _forgotten(self) -> Run:
        answer = Answer(check=any_answer, log=LOG, meanings=MEANINGS)
        return Run(
            self._argv(Verb.FORGET),
            stdin=told.forget_request(),
            timeout=self.timeouts[Verb.FORGET],
            answer=answer,
        )

    def command(self, line: str) -> Run:
        """Run `command`. Raises: HostError, where there is none."""
        if not self._has(Verb.COMMAND):
            raise HostError("this network OS takes no commands: its vendor has no program for them")
        self._trust(Verb.COMMAND)
        return Run(
            self._argv(Verb.COMMAND), stdin=told.command_request(line), timeout=self.timeouts[Verb.COMMAND]
        )

    def _has(self, verb: Verb) -> bool:
        """Whether there is one, also one that must not be run: nobody is to believe then that it was."""
        programs = self._now
        return verb.value in programs.found or verb.value in programs.problems or programs.problem is not None

    def _path(self, verb: Verb) -> str:
        return str(self.programs.folder / verb.value)

    def _argv(self, verb: Verb) -> tuple[str, ...]:
        return (self._path(verb), verb.value)

    def _task(self, name: str, purpose: str, *steps: Step, after: tuple[str, ...] = ()) -> Task:
        """A task that is not tried with programs that cannot be used."""
        steps = () if self.problem is not None else steps
        return Task(name=name, purpose=purpose, steps=steps, problem=self.problem, advice=ADVICE, after=after)

    def _run(self, verb: Verb, document: Content) -> Run:
        """Raises: HostError, for a program that must not be run."""
        self._trust(verb)
        return self._planned(verb, document)

    def _trust(self, verb: Verb) -> None:
        """Raises: HostError, for a program that must not be run."""
        programs = self._now
        problem = programs.problem or programs.problems.get(verb.value)
        if problem is not None:
            raise HostError(problem)

    def _planned(self, verb: Verb, document: Content, *, kept: Path | None = None) -> Run:
        answer = Answer(
            check=AnswerOf(verb, self._path(verb)),
            kept=kept,
            log=LOG,
            meanings=MEANINGS,
            secrets=secrets_of if verb is Verb.DAY_ZERO else None,
        )
        return Run(self._argv(verb), stdin=document, timeout=self.timeouts[verb], answer=answer)

    def _release(self, nic: Nic, site: Site) -> Run:
        return self._run(Verb.RELEASE, told.nic_request(Verb.RELEASE, nic, None, site))

    def asked(self, site: Site, files: Files, commands: Commands) -> Pulse:
        """What `health` says, whether or not the network OS was started."""
        path = self._path(Verb.HEALTH)
        # Looked at anew: whoever can change a program since the start would be asked here with root's rights.
        trusted = HooksNetworkOs(programs=programs_in(self.programs.folder, files), timeouts=self.timeouts)
        if trusted.problem is not None:
            return Pulse(health=Health.WOUNDED, problem=trusted.problem, cause="programs")
        limit = self.timeouts[Verb.HEALTH]
        done = commands.run(
            self._argv(Verb.HEALTH), stdin=told.request(Verb.HEALTH, site), timeout=limit, at_most=LARGEST + 1
        )
        if done.exit_code is None:
            return Pulse(health=Health.WOUNDED, problem=f"{path} did not end in {limit:g} s", cause="health")
        if done.exit_code != 0:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = redacted(printable(said[-1])[:300]) if said else f"it ended with {done.exit_code}"
            return Pulse(health=Health.WOUNDED, problem=f"{path}: {reason}", cause="health")
        try:
            return pulse_of(done.stdout, path)
        except MalformedDocument as error:
            return Pulse(health=Health.WOUNDED, problem=str(error), cause="health")


def _is_with_linux(nic: Nic, seen: Seen) -> bool:
    """Whether a NIC, or a virtual function of it, is in the host's namespace."""
    face, functions = moving.halves(nic, seen.links(HOST))
    return face is not None or bool(functions)


def _guest_end_is_there(site: Site, seen: Seen) -> bool:
    end = seen.named(site.guest, site.port.inner)
    return (
        end is not None and end.up and site.port.inner_address in end.addresses and _label(site) in end.labels
    )


def _guest_end(site: Site) -> tuple[Step, ...]:
    """Its address comes last, with a label of ours: where that is seen, all before it was done."""
    name = site.port.inner
    lines = [
        "link set dev lo up",
        f"link set dev {name} up",
        f"address flush dev {name} scope global",
        f"route replace default via {site.port.outer_address.ip} dev {name} onlink",
        f"address add {site.port.inner_address} broadcast + dev {name} label {_label(site)}",
    ]
    return batch(site.guest, lines)


def _label(site: Site) -> str:
    return f"{site.port.inner}:hooks"


def _lost(sign: Sign, files: Files) -> Pulse | None:
    """What is wrong when a sign of life is missing; None while it is there."""
    if not is_there(files, sign.path):
        return Pulse(health=sign.lost, problem=f"{sign.path} is gone", cause=sign.cause)
    if not sign.process:
        return None
    number = text_of(files, sign.path, at_most=32) or ""
    if number.isdecimal() and _lives(number, files):
        return None
    return Pulse(health=sign.lost, problem=f"the process of {sign.path} has ended", cause=sign.cause)


def _lives(number: str, files: Files) -> bool:
    """Whether a process is there, and not only what is left of it until its parent asks how it ended."""
    process = Path("/proc", number)
    stat = text_of(files, process / "stat", at_most=1024) or ""
    return is_there(files, process) and stat.rpartition(")")[2].split()[:1] not in (["Z"], ["X"])
