"""What is wrong in a file of settings, all of it and with the lines; the files that are in use are not looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from limpet.config import toml, waagent
from limpet.config.entry import content
from limpet.config.load import accepted, honoured
from limpet.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files

Format = Literal["toml", "waagent"]


def format_of(path: Path) -> Format:
    """What a file probably is, by its name."""
    return "waagent" if path.suffix == ".conf" else "toml"


def problems(files: Files, path: Path, written_as: Format) -> tuple[list[str], list[str]]:
    """What is wrong in the file, and what in it has no effect, each with its line.

    Raises: ConfigurationError, when there is no such file or it cannot be read.
    """
    if content(files, path) is None:
        raise ConfigurationError(f"{path} does not exist")
    return (_of_waagent if written_as == "waagent" else _of_toml)(files, path)


def _of_toml(files: Files, path: Path) -> tuple[list[str], list[str]]:
    found = []
    try:
        entries = toml.read(files, path, required=True)
    except ConfigurationError as error:
        return [str(error)], []
    for entry in entries:
        try:
            accepted(entry)
        except ConfigurationError as error:
            found.append(str(error))
    return found, []


def _of_waagent(files: Files, path: Path) -> tuple[list[str], list[str]]:
    entries = waagent.read_all(files, path)
    last = {entry.name: entry for entry in entries}
    _, notes, unused = honoured(last.values())
    unused += [
        f"{entry.origin}: {entry.name} has no effect: it stands again in {last[entry.name].origin.rpartition(', ')[2]}"
        for entry in entries
        if entry is not last[entry.name]
    ]
    text = (content(files, path) or b"").decode("utf-8", "replace").removeprefix("\ufeff")
    strays = [
        f"{path}, line {number}: this is neither a comment nor KEY=VALUE, and is passed over"
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and "=" not in line and not line.lstrip().startswith("#")
    ]
    return [*notes, *strays], unused
