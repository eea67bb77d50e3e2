"""`limpet boot`: builds the machine, runs the stage once, says how it ended."""

from __future__ import annotations

import gc
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from limpet import packed
from limpet.boot.foresight import wake_drives
from limpet.boot.machine import Machine
from limpet.boot.result import as_document, as_text
from limpet.config.load import load_config
from limpet.config.options import alone
from limpet.config.settings import Config
from limpet.guest.fabric_lease import EXCHANGE, IN_THE_GUEST, SHELL_BRIEF, Holder
from limpet.guest.fabric_lease import LOCK as FABRIC_LOCK
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.commands import RealCommands
from limpet.host.console import ConsoleLog, EchoedLog
from limpet.host.devices import RealDevices
from limpet.host.files import RealFiles
from limpet.host.http import PlainHttp
from limpet.host.kernel import RealKernel
from limpet.host.kvp import FOLDERS, RealKeyValues
from limpet.host.links import RealLinks
from limpet.host.lock import SingleInstance
from limpet.host.log import open_log
from limpet.host.lookout import RealLookout
from limpet.host.passwords import MachineCrypt
from limpet.host.vault import OpensslVault
from limpet.model.errors import AlreadyRunning, ConfigurationError, HostError, LimpetError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from limpet.boot.result import Result
    from limpet.boot.stage import Stage
    from limpet.host.ports import Clock, Files, Http, Log

LOCK = Path("/run/limpet-boot.lock")
LETTING_GO = 2.0
"""How long the lock of the fabric lease is tried for, seconds."""
EPILOG = """\
example:
  limpet boot --dry-run          what would be done here, and why; does nothing
  limpet boot --json             do it, and say how it went for programs

exit codes: 0 provisioned, or left to another agent; 1 something failed, or
the fabric could not be told; 2 wrong usage or configuration; 3 already
running, or on an appliance another stage has the right to talk to the fabric
"""


def main(arguments: Sequence[str]) -> int:
    """Run the stage. Raises: ConfigurationError, AlreadyRunning, HostError."""
    options = _options(arguments)
    dry_run, as_json = bool(options and options.dry_run), bool(options and options.json)
    if not dry_run:
        _require_root()
        wake_drives()
    try:
        config = load_config(
            RealFiles(), path=options.config if options else None, options=options.set if options else ()
        )
    except ConfigurationError as error:
        if options is None:  # the service: nobody else would tell the platform
            reason = str(error)
            _acted(Config(), lambda stage: stage.refused(reason))
        raise
    if dry_run:
        from limpet.boot.preview import Unheard, preview  # noqa: PLC0415

        shown = preview(machine(config, Unheard(), RealCommands()), config)
        sys.stdout.write(shown.as_json() if as_json else shown.as_text())
        return shown.exit_code
    result = _acted(config, lambda stage: stage.run())
    if as_json:
        import json  # noqa: PLC0415 - the service asks for words

        sys.stdout.write(json.dumps(as_document(result), indent=2) + "\n")
    else:
        sys.stdout.write(as_text(result))
    return result.exit_code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    import argparse  # noqa: PLC0415

    from limpet.config.options import add_options  # noqa: PLC0415

    made = argparse.ArgumentParser(
        prog="limpet boot",
        description="Provision this VM once, by its media or metadata, before its network belongs to anybody.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--dry-run", action="store_true", help="print the plan and do nothing")
    made.add_argument("--json", action="store_true", help="for programs")
    add_options(made)
    return made


class Options(NamedTuple):
    """What the command line says."""

    config: Path | None = None
    set: Sequence[str] = ()
    dry_run: bool = False
    json: bool = False


def _options(arguments: Sequence[str]) -> Options | None:
    """None without arguments: the service starts the stage so. argparse takes a while to load."""
    if not arguments:
        return None
    known = alone(arguments)
    if known is not None:
        return Options(*known)
    found = parser().parse_args(arguments)
    return Options(found.config, found.set, found.dry_run, found.json)


def _require_root() -> None:
    """Raises: HostError."""
    if os.geteuid() != 0:
        raise HostError("only root can provision this machine; --dry-run shows what would be done")


