"""The table of verbs. A program is imported only inside its verb, so that none pays for another."""

from __future__ import annotations

import os
import sys
from errno import EDQUOT, EFBIG, EIO, ENOSPC
from importlib import import_module
from io import TextIOWrapper

from limpet import __version__

TYPE_CHECKING = False  # as typing has it, which is more to load than all else here
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

FAILED = 1
USAGE_ERROR = 2  # a wrong configuration too
ALREADY_RUNNING = 3
INTERRUPTED = 130
BROKEN_PIPE = 141


class Verb:
    """One thing the command can do: `function` of `module` takes the arguments and gives the exit code.

    The module's `parser()` gives its argparse parser, from which the man page and shell completion are made.
    extra: the optional dependencies it needs, as named in pyproject.toml. table: whether it also gets this table, `verbs`.
    """

    __slots__ = ("extra", "function", "help", "module", "table")

    def __init__(
        self,
        module: str,
        function: str,
        help: str,  # noqa: A002 - it is what the verb is for
        extra: str | None = None,
        *,
        table: bool = False,
    ) -> None:
        self.module = module
        self.function = function
        self.help = help
        self.extra = extra
        self.table = table

    def load(self) -> Callable[[Sequence[str]], int]:
        """Import the program. Raises: ModuleNotFoundError, when its extra is not installed."""
        function: Callable[..., int] = getattr(import_module(self.module), self.function)
        return (lambda arguments: function(arguments, verbs=VERBS)) if self.table else function

    def parser(self) -> ArgumentParser:
        """Its command line. Raises: ModuleNotFoundError, when its extra is not installed."""
        parser: ArgumentParser = import_module(self.module).parser()
        return parser


VERBS: Mapping[str, Verb] = {
    "boot": Verb("limpet.boot.main", "main", "Provision this VM once, before its network is anybody's."),
    "agent": Verb("limpet.agent.main", "main", "Follow the goal state until told to stop."),
    "appliance": Verb(
        "limpet.appliance.start", "main", "Hand the NICs to a network OS; go on in a guest shell."
    ),
    "guestshell": Verb(
        "limpet.appliance.commands.guestshell",
        "main",
        "The container behind the network OS that the agent runs in.",
    ),
    "show": Verb("limpet.appliance.commands.show", "main", "Show where this appliance is, and who has what."),
    "check-hooks": Verb(
        "limpet.appliance.commands.check_hooks", "main", "See whether a vendor's programs drive a network OS."
    ),
    "nos": Verb("limpet.appliance.commands.nos", "main", "Have the network OS do one of its own commands."),
    "plan": Verb("limpet.agent.plan_command", "main", "Show what a goal state would do here; do nothing."),
    "config": Verb(
        "limpet.manage.config_command", "main", "Show the settings in effect, or check a file of them."
    ),
    "firewall": Verb("limpet.manage.firewall_command", "main", "Let only root talk to the wire server."),
    "deprovision": Verb(
        "limpet.manage.deprovision_command", "main", "Make this machine ready to become an image."
    ),
    "install": Verb(
        "limpet.manage.install.command",
        "main",
        "Set up the services on this machine or in an image.",
        table=True,
    ),
    "uninstall": Verb("limpet.manage.install.uninstall", "main", "Take the services out again.", table=True),
    "install-shim": Verb("limpet.manage.shim.command", "main", "Put a waagent command in place for scripts."),
    "man": Verb(
        "limpet.manage.reference.man_page", "main", "Print the manual page of this command.", table=True
    ),
    "completion": Verb(
        "limpet.manage.reference.completion",
        "main",
        "Print the completion of this command for a shell.",
        table=True,
    ),
    "collect-logs": Verb(
        "limpet.manage.logs.command", "main", "Put this machine's logs into a zip, without secrets."
    ),
    "support-bundle": Verb(
        "limpet.manage.logs.support_bundle", "main", "Put all that explains an appliance's state into a zip."
    ),
    "serial-console": Verb(
        "limpet.manage.serial_console_command", "main", "Give the kernel the serial console's arguments."
    ),
    "emulator": Verb("limpet.emulator.main", "main", "Serve a fabric for tests and for people.", "emulator"),
    "lab": Verb("limpet.lab.main", "main", "Run the demo and the benches on this machine.", "lab"),
}


def usage(verbs: Mapping[str, Verb]) -> str:
    """What the command can do, one line for each verb."""
    width = max(map(len, verbs))
    lines = [f"  {name:<{width}}  {verb.help}" for name, verb in verbs.items()]
    return "\n".join(
        [
            "usage: limpet VERB [ARGUMENT ...]",
            "",
            *lines,
            "",
            "limpet VERB --help says more about one verb; limpet --version says which limpet this is.",
        ]
    )


