"""Writing a bundle of logs: a zip that is there whole or not at all, made piece by piece in little memory."""

from __future__ import annotations

import contextlib
import os
import stat
import time
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.guest.log_manifest import Copy, Listing, Printed, choose
from limpet.guest.log_redaction import Lines, Redactor
from limpet.manage.logs.sources import pieces, unpacked
from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from limpet.guest.log_manifest import Bounds, Choice, Item
    from limpet.host.ports import Commands
    from limpet.manage.logs.sources import Found, Sources

RESULTS = "results.txt"
KEPT_FREE = 64 * 1024 * 1024
"""So much is left free on the disk, bytes: the bundle ends there."""
MOST_ERRORS = 8
"""After so many files that cannot be read, nothing more is tried. Source: guest-setup.md §D.3."""
_PRINTED = 8 * 1024 * 1024
_PRINTING = 30.0
_FIRST_YEAR = (1980, 1, 1, 0, 0, 0)


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What went into a bundle. size: of the zip, bytes; content: of what is in it."""

    files: int = 0
    size: int = 0
    content: int = 0
    truncated: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One bundle to make. say: hears of progress: how many files are done, of how many."""

    items: Sequence[Item]
    first: Sequence[str]
    bounds: Bounds
    sources: Sources
    commands: Commands
    output: Path
    say: Callable[[int, int], None] = lambda _done, _of: None


def chosen(work: Work) -> list[tuple[Found, Choice]]:
    """The files that are taken or left out: what is most important first, then by path."""
    found: dict[Path, Found] = {}
    for pattern in work.first:
        for each in work.sources.find(pattern):
            found.setdefault(each.candidate.path, each)
    rest: dict[Path, Found] = {}
    for item in work.items:
        if isinstance(item, Copy):
            for each in work.sources.find(item.pattern):
                if each.candidate.path not in found:
                    rest.setdefault(each.candidate.path, each)
    ordered = [*found.values(), *(rest[path] for path in sorted(rest))]
    choices = choose((each.candidate for each in ordered), work.bounds)
    return list(zip(ordered, choices, strict=True))


def make(work: Work) -> Outcome:
    """Make the bundle. Raises: HostError, when it cannot be written; nothing is left of it then."""
    outcome = Outcome()
    _check_place(work.output)
    folder = work.output.parent
    temporary = folder / f".{work.output.name}.{os.getpid()}"
    try:
        descriptor = os.open(
            temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(descriptor, "w+b") as file:  # noqa: PTH123 - a descriptor
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as bundle:
                _Writer(bundle, work, outcome).write()
            file.flush()
            os.fsync(file.fileno())
            outcome.size = os.fstat(file.fileno()).st_size
        temporary.rename(work.output)
    except OSError as error:
        raise HostError(f"cannot write {work.output}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return outcome


def _check_place(output: Path) -> None:
    """Raises: HostError, for what a file must not take the place of, such as /dev/null."""
    try:
        mode = output.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISLNK(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device or a socket"
        raise HostError(f"cannot write {output}: it is {what}, not a regular file")


class _Writer:
    def __init__(self, bundle: zipfile.ZipFile, work: Work, outcome: Outcome) -> None:
        self._bundle = bundle
        self._work = work
        self._outcome = outcome
        self._names: set[str] = {RESULTS}
        self._errors = 0

    def write(self) -> None:
        """Everything, and last what was done."""
        choices = chosen(self._work)
        for done, (found, choice) in enumerate(choices):
            self._work.say(done, len(choices))
            problem = choice.problem or self._unfit()
            if problem is None:
                problem = self._file(found, choice)
            if problem is not None:
                self._outcome.left_out[str(choice.candidate.path)] = problem
        self._work.say(len(choices), len(choices))
        for item in self._work.items:
            if isinstance(item, Printed):
                self._printed(item)
        with self._bundle.open(self._entry(RESULTS, None), "w") as target:
            target.write("".join(f"{line}\n" for line in self._results()).encode("utf-8", "backslashreplace"))

    def _unfit(self) -> str | None:
        if self._errors >= MOST_ERRORS:
            return f"{MOST_ERRORS} files could not be read before"
        space = os.statvfs(self._work.output.parent)
        if space.f_bavail * space.f_frsize < KEPT_FREE:
            return "the disk is almost full"
        return None

    def _file(self, found: Found, choice: Choice) -> str | None:
        """Add a file. Gives the reason when it could not be added as a whole."""
        path, most = choice.candidate.path, self._work.bounds.file
        try:
            with self._work.sources.opened(found) as (descriptor, info):
                if path.suffix in {".gz", ".zip"}:
                    for name, content in unpacked(descriptor, path, most):
                        plain = choice.name.removesuffix(".gz") if not name else choice.name + name
                        self._add(plain, info.st_mtime, content)
                    return None
                content = pieces(descriptor, choice.start, choice.size)
                self._add(choice.name, info.st_mtime, content)
        except (HostError, OSError) as error:
            if (
                isinstance(error, OSError)
                and error.filename is None
                and error.errno is not None
                and error.errno == 28
            ):
                raise
            self._errors += 1
            return getattr(error, "strerror", None) or str(error)
        if choice.start:
            self._outcome.truncated.append(str(path))
        return None

    def _add(self, name: str, modified: float | None, content: Iterable[bytes]) -> None:
        with self._bundle.open(self._entry(name, modified), "w") as target:
            for piece in _clean(content):
                target.write(piece)
                self._outcome.content += len(piece)
        self._outcome.files += 1

    def _entry(self, name: str, modified: float | None) -> zipfile.ZipInfo:
        shown = "".join(
            c if c.isprintable() and c != "\\" else "_" for c in name.encode("utf-8", "replace").decode()
        )
        shown = "/".join(part for part in shown.split("/") if part not in {"", ".", ".."})[:1000]
        unique, number = shown, 1
        while unique in self._names and shown != RESULTS:
            number += 1
            unique = f"{shown}.{number}"
        self._names.add(unique)
        moment = time.gmtime(min(max(modified or 0.0, 0.0), 4e9))[:6]
        entry = zipfile.ZipInfo(unique, max(moment, _FIRST_YEAR))
        entry.external_attr = 0o600 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        return entry

    def _printed(self, item: Printed) -> None:
        if not self._work.commands.exists(item.argv[0]):
            self._outcome.left_out[item.name] = f"there is no program {item.argv[0]}"
            return
        try:
            done = self._work.commands.run(item.argv, timeout=_PRINTING, at_most=_PRINTED)
        except HostError as error:
            self._outcome.left_out[item.name] = str(error)
            return
        if done.stdout:
            self._add(item.name, None, [done.stdout])

    def _results(self) -> Iterator[str]:
        outcome = self._outcome
        yield f"{outcome.files} files, {outcome.content} bytes"
        for path in outcome.truncated:
            yield f"truncated: {path}"
        for path, reason in outcome.left_out.items():
            yield f"left out: {path}: {reason}"
        for item in self._work.items:
            if isinstance(item, Listing):
                yield f"listing of {item.folder}:"
                yield from self._work.sources.listing(item.folder)


def _clean(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same without secrets."""
    lines, redactor = Lines(), Redactor()
    for piece in content:
        if block := lines.feed(piece.decode("latin-1")):
            yield redactor.block(block).encode("latin-1")
    if rest := lines.end():
        yield redactor.block(rest).encode("latin-1")
