"""An appliance under its supervisor: started as a unit, waited for, and held against what must never happen."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.system.preempting import before_others

from limpet.appliance.journal import Record, parse_journal
from limpet.lab import cgroups
from limpet.lab.appliance.room import CONFIGURATION, Parts, Wish, appliance
from limpet.lab.appliance.sight import HOST, NOS
from limpet.lab.appliance.sources import File
from limpet.lab.clock import now, wait_for
from limpet.lab.commands import LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from limpet.lab.appliance.room import Appliance

UNIT = "limpet-appliance"
UNIT_TEXT = """\
[Service]
Type=exec
ExecStart=limpet appliance run {}
KillMode=process
Delegate=yes
"""
JOURNAL, SHOWN = "/var/lib/limpet/journal", "/run/limpet/show.json"
STATE = "/var/lib/limpet/guest/state"
"""The guest's folders that stay, as the host has them while its volume is mounted."""
QUICK = """
retry_pause = 1
confirm_timeout = 5
"""
"""So that what fails is tried again within a test."""
PASSWORD, PROTECTED = "never-to-be-seen-9", "never-to-be-seen-10"
ACCOUNT = {"userName": "ada", "computerName": "router-1", "password": PASSWORD, "disablePassword": False}
ROWS = "LIMPET_OBSERVATIONS"
"""Names a file that gets what each case observed, a line each: how docs/appliance-failures.md was made."""
PLATFORM_SERVICES = {"wire-server", "host-plugin", "storage"}
PROBES = {"versions", "host-plugin-versions", "metadata-versions", "host-plugin-health"}
LETTING_GO = 15.0
"""How long a holder that was told to let go may still be in its last exchange, seconds."""
STAND_IN = ("handover", "rolled back", "guest shell keeps failing", "network OS", "operator has disabled")
"""How the texts of the status-only agent are known."""


