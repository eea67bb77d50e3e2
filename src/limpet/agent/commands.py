"""One command of a handler (install, enable, …): its environment, its run, its time limit, and what its failure is called.

Source: extensions.md §4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.agent.lifecycle import COMMAND_SECONDS, Step
from limpet.host.output import format_output
from limpet.model.errors import Code, HandlerError, HostError
from limpet.model.manifest import Operation
from limpet.wire.ticks import seconds_to_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from limpet.agent.layout import HandlerFolder
    from limpet.agent.limits_handlers import Limiter
    from limpet.agent.machine import Machine
    from limpet.agent.store import Store
    from limpet.agent.telemetry import Telemetry
    from limpet.host.ports import Completed

COMMAND_LOG_LIMIT = 10 * 1024 * 1024
LONGEST_SHOWN = 1000
"""So many characters of a command are told to people and to the platform; a manifest may hold a million."""
NOT_RUN = "NOT_RUN"
_SUPPORTED_FEATURES = '[{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}]'

_OPERATIONS: Mapping[Step, tuple[Operation, Code]] = {
    Step.INSTALL: (Operation.INSTALL, Code.INSTALL),
    Step.INSTALL_IF_UPDATE_MODE: (Operation.INSTALL, Code.INSTALL),
    Step.ENABLE: (Operation.ENABLE, Code.ENABLE),
    Step.DISABLE: (Operation.DISABLE, Code.DISABLE),
    Step.DISABLE_EVERY: (Operation.DISABLE, Code.DISABLE),
    Step.DISABLE_OLD: (Operation.DISABLE, Code.DISABLE),
    Step.UPDATE: (Operation.UPDATE, Code.UPDATE),
    Step.UPDATE_BY_OLD: (Operation.UPDATE, Code.UPDATE),
    Step.UNINSTALL: (Operation.UNINSTALL, Code.PROCESSING),
    Step.UNINSTALL_OLD: (Operation.UNINSTALL, Code.PROCESSING),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """For whose sake a command runs. extension: multi-config only. extra: variables of updates."""

    step: Step
    sequence_number: int = 0
    extension: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


class CommandFailed(HandlerError):
    """A command ended badly. exit_code: its own, or the error code when it has none (time limit, no start)."""

    def __init__(self, message: str, *, code: int, exit_code: int) -> None:
        super().__init__(message, code=code)
        self.exit_code = exit_code


class Commands:
    """Runs handlers' commands one at a time and keeps their log."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        telemetry: Telemetry,
        *,
        wire_server: str,
        environment: Mapping[str, str],
        limiter: Limiter | None = None,
    ) -> None:
        """limiter: finds the control groups of a handler; without one there are none."""
        self._limiter = limiter
        self._store = store
        self._processes = machine.processes
        self._clock = machine.clock
        self._log = machine.log
        self._telemetry = telemetry
        self._wire_server = wire_server
        self._environment = environment

    def run(self, folder: HandlerFolder, occasion: Occasion) -> None:
        """Run one command of the handler in `folder`.

        Raises: CommandFailed, with the text and code that the platform is told; HandlerError, when the handler has
        no such command.
        """
        operation, code = _OPERATIONS[occasion.step]
        manifest = self._store.manifest(folder)
        fragment = manifest.commands.get(operation)
        if fragment is None:
            raise HandlerError(f"HandlerManifest.json of {folder.name} has no {operation.value}Command")
        command = f"{folder.path}/{fragment.lstrip('/')}"
        shown = command if len(command) <= LONGEST_SHOWN else f"{command[:LONGEST_SHOWN]} ..."
        self._log.info(
            "handler.command",
            handler=folder.name,
            version=folder.version,
            operation=operation.value,
            command=shown,
        )
        timeout = COMMAND_SECONDS[occasion.step]
        limiter = self._limiter
        groups = limiter.before(folder.name, operation, manifest.limits) if limiter is not None else ()
        try:
            done = self._processes.run_handler_command(
                command,
                folder=folder.path,
                environment=command_environment(folder, occasion, self._wire_server, self._environment),
                timeout=timeout,
                groups=groups,
            )
        except HostError as error:
            self._record(folder, occasion, shown, f"Failed to launch: {error}")
            raise CommandFailed(f"Failed to launch {shown}: {error}", code=code, exit_code=code) from error
        output = format_output(done.stdout, done.stderr)
        self._telemetry.did(
            folder.name,
            folder.version,
            operation.value.capitalize(),
            success=done.exit_code == 0,
            message=output,
            seconds=done.seconds,
        )
        ending = "killed at its time limit" if done.exit_code is None else f"exit code {done.exit_code}"
        self._record(folder, occasion, shown, f"{ending} after {done.seconds:.3f} s\n{output}")
        _check(shown, done, output, timeout, code)
        if limiter is not None:
            limiter.after(operation, manifest.limits)

    def stop(self) -> None:
        """End the command that is running."""
        self._processes.stop_current()

    def _record(self, folder: HandlerFolder, occasion: Occasion, command: str, outcome: str) -> None:
        lines = f"{seconds_to_text(self._clock.now())} {occasion.step.value}: {command}\n{outcome}\n"
        try:
            self._store.files.make_folder(folder.log_folder)
            self._store.files.append(
                folder.command_log(occasion.extension),
                lines.encode("utf-8", "replace"),
                at_most=COMMAND_LOG_LIMIT,
            )
        except (HostError, OSError) as error:
            self._log.warning("handler.log_unwritable", handler=folder.name, problem=error)


def _check(command: str, done: Completed, output: str, timeout: float, code: int) -> None:
    if done.exit_code is None:
        raise CommandFailed(
            f"Timeout({timeout:g}): {command}\n{output}", code=Code.TIMED_OUT, exit_code=Code.TIMED_OUT
        )
    if done.exit_code != 0:
        hint = " (permission denied, or a mount with noexec)" if done.exit_code == 126 else ""
        raise CommandFailed(
            f"Non-zero exit code: {done.exit_code}, {command}{hint}\n{output}",
            code=code,
            exit_code=done.exit_code,
        )


def command_environment(
    folder: HandlerFolder, occasion: Occasion, wire_server: str, own: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a command; the agent's own win on a clash. Source: extensions.md §4.2."""
    variables = {
        "AZURE_GUEST_AGENT_EXTENSION_PATH": str(folder.path),
        "AZURE_GUEST_AGENT_EXTENSION_VERSION": folder.version,
        "AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS": wire_server,
        "AZURE_GUEST_AGENT_EXTENSION_SUPPORTED_FEATURES": _SUPPORTED_FEATURES,
        "ConfigSequenceNumber": str(occasion.sequence_number),
    }
    if occasion.extension is not None:
        variables["ConfigExtensionName"] = occasion.extension
    if occasion.step in {Step.INSTALL, Step.INSTALL_IF_UPDATE_MODE, Step.ENABLE}:
        variables["AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE"] = NOT_RUN
    return {**variables, **occasion.extra, **own}