def _acted(config: Config, act: Callable[[Stage], Result]) -> Result:
    """Let the stage do something on this machine, alone. Raises: AlreadyRunning, HostError."""
    from limpet.boot.stage import Stage  # noqa: PLC0415 - a preview does without

    gc.freeze()  # see limpet.boot: what is loaded is no garbage, and is not looked through for some
    gc.enable()  # and some boots wait long
    os.umask(0o022)  # whoever starts us: programs that we run make files, too
    supervised = config.to_network_os is not None
    # First who may talk, then who may run: what is refused must not keep the supervisor's own stage out meanwhile.
    with (
        leased(RealFiles(), EXCHANGE, RealClock(), supervised=supervised),
        SingleInstance(LOCK, who="limpet boot"),
    ):
        log = open_log(config.log_file)
        echoed = EchoedLog(log, ConsoleLog()) if config.log_console else None
        commands = RealCommands()
        for note in config.notes:
            log.warning("configuration.note", note=note)
        if (problem := packed.lack()) is not None:
            log.info("start.slow", problem=problem, remedy=packed.REMEDY)
        try:
            return act(Stage(machine(config, echoed or log, commands), config))
        except LimpetError:
            raise
        except KeyboardInterrupt:
            commands.end_all()  # another thread may wait for one, and would not hear of this
            raise
        except Exception as error:
            from limpet.boot import unexpected  # noqa: PLC0415 - it should never be needed

            reason = unexpected.note(error, log)
            raise HostError(f"{reason}. {unexpected.ADVICE}") from error
        finally:
            if echoed is not None:
                echoed.ready()


@contextmanager
def leased(files: Files, exchange: Path, clock: Clock, *, supervised: bool) -> Iterator[None]:
    """The right to talk to the fabric, on an appliance: granted to the boot stage, and the lock of it held.

    supervised: whether the supervisor has started this; by hand it is refused wherever a supervisor has granted anything.
    Raises: AlreadyRunning, when another stage has it, or in a guest shell; HostError.
    """
    if files.info(IN_THE_GUEST / SHELL_BRIEF) is not None:
        raise AlreadyRunning(
            "limpet boot is not started: this is a guest shell, and its machine was provisioned before. limpet agent runs here."
        )
    if files.info(exchange) is None:
        yield
        return
    from limpet.host.fabric_grant import refuse_without_grant  # noqa: PLC0415 - most machines are no appliance
    from limpet.host.lease_lock import FlockLease  # noqa: PLC0415

    allowed = (Holder.BOOT,) if supervised else ()
    refuse_without_grant(files, exchange, "limpet boot", allowed=allowed)
    lock = FlockLease(exchange / FABRIC_LOCK)
    deadline = clock.monotonic() + LETTING_GO
    while not lock.take(
        wait=False
    ):  # an agent that is parked has it for a moment, to see that it is not meant
        if clock.monotonic() < deadline:
            clock.sleep(0.02)
            continue
        raise AlreadyRunning(
            f"limpet boot is not started: another stage of this appliance is talking to the fabric ({exchange / FABRIC_LOCK} is held). "
            "limpet show tells which."
        )
    try:
        refuse_without_grant(files, exchange, "limpet boot", allowed=allowed)  # it may be an appliance by now
        yield
    finally:
        lock.give()


def machine(config: Config, log: Log, commands: RealCommands) -> Machine:
    """This machine."""
    clock, chance, kernel = RealClock(), RealRandom(), RealKernel()
    return Machine(
        files=RealFiles(),
        commands=commands,
        devices=RealDevices(),
        kernel=kernel,
        links=RealLinks(),
        http=_http(config, log, clock),
        vault=OpensslVault(config.library, openssl=config.openssl),
        key_values=RealKeyValues(clock, kernel.uptime(), FOLDERS if config.kvp else ()),
        lookout=RealLookout(()),
        crypt=MachineCrypt(config.password_crypt_id, config.password_salt_length, chance, commands),
        clock=clock,
        chance=chance,
        log=log,
        side_by_side=side_by_side,
    )


def _http(config: Config, log: Log, clock: Clock) -> Http:
    http = PlainHttp(user_agent=config.user_agent)
    if not config.log_verbose:
        return http
    from limpet.host.told import ToldHttp  # noqa: PLC0415 - for investigations only

    return ToldHttp(http, log, clock)


def side_by_side(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Do the first in a thread and the second here; what either raises comes out, the second's first.

    An interrupt of the second does not wait for the first, which may have to wait long.
    """
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            first()
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            raised.append(error)

    thread = threading.Thread(target=guarded, name="first", daemon=True)
    thread.start()
    try:
        second()
    except Exception:
        thread.join()
        raise
    thread.join()
    if raised:
        raise raised[0]
