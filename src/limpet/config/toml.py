"""limpet.toml: TOML, read with the line of every setting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from limpet.config.entry import Entry, content
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from limpet.host.ports import Files

_DEEPEST = 4  # settings' names have two parts
_HEADER = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\"' \t-]+?)\s*=")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


def read(files: Files, path: Path, *, required: bool) -> list[Entry[object]]:
    """Every setting in the file, by its dotted name. required: whether it must exist.

    Raises: ConfigurationError.
    """
    body = content(files, path)
    if body is None:
        if required:
            raise ConfigurationError(f"{path} does not exist")
        return []
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: this is not UTF-8") from error
    lines = _lines(text)
    return [
        Entry(name=name, value=value, origin=f"{path}, line {_line_of(name, lines)}")
        for name, value in _flat(_parse(text, path), prefix="")
    ]


def _parse(text: str, path: Path) -> Mapping[str, object]:
    if not any(line and line[0] != "#" for line in map(str.strip, text.splitlines())):
        return {}  # as it is installed: nothing but comments. (What ends a line elsewhere only makes more lines of this.)
    import tomllib  # noqa: PLC0415 - most machines have no limpet.toml and need not carry its parser

    try:
        return tomllib.loads(text)
    except ValueError as error:
        problem = str(error)
        place = _PLACE.search(problem)
        if place is None:
            raise ConfigurationError(f"{path}: {problem}") from error
        line, column = place.groups()
        where = f"line {line}, column {column}" if line else f"line {len(text.splitlines())}"
        raise ConfigurationError(f"{path}, {where}: {problem[: place.start()]}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: values are nested too deeply") from error


def _flat(table: Mapping[str, object], prefix: str, depth: int = _DEEPEST) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict) and depth:
            yield from _flat(value, f"{prefix}{key}.", depth - 1)
        else:
            yield prefix + key, value


def _lines(text: str) -> dict[str, int]:
    """The first line that mentions each table and key. Good enough to point at; tomllib decides what is there."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _plain(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{_plain(key[1])}".lstrip("."), number)
    return found


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))


def _line_of(name: str, lines: Mapping[str, int]) -> int:
    while name not in lines and "." in name:
        name = name.rpartition(".")[0]
    return lines.get(name, 1)
