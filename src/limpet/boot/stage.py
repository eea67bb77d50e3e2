"""The boot stage from facts to marker: what is done in which boot, and in which order.

    identity → marker → drivers → who provisions → media → (network → "Provisioning") beside (access, identity, disks) → marker → "Ready"

What fails is told with what was tried and what to do; what does not depend on it goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.boot import local, provisioning, sources, upkeep
from limpet.boot.connecting import Connecting
from limpet.boot.doing import Doing
from limpet.boot.media import eject
from limpet.boot.report import READY as SAID_READY
from limpet.boot.report import Reports
from limpet.boot.result import FAILED, LEFT, READY, UNREPORTED, Result
from limpet.guest.clone import plan_forgetting
from limpet.guest.identity import vm_id_of
from limpet.guest.marker import NO_ID, Marker, Standing, judge_marker, plan_marker
from limpet.guest.provisioner import choose_provisioner
from limpet.guest.sources import plan_login
from limpet.host.facts import clone, cloud_init, identity, marker
from limpet.model.errors import FabricError, HostError, LimpetError
from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.boot.machine import Machine
    from limpet.boot.provisioning import Wanted
    from limpet.boot.sources import Source
    from limpet.config.settings import Config
    from limpet.guest.steps import Outcome

AGENT = f"limpet/{__version__}"
SCVMM_OUTPUT = Path("/var/log/limpet-scvmm.log")
_CORRECT = "Correct it and start again; limpet config check FILE says what is wrong."
AGAIN_PATIENCE = 20.0
"""How long a boot after the first waits for a lease, and then for the fabric, seconds: the rest of the start waits for it."""


class Stage:
    """One boot. tell: hears of each task as it ends."""

    def __init__(
        self, machine: Machine, config: Config, tell: Callable[[Outcome], None] = lambda _outcome: None
    ) -> None:
        self._machine = machine
        self._config = config
        self._doing = Doing(machine, tell)
        self._begun = machine.clock.monotonic()
        self._notes: list[str] = []
        self._source: Source | None = None
        self._vm_id: str | None = None
        self._standing = Standing.NEW
        self._marked = False
        self._unread: list[str] = []
        self._reports = Reports(
            files=machine.files,
            key_values=machine.key_values,
            clock=machine.clock,
            log=machine.log,
            agent=AGENT,
            vm_id=None,
            handover=config.ready == "late",
        )
        self._connecting = Connecting(machine, config, self._reports)

    def run(self) -> Result:
        """Do what this boot asks for. Whatever happens is told; nothing is raised."""
        try:
            return self._run()
        except Exception as error:  # noqa: BLE001 - a VM that says nothing is given up 20 minutes later without a reason
            return self._broken(error)

    def refused(self, problem: str) -> Result:
        """Do nothing but tell the fabric why nothing can be done: the configuration cannot be used."""
        try:
            self._identify()
            self._doing.fail("configuration", "read the configuration", problem, advice=_CORRECT)
            who = choose_provisioner(
                self._config.provisioning_agent, cloud_init.look(self._machine.files)
            ).who
            if who != "limpet":
                return self._result(FAILED, problem)
            self._connecting.connect(None, patience=min(AGAIN_PATIENCE, self._config.dhcp_patience))
            return self._failed()
        except Exception as error:  # noqa: BLE001 - as above
            return self._broken(error)

    def _run(self) -> Result:
        self._identify()
        self._doing.apply(
            "drivers", partial(upkeep.plan_drivers, self._machine, self._config), required=False
        )
        if self._config.detect_scvmm and (found := self._scvmm()) is not None:
            return found
        choice = choose_provisioner(self._config.provisioning_agent, cloud_init.look(self._machine.files))
        self._machine.log.info(
            "boot.begun", vm=self._vm_id, standing=self._standing.value, provisioner=choice.who
        )
        if choice.who == "cloud-init" and choice.problem is None:
            self._upkeep()
            return self._result(LEFT, choice.why)
        known = self._standing in {Standing.PROVISIONED, Standing.ADOPTED}
        if choice.who == "cloud-init" and known:  # it was needed once
            return self._again("the VM was provisioned before, and cloud-init does not run any more")
        if choice.problem is not None:
            self._doing.fail("provisioner", "agree on who provisions this VM", choice.problem)
        if choice.problem is None and not known and choice.who == "limpet":
            return self._provisioned()
        return self._again(choice.problem or choice.why)

    def _identify(self) -> None:
        machine = self._machine
        try:
            self._vm_id = vm_id_of(identity.look(machine.files, machine.commands))
        except HostError as error:
            self._notes.append(str(error))
        self._reports.vm_id = self._vm_id
        verdict = judge_marker(marker.look(machine.files, self._config.library), self._vm_id)
        self._standing = verdict.standing
        if verdict.note:
            self._notes.append(verdict.note)

    def _scvmm(self) -> Result | None:
        """System Center's media belongs to its own agent, and so does the machine then."""
        from limpet.boot.scvmm import bootstrap  # noqa: PLC0415 - only where it is configured

        machine = self._machine
        found = bootstrap(
            machine.interpreter, self._config.media_mount_point, machine.log, output=SCVMM_OUTPUT
        )
        if found is None:
            return None
        if found.problem is not None:
            self._doing.fail("scvmm", "start SCVMM's agent from its media", found.problem)
            return self._result(FAILED, f"SCVMM's agent did not do its work: {found.problem}")
        return self._result(LEFT, f"SCVMM's agent provisions this machine, from {found.device}")

    def _again(self, why: str) -> Result:
        """A boot after the first: the machine is seen to, and the fabric hears that it is ready."""
        patience = min(AGAIN_PATIENCE, self._config.dhcp_patience)
        connect = partial(self._connecting.connect, None, patience=patience)
        self._machine.side_by_side(connect, self._upkeep)
        self._doing.outcomes += self._connecting.outcomes
        if self._doing.failures():
            return self._failed()
        self._mark()
        result = self._reported(why, patience=AGAIN_PATIENCE)
        cut_short = sources.kept(self._machine, self._config, self._vm_id or NO_ID)
        return result if cut_short is None else self._finished(result, cut_short.wanted)

    def _provisioned(self) -> Result:
        machine, config = self._machine, self._config
        if self._standing is Standing.CLONE:
            self._doing.apply(
                "clone", lambda: [plan_forgetting(clone.look(machine.files, config.library), config.library)]
            )
        vm_id = self._vm_id or NO_ID
        if sources.waited(machine, config, vm_id) and self._pooled(vm_id, None):
            return self._concluded()
        try:
            self._source = sources.from_media(
                machine, config, vm_id, patience=config.media_patience, problems=self._unread
            )
        except LimpetError as error:
            self._doing.fail(
                "media",
                "use the provisioning media",
                str(error),
                advice="Redeploy the VM; the media is made by the platform.",
            )
        if self._source is not None and self._in_pool(vm_id, self._source):
            return self._concluded()
        if self._source is not None:
            name = self._source.wanted.environment.host_name
            if self._source.wanted.by_thumbprint or self._source.wanted.environment.user_name is None:
                # Certificates, and a user whom the media does not name, come by the network.
                self._connecting.connect(name, lasting=False)
                self._complete(self._source)
                if self._in_pool(vm_id, self._source):
                    return self._concluded()
                self._connecting.settle()
                self._local(self._source)
            else:
                machine.side_by_side(
                    partial(self._connecting.connect, name), partial(self._local, self._source)
                )
        else:
            machine.side_by_side(partial(self._connecting.connect, None, lasting=False), self._upkeep)
            self._from_metadata(vm_id)
            self._connecting.settle()
        if self._source is None:
            self._doing.apply(
                "host-keys", partial(provisioning.plan_missing_host_keys, machine, config), required=False
            )
        self._doing.outcomes += self._connecting.outcomes
        return self._concluded()

    def _from_metadata(self, vm_id: str) -> None:
        """Provision by metadata, unless there was media: metadata knows neither its password nor its custom data."""
        if any(outcome.task.name == "media" for outcome in self._doing.outcomes):
            return
        unread = f" that can be read ({'; '.join(self._unread)})" if self._unread else ""
        if unread:
            self._notes.append(f"there is no media{unread}")
        try:
            self._source = sources.from_metadata(self._machine, vm_id)
        except FabricError as error:
            self._doing.fail(
                "metadata",
                f"learn how to provision this VM, for there is no media{unread}",
                str(error),
                advice="Attach provisioning media, or see that 169.254.169.254 is reached.",
            )
            return
        if self._in_pool(vm_id, self._source):
            return
        self._notes += self._source.notes
        self._doing.apply("login", partial(plan_login, self._source.wanted.environment))
        self._reports.starting()
        self._local(self._source, see_to_all=False)
        self._connecting.publish(self._source.wanted.environment.host_name)

    def _in_pool(self, vm_id: str, source: Source) -> bool:
        return source.pooled and not source.wanted.resumed and self._pooled(vm_id, source)

    def _pooled(self, vm_id: str, source: Source | None) -> bool:
        """Wait in a pool until this VM is somebody's, and make it theirs. False for one that is in no pool."""
        from limpet.boot import pool  # noqa: PLC0415 - few VMs come out of a pool

        try:
            found, notes = pool.given(self._machine, self._config, self._reports, vm_id, source)
        except LimpetError as error:
            self._doing.fail("pool", "learn whom this VM was given to", str(error), advice=pool.ADVICE)
            return True
        self._notes += notes
        if found is None:
            return False
        self._source, self._connecting = found.source, found.connecting
        self._notes += found.notes
        self._reports.starting()
        self._complete(found.source)
        self._local(self._source)
        self._connecting.publish(self._source.wanted.environment.host_name)
        self._connecting.settle()
        self._doing.outcomes += self._connecting.outcomes
        return True

    def _local(self, source: Source, *, see_to_all: bool = True) -> None:
        local.provision(self._doing, self._machine, self._config, source.wanted, see_to_all=see_to_all)

    def _upkeep(self) -> None:
        local.see_to(self._doing, self._machine, self._config)

    def _complete(self, source: Source) -> None:
        """Fetch what the media only names, or leaves out."""
        if source.wanted.environment.user_name is None:
            try:
                self._source = source = sources.completed(self._machine, source)
            except LimpetError as error:
                self._doing.fail(
                    "user",
                    "learn who is to log in, for the media names no user",
                    str(error),
                    advice="Give the VM an administrator's name.",
                )
        if not source.wanted.by_thumbprint:
            return
        problem = self._connecting.fetch_certificates(source.wanted.by_thumbprint)
        if problem is not None:
            self._doing.fail(
                "certificates", "fetch the certificates that keys are made of", problem, required=False
            )

    def _concluded(self) -> Result:
        """Marker and Ready, or the failure; and what comes after everything."""
        machine, config, source = self._machine, self._config, self._source
        if source is not None and source.media is not None:
            eject(sources.drive(machine, config), source.media)
        if self._doing.failures() or source is None:
            return self._failed()
        wanted = source.wanted
        published = self._connecting.published
        self._doing.apply(
            "host-name-record",
            partial(provisioning.plan_host_name_note, machine, config, wanted, published=published),
            required=False,
        )
        self._mark()
        if self._doing.failures():
            return self._failed()
        result = self._reported(f"the VM is provisioned by {source.where}", publish_key=True)
        return self._finished(result, wanted)

    def _finished(self, result: Result, wanted: Wanted) -> Result:
        """What is for after Ready: custom data may run for long, and the platform gives up a VM that is not ready."""
        machine, config = self._machine, self._config
        self._doing.apply(
            "custom-data-run",
            partial(provisioning.plan_custom_data_execution, machine, config, wanted),
            required=False,
        )
        self._doing.apply("begun", partial(provisioning.plan_end, machine), required=False)
        return replace(result, outcomes=tuple(self._doing.outcomes), seconds=self._seconds())

    def _mark(self) -> None:
        """Note that this VM is provisioned, before the fabric is told: it must never be done twice."""
        if self._vm_id is None and self._standing in {Standing.PROVISIONED, Standing.ADOPTED}:
            self._marked = True  # what is written may have the id, which says more than we could
            return
        machine, library = self._machine, self._config.library
        machine.kernel.sync()  # what programs have written must not be younger than the marker
        new = Marker(vm_id=self._vm_id or NO_ID, at=machine.clock.now(), agent=AGENT)
        self._doing.apply("marker", lambda: [plan_marker(marker.look(machine.files, library), new, library)])
        self._marked = not self._doing.failures()

    def _reported(self, why: str, *, patience: float | None = None, publish_key: bool = False) -> Result:
        if self._connecting.problem is not None:
            return self._result(
                UNREPORTED, f"{why}, but there is no way to the fabric: {self._connecting.problem}"
            )
        try:
            self._reports.ready(self._doing.lacking(), patience=patience)
        except LimpetError as error:
            return self._result(UNREPORTED, f"{why}, but the fabric could not be told: {error}")
        if publish_key:
            self._connecting.publish_key(provisioning.host_key(self._machine, self._config))
        return self._result(READY, why)

    def _failed(self) -> Result:
        reason = self._doing.reason() or "nothing says how to provision"
        self._reports.failed(reason)
        return self._result(FAILED, reason)

    def _broken(self, error: Exception) -> Result:
        """The stage itself cannot go on: what was done stays, and the fabric hears of it unless the VM is provisioned."""
        if isinstance(error, LimpetError):
            self._doing.fail("boot", "go on", str(error))
        else:
            self._doing.unexpected("boot", "go on", error)
        try:
            if not self._marked:
                if self._connecting.connection is None and self._connecting.problem is None:
                    self._connecting.connect(None)
                return self._failed()
        except Exception as another:  # noqa: BLE001 - there is nothing left to try
            self._doing.unexpected("report", "tell the fabric", another)
        state = UNREPORTED if self._marked and SAID_READY not in self._reports.sent else FAILED
        return self._result(state, self._doing.reason())

    def _seconds(self) -> float:
        return self._machine.clock.monotonic() - self._begun

    def _result(self, state: str, why: str) -> Result:
        way = self._connecting.connection
        result = Result(
            state=state,
            why=redacted(why),
            standing=self._standing.value,
            vm_id=self._vm_id,
            source=None if self._source is None else self._source.where,
            endpoint=None if way is None else way.endpoint,
            interface=None if way is None else way.interface,
            outcomes=tuple(self._doing.outcomes),
            reported=tuple(self._reports.sent),
            notes=(*self._notes, *(way.notes if way else ())),
            seconds=self._seconds(),
        )
        self._machine.log.info("boot.ended", state=state, why=result.why, seconds=round(result.seconds, 3))
        return result
