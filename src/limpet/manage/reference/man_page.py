"""`limpet man`: the manual page, made from the table of verbs and each verb's options."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.manage.install.units import MARK
from limpet.manage.reference.commands_tree import commands_of
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from limpet.manage.reference.commands_tree import Command, Option, Verb

EPILOG = """\
examples:
  limpet man | man -l -
  limpet man > /usr/local/share/man/man1/limpet.1

exit codes: 0 printed, 2 wrong usage
"""
DESCRIPTION = """\
limpet provisions an Azure VM at boot, follows the fabric's goal state, runs VM extensions and reports their status. It is
configured by /etc/limpet.toml; the keys of an existing /etc/waagent.conf are honoured.
"""
FILES = (
    ("/etc/limpet.toml", "The settings; limpet config show says which are in effect."),
    ("/etc/waagent.conf", "Another agent's settings, honoured where the file exists."),
    ("/var/lib/waagent", "Handlers, certificates and the agent's state."),
    ("/var/lib/limpet", "What provisioning has done, and the lease it had."),
    ("/var/log/azure", "The logs of handlers."),
)
STATUS = (
    ("0", "It was done, or there was nothing to be done."),
    ("1", "It failed, or not all of it was done."),
    ("2", "The command line or the configuration is wrong."),
    ("3", "Another one is running already."),
    ("130", "It was interrupted."),
)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(
        prog="limpet man",
        description="Print the manual page of this command, as man(1) reads it.",
        epilog=EPILOG,
        formatter_class=Help,
    )


def main(arguments: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    """Print it."""
    parser().parse_args(arguments)
    sys.stdout.write(man_page(commands_of(verbs)))
    return 0


def man_page(commands: Sequence[Command]) -> str:
    """The page in roff, with the macros of man(7)."""
    return "\n".join(
        [
            rf".\" {MARK}, made by: limpet man",
            f'.TH LIMPET 1 "" "limpet {__version__}" "User Commands"',
            ".SH NAME",
            r"limpet \- agent of an Azure Linux VM",
            ".SH SYNOPSIS",
            r".B limpet",
            r"\fIVERB\fR [\fIARGUMENT\fR ...]",
            ".SH DESCRIPTION",
            *_paragraphs(DESCRIPTION),
            ".SH VERBS",
            *(line for verb in commands for line in _command(verb)),
            ".SH FILES",
            *_list(FILES),
            ".SH EXIT STATUS",
            *_list(STATUS),
            ".SH SEE ALSO",
            r"\fBsystemd\fR(1), \fBjournalctl\fR(1)",
            "",
        ]
    )


def _command(verb: Command) -> Iterator[str]:
    for command in verb.walk():
        yield f".SS limpet {_text(command.name)}"
        yield from _paragraphs(command.description or command.purpose)
        if command.extra is not None:
            yield from _paragraphs(
                f"It needs more than is installed here: pip install 'limpet[{command.extra}]'"
            )
        if command.usage:
            yield ".PP"
            yield rf"\fBlimpet {_text(command.name)}\fR {_text(command.usage)}"
        for option in (*command.arguments, *command.options):
            yield ".TP"
            yield _heading(option)
            yield _line(option.help)
        if command.epilog:
            yield from (".PP", ".nf", *map(_line, command.epilog.strip().splitlines()), ".fi")


def _heading(option: Option) -> str:
    value = "" if option.value is None else rf"\fI{_text(option.value)}\fR"
    flags = ", ".join(rf"\fB{_text(flag)}\fR" for flag in option.flags)
    return f"{flags} {value}".strip()


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, purpose in rows:
        yield from (".TP", rf"\fB{_text(name)}\fR", _line(purpose))


def _paragraphs(text: str) -> Iterator[str]:
    yield from (".PP", *(_line(line) for line in text.strip().splitlines()))


def _line(text: str) -> str:
    r"""A line of text; one that begins with what roff takes for a request gets ``\&`` before it."""
    found = _text(text)
    return rf"\&{found}" if found[:1] in {".", ""} else found


def _text(text: str) -> str:
    found = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
    return "".join(character if character.isascii() else f"\\[u{ord(character):04X}]" for character in found)
