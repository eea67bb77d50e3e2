"""Arguments that the kernel is given at its next boot: words of the texts of boot loaders, added and taken away. Pure.

Texts that are edited in place have a copy beside them from before, so that what was done can be taken back to the letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MENU, ENTRY, LINE, ENVIRONMENT = "menu.lst", "entry", "line", "grubenv"
"""Kinds of texts: a legacy GRUB's menu, an entry of the boot loader specification, a bare command line, GRUB 2's environment."""

_PLACES = {
    MENU: re.compile(r"^([ \t]*kernel[ \t]+\S+)(.*)$", re.MULTILINE),
    ENTRY: re.compile(r"^(options(?=[ \t]))((?:(?!\$kernelopts).)*)$", re.MULTILINE),
    LINE: re.compile(r"\A()(.*?)(?=\s*\Z)", re.DOTALL),
    ENVIRONMENT: re.compile(r"^(kernelopts=)(.*)$", re.MULTILINE),
}
_ENVIRONMENT_SIZE = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """A wish: words to have, words not to have. name: of the wish, part of file names. grub: lines for GRUB 2 besides."""

    name: str
    add: tuple[str, ...]
    drop: tuple[str, ...] = ()
    grub: tuple[str, ...] = ()


NUMA_OFF = Arguments(name="numa-off", add=("numa=off",))


def serial_console(architecture: str) -> Arguments:
    """Boot messages and a login on the serial port that the platform records. Source: guest-setup.md §D.1."""
    port = "ttyAMA0" if architecture == "aarch64" else "ttyS0"
    speed = "" if port == "ttyAMA0" else ",115200n8"
    early = "earlycon" if port == "ttyAMA0" else f"earlyprintk={port}"
    grub = () if port == "ttyAMA0" else (
        'GRUB_TERMINAL="console serial"',
        'GRUB_SERIAL_COMMAND="serial --speed=115200 --unit=0 --word=8 --parity=no --stop=1"',
    )  # fmt: skip
    return Arguments(
        name="serial-console",
        add=("console=tty1", f"console={port}{speed}", early, "rootdelay=300"),
        drop=("rhgb", "quiet", "splash"),
        grub=grub,
    )


def key_of(argument: str) -> str:
    """What makes two arguments say the same thing: the name, and of a console its port too."""
    name, equals, value = argument.partition("=")
    return f"console={value.partition(',')[0]}" if name == "console" else name + equals


def changed(text: str, add: tuple[str, ...], drop: tuple[str, ...]) -> str:
    """A command line with some words and without others; the rest stays as it is written."""
    for word in drop:
        text = re.sub(rf"(?:(?<=\s)|^){re.escape(word)}(?:[ \t]+|$)", "", text)
    there = {key_of(word) for word in text.split()}
    missing = [word for word in add if key_of(word) not in there]
    if not missing:
        return text
    return " ".join([text.rstrip(), *missing]) if text.strip() else text.rstrip() + " " + " ".join(missing)


def edited(kind: str, text: str, add: tuple[str, ...], drop: tuple[str, ...]) -> str:
    """A boot loader's text with every command line in it changed. Raises: ValueError, when the result has no room."""

    def change(found: re.Match[str]) -> str:
        line = changed(found[2], add, drop)
        return found[1] + (line.lstrip() if kind in {LINE, ENVIRONMENT} else line)

    done = _PLACES[kind].sub(change, text, count=1 if kind == LINE else 0)
    if kind != ENVIRONMENT or done == text:
        return done
    body = done.rstrip("#")
    if len(body.encode()) > _ENVIRONMENT_SIZE:
        raise ValueError("GRUB's environment has no room for more arguments")
    return body + "#" * (_ENVIRONMENT_SIZE - len(body.encode()))


def command_lines(kind: str, text: str) -> list[str]:
    """The command lines in a text."""
    return [found[2] for found in _PLACES[kind].finditer(text)]


def taken_back(kind: str, text: str, before: str, wish: Arguments) -> str:
    """A text as it was before; when somebody changed it since, without what the wish added and with what it dropped."""
    if edited(kind, before, wish.add, wish.drop) == text:
        return before
    add, drop = difference(kind, before, wish)
    return edited(kind, text, drop, add)


def difference(kind: str, before: str, wish: Arguments) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a wish added to a text and what it took out of it."""
    words = {word for line in command_lines(kind, before) for word in line.split()}
    keys = {key_of(word) for word in words}
    return tuple(word for word in wish.add if key_of(word) not in keys), tuple(
        word for word in wish.drop if word in words
    )


def grub_lines(wish: Arguments) -> str:
    """Shell for GRUB 2's defaults, which grub-mkconfig reads: it works on whatever was set before it."""
    lines = [
        f'{name}="$(set -f; for word in ${name}; do case "$word" in {"|".join(wish.drop)}) ;; '
        """*) printf '%s ' "$word" ;; esac; done)\""""
        for name in ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
        if wish.drop
    ]
    for word in wish.add:
        key = key_of(word)
        lines.append(
            f'case " $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT " in *" {key}{_boundary(key)}) ;; '
            f'*) GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {word}" ;; esac'
        )
    return "".join(f"{line}\n" for line in (*lines, *wish.grub))


def _boundary(key: str) -> str:
    if key.startswith("console="):
        return f' "*|*" {key},"*'
    return '"*' if key.endswith("=") else ' "*'