def main(arguments: Sequence[str], verbs: Mapping[str, Verb] = VERBS) -> int:
    """Run one command line, without the command's own name, and give its exit code."""
    match arguments:
        case ["-h" | "--help" | "help"]:
            print(usage(verbs))
            return 0
        case ["-V" | "--version" | "version"]:
            print(f"limpet {__version__}")
            return 0
        case ["help", name, *_]:
            return _run(name, ["--help"], verbs)
        case [name, *rest]:
            return _run(name, rest, verbs)
        case _:
            print(usage(verbs), file=sys.stderr)
            return USAGE_ERROR


def _run(name: str, arguments: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    verb = verbs.get(name)
    if verb is None:
        _complain(f"limpet: there is no verb {name!r}. {_suggestion(name, verbs)}")
        return USAGE_ERROR
    try:
        return _done(verb, arguments)
    except ModuleNotFoundError as error:  # also of a command of it, which has its own program
        if verb.extra is None or (error.name or "limpet").split(".")[0] == "limpet":
            raise
        _complain(
            f"limpet {name}: {error.name} is not installed. Install it with: pip install 'limpet[{verb.extra}]'"
        )
        return FAILED
    except SystemExit as ended:  # a parser has said why
        if ended.code == USAGE_ERROR and _as_json(arguments):
            _answer(f"limpet {name}: wrong usage, as is said on standard error")
        raise
    except Exception as error:
        errors = import_module("limpet.model.errors")
        if not isinstance(error, errors.LimpetError):
            raise
        redacted: Callable[[str], str] = import_module("limpet.model.redact").redacted
        problem = redacted(f"limpet {name}: {error}{who_may(str(error), os.geteuid())}")
        _complain(problem)
        if _as_json(arguments):
            _answer(problem)
        codes = {errors.ConfigurationError: USAGE_ERROR, errors.AlreadyRunning: ALREADY_RUNNING}
        return codes.get(type(error), FAILED)


def who_may(problem: str, user: int) -> str:
    """What the system's refusal means, for a user who is not root."""
    refused = problem.endswith(("Permission denied", "Operation not permitted"))
    return ": only root may" if refused and user != 0 else ""


def _done(verb: Verb, arguments: Sequence[str]) -> int:
    try:
        return verb.load()(arguments)
    except OSError as error:
        if not _of_a_parser(error):
            raise
        _drop(sys.stderr)
        raise SystemExit(USAGE_ERROR) from error


def _of_a_parser(error: OSError) -> bool:
    """Whether a parser could not write its complaint: Python 3.11 of Debian 12 tells of that, later ones end as if it were written."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    frame = None if at is None else at.tb_frame
    return (
        frame is not None
        and frame.f_globals.get("__name__") == "argparse"
        and frame.f_locals.get("file") is sys.stderr
    )


def _suggestion(name: str, verbs: Mapping[str, Verb]) -> str:
    near = import_module("difflib").get_close_matches(name, verbs, n=1)
    return f"Did you mean {near[0]!r}?" if near else "limpet help lists them."


def _as_json(arguments: Sequence[str]) -> bool:
    """Whether a program reads the answer: it finds JSON also when there is none."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in own


def _answer(problem: str) -> None:
    print(import_module("json").dumps({"problem": _one_line(problem)}))


def _complain(message: str) -> None:
    try:
        print(_one_line(message), file=sys.stderr)
    except OSError:  # the exit code still tells
        _drop(sys.stderr)


def _one_line(message: str) -> str:
    """What a terminal would obey instead of show is left out, for messages quote what came from outside."""
    return "".join(character for character in " ".join(message.split()) if character.isprintable())


def _whole_streams() -> None:
    """Be started in any way: with standard streams closed, or in a locale that has no letter for what is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def entry() -> int:
    """Run this process's command line: where the installed command `limpet` begins."""
    _whole_streams()
    try:
        try:
            code = main(sys.argv[1:])
        finally:  # also of what a parser has printed before it exits
            _flush_complaints()
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        _drop(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is not None or error.errno not in {ENOSPC, EIO, EFBIG, EDQUOT}:
            raise
        _drop(sys.stdout)  # what this command writes elsewhere, it answers for itself
        _complain(f"limpet: cannot write the answer: {error.strerror}")
        return FAILED
    return code


def _flush_complaints() -> None:
    try:
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)


def _drop(stream: TextIO) -> None:
    """The interpreter's own flush at exit must not complain about it, nor change the exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