@dataclass
class Supervised:
    """One appliance with a supervisor. story: what was observed, for people."""

    made: Appliance
    story: list[str] = field(default_factory=list)
    _identity: str = ""
    _began: float = 0.0

    @property
    def world(self) -> Any:
        return self.made.world

    @property
    def name(self) -> str:
        return self.made.name

    # The supervisor

    def start(self, *options: str) -> None:
        """By its unit: what it has started goes on when it is stopped or killed."""
        self.made.machine.write(f"/etc/systemd/system/{UNIT}.service", UNIT_TEXT.format(" ".join(options)))
        self.made.sh(f"systemctl daemon-reload; systemctl reset-failed {UNIT} 2>&-; systemctl start {UNIT}")

    def stop(self) -> None:
        self.made.run(["systemctl", "stop", UNIT]).checked()

    def kill(self) -> None:
        """At once, and only the supervisor itself."""
        self.made.run(["systemctl", "kill", "--kill-whom=main", "--signal=KILL", UNIT]).checked()
        wait_for(lambda: not self.runs(), "the supervisor to be dead", timeout=60)

    def kill_at(self, record: Callable[[Record], bool], what: str, *, after: int = 0) -> Record:
        """Kill it at the moment that such a record is in the journal, while nothing else goes on."""
        with self.halted(record, what, after=after) as found:
            for process in _processes(self.made.machine.cgroup):
                with suppress(OSError):
                    if b"appliance\0run\0" in Path(f"/proc/{process}/cmdline").read_bytes():
                        os.kill(process, signal.SIGKILL)
        wait_for(lambda: not self.runs(), "the supervisor to be dead", timeout=60)
        return found

    def runs(self) -> bool:
        return self.made.run(["systemctl", "is-active", "--quiet", UNIT]).exit_code == 0

    def pid(self) -> str:
        said = self.made.run(["systemctl", "show", "--property=MainPID", "--value", UNIT])
        return said.checked().strip()

    # What it shows

    def shown(self) -> dict[str, Any]:
        """What `limpet show` reads; empty while there is nothing."""
        try:
            found: dict[str, Any] = json.loads(self.made.machine.read(SHOWN))
        except (OSError, ValueError):
            return {}
        return found

    def stage(self) -> str:
        return str(self.shown().get("stage"))

    def await_stage(self, *stages: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until it is in one of these stages, and give what it shows then."""
        return self.await_shown(
            lambda found: found.get("stage") in stages, " or ".join(stages), timeout=timeout
        )

    def await_state(self, name: str, *, after: int = 0) -> None:
        """Wait until it has been in a state since record `after` of its journal, if only for a moment."""
        self.await_shown(lambda _: name in self.states(after=after), f"it to have been {name}")

    def await_shown(
        self, holds: Callable[[dict[str, Any]], object], what: str, *, timeout: float = 120
    ) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.shown()
            return found if found and holds(found) else None

        try:
            return wait_for(look, what, timeout=timeout, pause=0.02)
        except LabError as error:
            raise LabError(f"{error}\n{self.told()}") from error

    def told(self) -> str:
        """All that explains where it is."""
        said = self.made.run(["journalctl", "-u", UNIT, "--no-pager", "-o", "short-monotonic"], timeout=60)
        shown = json.dumps(self.shown(), indent=1)
        agent = self.in_guest("journalctl -u limpet-agent --no-pager -o short-monotonic | tail -n 20")
        return f"{shown}\n{said.stdout[-9000:]}\n{agent[-4000:]}"

    def journal(self) -> list[Record]:
        """What it noted."""
        try:
            return list(parse_journal(self.made.machine.path(JOURNAL).read_bytes())[0])
        except OSError:
            return []

    def states(self, *, after: int = 0) -> list[str]:
        """The states that were entered, in order."""
        noted = (each for each in self.journal() if each.kind == "state" and each.number > after)
        return [str(each.facts["state"]) for each in noted]

    def last(self) -> int:
        """The number of the journal's last record."""
        return max((each.number for each in self.journal()), default=0)

    @contextmanager
    def halted(
        self, holds: Callable[[Record], bool], what: str, *, after: int = 0, timeout: float = 120
    ) -> Iterator[Record]:
        """All processes of the machine stand still from such a record of the journal on until the end of this."""

        journal = File(self.made.machine, JOURNAL)

        def look() -> Record | None:
            return next(
                (each for each in parse_journal(journal.news())[0] if each.number > after and holds(each)),
                None,
            )

        with ExitStack() as halted:
            with before_others():
                record = wait_for(look, f"the journal to have {what}", timeout=timeout, pause=0.001)
                halted.enter_context(cgroups.frozen(self.made.machine.cgroup))
            yield record

    # What the fabric sees

    def serial(self) -> int:
        """How many reports came."""
        return int(self.world.vm(self.name)["statusReports"])

    def await_report(self, says: str, *, after: int, timeout: float = 120) -> dict[str, Any]:
        """Wait until the fabric has a report with these words in its text, and give it."""

        def look() -> dict[str, Any] | None:
            found = self.world.statuses(self.name, after=after)
            return next((each for each in found if says in text_of(each)), None)

        try:
            return wait_for(look, f"a report with {says!r}", timeout=timeout, pause=0.05)
        except LabError as error:
            texts = [text_of(each) for each in self.world.statuses(self.name, after=after)]
            raise LabError(f"{error}; there were {texts}\n{self.told()}") from error

    def await_guest_report(self, *, after: int, timeout: float = 120) -> dict[str, Any]:
        """Wait until the fabric has a report of the guest shell's agent."""

        def look() -> dict[str, Any] | None:
            found = self.world.statuses(self.name, after=after)
            return next((each for each in found if not is_stand_in(each)), None)

        try:
            return wait_for(look, "a report of the guest shell", timeout=timeout, pause=0.05)
        except LabError as error:
            raise LabError(f"{error}\n{self.told()}") from error

    def await_poll(self, *, timeout: float = 60) -> None:
        """Wait until the agent has asked for the goal state once more."""
        asked = self.world.requests(self.name)
        self.world.wait(
            self.name,
            endpoint="vm-settings",
            requests=1,
            after=asked[-1]["id"] if asked else 0,
            timeout=timeout,
        )

    def publish_nothing(self) -> None:
        """A new goal state with nothing new in it: it is answered by a report as soon as it is seen."""
        self.world.publish(self.name)

    # The guest

    def guest(self) -> str:
        """The process id of the guest's init, as its machine has it; empty when none lives."""
        listed = self.made.run(["sh", "-c", "cat /run/limpet/guest/guest-shell/init"]).stdout.strip()
        return listed if listed and self.made.run(["kill", "-0", listed]).exit_code == 0 else ""

    def in_guest(self, script: str, *, timeout: float = 120) -> str:
        """What a script prints in the guest shell; empty where there is none."""
        init = self.guest()
        if not init:
            return ""
        return self.made.run(["nsenter", "-t", init, "-a", "sh", "-c", script], timeout=timeout).stdout

    # The story

    def begins(self) -> float:
        """Something is done to it now; `took` counts from here."""
        self._began = now()
        return self._began

    def took(self, at: float | None = None) -> float:
        """Seconds since `begins`, until `at` (now, when left out)."""
        return round((now() if at is None else at) - self._began, 2)

    def observed(self, case: str, what: str) -> None:
        """Write it down, where that is wanted."""
        self.story.append(what)
        target = os.environ.get(ROWS)
        if target:
            with Path(target).open("a", encoding="utf-8") as rows:
                rows.write(f"{case}\t{what}\n")

    # What must hold

    def provisioned(self) -> str:
        """What provisioning makes once: its note, host keys, the account with its (salted) password."""
        asked = (
            "cat /var/lib/waagent/provisioned /etc/ssh/ssh_host_*_key.pub /etc/shadow 2>/dev/null | sha256sum; "
            "stat -c '%y' /var/lib/waagent/provisioned"
        )
        return self.made.sh(asked)

    def remember(self) -> None:
        """Note what was provisioned, so that `check` sees that it was not done again."""
        self._identity = self.provisioned()

    def check(self, *, bundle: bool = False) -> None:
        """What must never happen, did not."""
        self.check_one_talks()
        if self._identity:
            assert self.provisioned() == self._identity, "it was provisioned again"
        self.check_secrets(bundle=bundle)
        self.check_reachable()

    def check_reachable(self) -> None:
        """The platform reaches the primary NIC, whoever has it; and that is one of the two."""
        answer = wait_for(
            lambda: found if (found := self.made.probe(0, 9)) == "Connection refused" else None,
            "the platform's probe to be answered", timeout=60,
        )  # fmt: skip
        assert answer
        assert self.made.owners()[self.made.cards[0].name] in {HOST, NOS}

    def check_one_talks(self) -> None:
        """Epochs only grow, reports come from who has the lease, and nobody asks anything while nobody has it."""
        grants = [each for each in self.journal() if each.kind == "grant"]
        epochs = [each.facts["epoch"] for each in grants]
        assert epochs == sorted(set(epochs)), epochs
        times = [(each.at, str(each.facts["holder"])) for each in grants]
        for each in self.world.statuses(self.name):
            holder, before, _ = _holder(times, each["at"])
            talker = "status-only" if is_stand_in(each) else "guest-shell"
            assert talker in {holder, before if holder == "nobody" else holder}, (
                text_of(each),
                holder,
                before,
            )
        for each in self.world.requests(self.name):
            if each["service"] not in PLATFORM_SERVICES or each["endpoint"] in PROBES:
                continue
            holder, before, since = _holder(times, each["at"])
            fine = holder != "nobody" or (before is not None and each["at"] - since < LETTING_GO)
            assert fine, (each["endpoint"], each["at"], holder, before)

    def check_secrets(self, *, bundle: bool) -> None:
        """No password, protected setting or private key in what people are shown."""
        places = [JOURNAL, SHOWN, "/run/limpet/appliance", "/run/log/journal", "/var/log"]
        words = ["-e", PASSWORD, "-e", PROTECTED, "-e", "PRIVATE KEY"]
        if bundle:
            self.made.run(["limpet", "support-bundle", "--output", "/run/bundle.zip"], timeout=120).checked()
            self.made.sh("rm -rf /run/bundle; python3 -m zipfile -e /run/bundle.zip /run/bundle")
            places.append("/run/bundle")
        found = self.made.run(["grep", "-rlaF", *words, *places], timeout=60)
        assert found.stdout == "", found.stdout


def moves(name: str) -> Callable[[Record], bool]:
    """Whether a record says that a NIC is about to go to the network OS."""
    return lambda each: (
        each.kind == "move" and each.facts["name"] == name and each.facts["to"] == "network OS"
    )


def enters(state: str) -> Callable[[Record], bool]:
    """Whether a record says that a state begins."""
    return lambda each: each.kind == "state" and each.facts["state"] == state


def text_of(report: Mapping[str, Any]) -> str:
    """The agent's own words in a report."""
    message = (report.get("status") or {}).get("message") or {}
    return str(message.get("message", ""))


def is_stand_in(report: Mapping[str, Any]) -> bool:
    """Whether a status-only agent made it."""
    return any(words in text_of(report) for words in STAND_IN)


def _processes(cgroup: Path) -> Iterator[int]:
    for file in cgroup.rglob("cgroup.procs"):
        yield from map(int, file.read_text(encoding="ascii").split())


def _holder(times: list[tuple[float, str]], at: float) -> tuple[str, str | None, float]:
    """Who had the lease at a moment, who had it before, and since when."""
    past = [each for each in times if each[0] <= at]
    if not past:
        return "nobody", None, 0.0
    since, holder = past[-1]
    before = next((other for _, other in reversed(past[:-1]) if other != "nobody"), None)
    return holder, before, since


@contextmanager
def machine(
    parts: Parts,
    *,
    network_os: str = "kernel",
    nics: int = 1,
    settings: str = "",
    guest: str = "",
    account: Mapping[str, object] = ACCOUNT,
    **wish: Any,
) -> Iterator[Supervised]:
    """An appliance that was booted, and whose supervisor was not started yet. guest: settings of the guest shell."""
    configuration = f'{CONFIGURATION}\n[appliance]\nnetwork_os = "{network_os}"\n{QUICK}{settings}\n[guest_shell]\n{guest}\n'
    wanted = Wish(nics=nics, account=account, configuration=configuration, **wish)
    with appliance(parts, wanted) as made:
        made.boot()
        yield Supervised(made)


@contextmanager
def steady(parts: Parts, **wish: Any) -> Iterator[Supervised]:
    """The same, handed over, with its agent heard by the fabric."""
    with machine(parts, **wish) as found:
        found.start()
        found.await_stage("steady")
        found.await_guest_report(after=0)
        found.remember()
        yield found
