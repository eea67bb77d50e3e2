"""`limpet completion`: what a shell offers after `limpet`, made from the table of verbs and each verb's options."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from limpet.manage.install.units import MARK
from limpet.manage.reference.commands_tree import commands_of
from limpet.usage import Help

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from limpet.manage.reference.commands_tree import Command, Option, Verb

EPILOG = """\
examples:
  source <(limpet completion bash)
  limpet completion fish > ~/.config/fish/completions/limpet.fish

`limpet install` puts all three where the shells look.

exit codes: 0 printed, 2 wrong usage
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="limpet completion",
        description="Print the completion of this command for a shell.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    made.add_argument("shell", choices=tuple(SHELLS), help="for which shell")
    return made


def main(arguments: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    """Print it."""
    options = parser().parse_args(arguments)
    sys.stdout.write(SHELLS[options.shell](commands_of(verbs)))
    return 0


def bash(commands: Sequence[Command]) -> str:
    """For bash: the longest chain of commands on the line decides what is offered."""
    every = [each for verb in commands for each in verb.walk()]
    lines = [
        f"# {MARK}, made by: limpet completion bash",
        "_limpet() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path='' word words='' files=''",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$path $word" in',
        f'            {_keys(every)}) path="$path $word" ;;',
        "        esac",
        "    done",
        '    case "$path" in',
        f"        '') words={shlex.quote(' '.join((*(verb.name for verb in commands), *_GENERAL)))} ;;",
        *(f"        {_case(each)}" for each in every),
        "    esac",
        '    case "$path $previous" in',
        *(f"        {row}" for each in every for row in _values(each)),
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        '    if [ -n "$files" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi',
        "}",
        "complete -o filenames -F _limpet limpet",
        "",
    ]
    return "\n".join(lines)


_GENERAL = ("help", "--help", "--version")


def _keys(commands: Sequence[Command]) -> str:
    """The commands as a shell's pattern."""
    return "|".join(shlex.quote(f" {each.name}") for each in commands)


def _words(command: Command) -> list[str]:
    """What may follow: its commands, the words its arguments take, its options."""
    below = [each.name.rpartition(" ")[2] for each in command.commands]
    chosen = [choice for argument in command.arguments for choice in argument.choices]
    return [*below, *chosen, *(flag for option in command.options for flag in option.flags)]


def _case(command: Command) -> str:
    files = " files=1" if any(argument.file for argument in command.arguments) else ""
    return f"{_keys([command])}) words={shlex.quote(' '.join(_words(command)))}{files} ;;"


def _values(command: Command) -> Iterator[str]:
    """What may follow an option that takes a value."""
    for option in command.options:
        if option.value is None:
            continue
        patterns = "|".join(shlex.quote(f" {command.name} {flag}") for flag in option.flags)
        yield f"{patterns}) words={shlex.quote(' '.join(option.choices))} files={'1' if option.file else ''} ;;"


def zsh(commands: Sequence[Command]) -> str:
    """For zsh: the same, with what each is for."""
    every = [each for verb in commands for each in verb.walk()]
    lines = [
        "#compdef limpet",
        f"# {MARK}, made by: limpet completion zsh",
        "_limpet() {",
        "    local path_so_far='' word",
        "    local -a offered",
        '    for word in "${(@)words[2,CURRENT-1]}"; do',
        '        case "$path_so_far $word" in',
        f'            ({_keys(every)}) path_so_far="$path_so_far $word" ;;',
        "        esac",
        "    done",
        '    case "$path_so_far ${words[CURRENT-1]}" in',
        *(f"        {row}" for each in every for row in _zsh_values(each)),
        "    esac",
        '    case "$path_so_far" in',
        f"        ('') offered=({_described((verb.name, verb.purpose) for verb in commands)}) ;;",
        *(f"        ({_keys([each])}) offered=({_described(_offers(each))}) ;;" for each in every),
        "    esac",
        "    _describe limpet offered",
        *("    " + row for row in _zsh_files(every)),
        "}",
        '_limpet "$@"',
        "",
    ]
    return "\n".join(lines)


def _zsh_values(command: Command) -> Iterator[str]:
    for option in command.options:
        if option.value is None:
            continue
        pattern = "|".join(shlex.quote(f" {command.name} {flag}") for flag in option.flags)
        if option.choices:
            yield f"({pattern}) compadd {' '.join(map(shlex.quote, option.choices))}; return ;;"
        else:
            yield f"({pattern}) {'_files' if option.file else ':'}; return ;;"


def _zsh_files(every: Sequence[Command]) -> Iterator[str]:
    with_files = [each for each in every if any(argument.file for argument in each.arguments)]
    if with_files:
        yield f'case "$path_so_far" in ({_keys(with_files)}) _files ;; esac'


def _offers(command: Command) -> Iterator[tuple[str, str]]:
    for below in command.commands:
        yield below.name.rpartition(" ")[2], below.purpose
    for argument in command.arguments:
        yield from ((choice, argument.help) for choice in argument.choices)
    for option in command.options:
        yield from ((flag, option.help) for flag in option.flags)


def _described(offers: Iterator[tuple[str, str]]) -> str:
    return " ".join(shlex.quote(f"{word}:{purpose.replace(':', ' ')}") for word, purpose in offers)


def fish(commands: Sequence[Command]) -> str:
    """For fish, which knows by itself which words stand on the line."""
    lines = [f"# {MARK}, made by: limpet completion fish", "complete -c limpet -f"]
    first = "not __fish_seen_subcommand_from " + " ".join(verb.name for verb in commands)
    for verb in commands:
        lines.append(_fish(first, f"-a {verb.name} -d {shlex.quote(verb.purpose)}"))
        lines += _fish_lines(verb)
    return "\n".join([*lines, ""])


def _fish_lines(command: Command) -> Iterator[str]:
    """One condition for each word of the command's name; its own commands are offered until one is there."""
    seen = " && ".join(f"__fish_seen_subcommand_from {word}" for word in command.name.split())
    below = [each.name.rpartition(" ")[2] for each in command.commands]
    until = f"{seen} && not __fish_seen_subcommand_from {' '.join(below)}" if below else seen
    for each in command.commands:
        yield _fish(until, f"-a {each.name.rpartition(' ')[2]} -d {shlex.quote(each.purpose)}")
    for argument in command.arguments:
        if argument.choices:
            yield _fish(seen, f"-a {shlex.quote(' '.join(argument.choices))} -d {shlex.quote(argument.help)}")
        elif argument.file:
            yield _fish(seen, "-F")
    for option in command.options:
        yield _fish(until, _fish_option(option))
    for each in command.commands:
        yield from _fish_lines(each)


def _fish_option(option: Option) -> str:
    flags = [f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags]
    value: list[str] = []
    if option.choices:
        value = ["-x", f"-a {shlex.quote(' '.join(option.choices))}"]
    elif option.value is not None:
        value = ["-r", "-F"] if option.file else ["-x"]
    return " ".join([*flags, *value, f"-d {shlex.quote(option.help)}"])


def _fish(condition: str, rest: str) -> str:
    return f"complete -c limpet -n {shlex.quote(condition)} {rest}"


SHELLS: Mapping[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
