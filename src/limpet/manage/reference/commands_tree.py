"""Every command and its options as values, read from the table of verbs and each verb's parser."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FILE_WORDS = {"FILE", "DIR", "PATH", "file", "files", "folder"}


class Verb(Protocol):
    """A row of the table of verbs: `limpet.cli` has it, and knows of this program, not the other way round."""

    @property
    def help(self) -> str:
        """What it is for."""

    @property
    def extra(self) -> str | None:
        """The optional dependencies that it needs."""

    def parser(self) -> argparse.ArgumentParser:
        """Its command line. Raises: ModuleNotFoundError."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """An option, or a positional argument when it has no flags.

    value: what stands for its value, None for a switch. choices: the words it takes, when these are few.
    file: whether its value is a file's name.
    """

    flags: tuple[str, ...] = ()
    value: str | None = None
    help: str = ""
    choices: tuple[str, ...] = ()
    file: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A verb, or a command of one.

    name: in full, such as ``config show``. usage: without the word itself. epilog: examples and exit codes, as --help has them.
    extra: what has to be installed for it, when it is not.
    """

    name: str
    purpose: str
    description: str = ""
    usage: str = ""
    epilog: str = ""
    options: tuple[Option, ...] = ()
    arguments: tuple[Option, ...] = ()
    commands: tuple[Command, ...] = ()
    extra: str | None = None

    def walk(self) -> Iterator[Command]:
        """This one, and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def commands_of(verbs: Mapping[str, Verb]) -> tuple[Command, ...]:
    """Every verb. One whose extra is not installed has its purpose only."""
    return tuple(_verb(name, verb) for name, verb in verbs.items())


def _verb(name: str, verb: Verb) -> Command:
    try:
        parser = verb.parser()
    except ModuleNotFoundError as error:
        if verb.extra is None or (error.name or "limpet").split(".")[0] == "limpet":
            raise
        return Command(name=name, purpose=verb.help, extra=verb.extra)
    return _command(name, verb.help, parser)


def _command(name: str, purpose: str, parser: argparse.ArgumentParser) -> Command:
    options: list[Option] = []
    arguments: list[Option] = []
    commands: list[Command] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask a parser what it takes
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            purposes = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001
            commands = [
                _command(f"{name} {word}", purposes.get(word, ""), below)
                for word, below in action.choices.items()
            ]
        elif action.help != argparse.SUPPRESS:
            (options if action.option_strings else arguments).append(_option(action))
    usage = " ".join(parser.format_usage().split()).removeprefix(f"usage: {parser.prog}").strip()
    return Command(
        name=name,
        purpose=purpose,
        description=parser.description or "",
        usage=usage,
        epilog=parser.epilog or "",
        options=tuple(options),
        arguments=tuple(arguments),
        commands=tuple(commands),
    )


def _option(action: argparse.Action) -> Option:
    takes_value = action.nargs != 0
    choices = tuple(map(str, action.choices or ()))
    shown = action.metavar if isinstance(action.metavar, str) else None
    shown = shown or ("|".join(choices) if choices else action.dest.upper())
    return Option(
        flags=tuple(action.option_strings),
        value=shown if takes_value else None,
        help=(action.help or "").replace("%%", "%"),
        choices=choices,
        file=action.type is Path or shown in _FILE_WORDS,
    )
