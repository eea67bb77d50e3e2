"""What one can wait for: conditions on what a VM did, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import ProvisioningReport, StatusReport, VirtualMachine
    from limpet.model.status import HandlerStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Everything that is given must hold at once; None and empty mean that it does not matter.

    handler, version, extension, sequence, status, handler_status, code: of one entry of one readable status report.
    status: the extension's word, such as ``success``. gone: the newest report names `handler` no more.
    goal_state: the aggregate's status; goal_state_code its code; svd_sequence_number what it answers, as text.
    after_status: only reports with a larger serial count.
    incarnation, etag: was handed out. requests: at least so many to `endpoint` with an id above `after`.
    health: the newest health report's state, with sub status after a slash, such as ``NotReady/Provisioning``.
    host_name: what the platform's DNS has, by DHCP. role_property: was sent, by its name, or ``name=value``.
    health_reports: at least so many came.
    """

    handler: str | None = None
    version: str | None = None
    extension: str | None = None
    sequence: int | None = None
    status: str | None = None
    handler_status: str | None = None
    code: int | None = None
    gone: bool = False
    goal_state: str | None = None
    goal_state_code: int | None = None
    svd_sequence_number: str | None = None
    after_status: int = 0
    incarnation: str | None = None
    etag: str | None = None
    requests: int | None = None
    endpoint: str | None = None
    after: int = 0
    health: str | None = None
    health_reports: int | None = None
    host_name: str | None = None
    role_property: str | None = None

    def holds(self, world: World, vm: VirtualMachine) -> bool:
        """Whether the condition is met now."""
        return (
            self._seen(vm)
            and self._requested(world, vm)
            and self._healthy(vm)
            and self._registered(vm)
            and self._described(vm)
            and (not self._about_status or self._reported(vm))
        )

    @property
    def _about_status(self) -> bool:
        return self.after_status > 0 or self._about_handler or self._about_goal_state

    @property
    def _about_handler(self) -> bool:
        given = (
            self.handler, self.version, self.extension, self.sequence, self.status, self.handler_status, self.code
        )  # fmt: skip
        return any(value is not None for value in given)

    @property
    def _about_goal_state(self) -> bool:
        given = (self.goal_state, self.goal_state_code, self.svd_sequence_number)
        return any(value is not None for value in given)

    def _seen(self, vm: VirtualMachine) -> bool:
        incarnation = self.incarnation is None or self.incarnation in vm.incarnations_seen
        return incarnation and (self.etag is None or self.etag in vm.etags_seen)

    def _requested(self, world: World, vm: VirtualMachine) -> bool:
        if self.requests is None:
            return True
        found = world.ledger.entries(vm.name, after=self.after, endpoint=self.endpoint)
        return sum(1 for _ in found) >= self.requests

    def _healthy(self, vm: VirtualMachine) -> bool:
        if vm.inbox.health.seen < (self.health_reports or 0):
            return False
        latest = vm.inbox.health.latest
        return self.health is None or (latest is not None and health_words(latest.value) == self.health)

    def _registered(self, vm: VirtualMachine) -> bool:
        known = vm.registered_name
        return self.host_name is None or (known is not None and known.value == self.host_name)

    def _described(self, vm: VirtualMachine) -> bool:
        if self.role_property is None:
            return True
        sent = {(name, value) for each in vm.inbox.role_properties for name, value in each.value.properties}
        wanted, equals, value = self.role_property.partition("=")
        return (wanted, value) in sent if equals else wanted in {name for name, _ in sent}

    def _reported(self, vm: VirtualMachine) -> bool:
        report = vm.status
        if report is None or report.status is None or report.serial <= self.after_status:
            return False
        if self._about_goal_state and not self._aggregated(report):
            return False
        if not self._about_handler:
            return True
        named = [entry for entry in report.status.handlers if self._named(entry)]
        return not named if self.gone else any(map(self._fits, named))

    def _aggregated(self, report: StatusReport) -> bool:
        aggregate = report.status.goal_state if report.status else None
        return (
            aggregate is not None
            and self.goal_state in {None, aggregate.status}
            and self.goal_state_code in {None, aggregate.code}
            and self.svd_sequence_number in {None, str(aggregate.svd_sequence_number)}
        )

    def _named(self, entry: HandlerStatus) -> bool:
        return self.handler is None or entry.name.lower() == self.handler.lower()

    def _fits(self, entry: HandlerStatus) -> bool:
        if self.version not in {None, entry.version} or self.handler_status not in {None, entry.status}:
            return False
        settings = entry.settings
        about_extension = (self.extension, self.sequence, self.status)
        if settings is None:
            return all(value is None for value in about_extension) and self.code in {None, entry.code}
        word = settings.status.status.value if settings.status.status else None
        return (
            self.extension in {None, settings.extension_name}
            and self.sequence in {None, settings.sequence_number}
            and self.status in {None, word}
            and self.code in {None, entry.code, settings.status.code}
        )


def health_words(report: ProvisioningReport) -> str:
    """A health report in short: ``Ready`` or ``NotReady/Provisioning``."""
    return report.state.value + (f"/{report.sub_status.value}" if report.sub_status else "")
