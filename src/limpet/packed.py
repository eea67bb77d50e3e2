"""The modules of a start from one file, instead of two hundred that are looked for one by one.

`limpet install` makes the file (`limpet.manage.install.packing`), and the launcher that it installs begins with `begin`. Nothing depends
on it: what is not in the file, was changed since, or was made by another interpreter is imported as ever.
Decision: docs/decisions/0024-packed-start.md. What is imported here is imported before the file is open: next to nothing.

The file: a line for people; one with the checksum and length of the index, and the length of what follows that; the index,
marshalled: who made it, the regular expressions that are compiled already, and the modules, with a checksum each; their code, one
after the other, of which a process reads what it imports.
"""

import _sre  # type: ignore[import-not-found]
import sys
from _frozen_importlib import ModuleSpec
from binascii import crc32
from marshal import dumps, loads
from os import O_RDONLY, close, fstat, open, pread, stat  # noqa: A004 - pathlib is in the file

TYPE_CHECKING = False  # as typing has it
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType
    from typing import Any, NamedTuple

    class Entry(NamedTuple):
        """Of one module: its source as it was, time in whole seconds and size in bytes; where its code is."""

        is_package: bool
        source: str
        time: int
        size: int
        start: int
        length: int
        checksum: int


MARK = b"# Installed by limpet. What its start loads, compiled; limpet install makes it anew.\n"
LARGEST = 16 * 1024 * 1024
"""Bytes; such a file has one or two million."""


_FIRST = 256
"""Bytes in which the first two lines are."""


class Damaged(Exception):
    """The file is not whole, or was made by another interpreter. It never leaves this module, its words do."""


WHOLE, OTHER = "it is damaged", "another Python made it, or one with other options"


def maker() -> tuple[object, ...]:
    """Who can use what this interpreter compiles: this very build, with as much optimised away."""
    return (2, sys.version, sys.implementation.cache_tag, sys.flags.optimize, _sre.MAGIC)


class Packed:
    """Finds and loads modules, as the import system asks. name: of the file; codes: where they begin in it."""

    def __init__(self, name: str, descriptor: int, index: "Mapping[str, Entry]", codes: int) -> None:
        self.name = name
        self._file = descriptor
        self._index = index
        self._codes = codes
        self._found: dict[str, bytes] = {}
        self.changed = 0
        """Modules that were asked for and have another source now, or are damaged."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """None for what is not here, whose source is another one now, or that is damaged."""
        found = self._index.get(name)
        if found is None:
            return None
        is_package, source, time, size, start, length, checksum = found
        try:
            now = stat(source)  # noqa: PTH116 - as above
            code = pread(self._file, length, self._codes + start)
        except OSError:
            now, code = None, b""
        # st_mtime and st_size; images that are made of trees keep whole seconds only
        if now is None or now[8] != time or now[6] != size or crc32(code) != checksum:
            self.changed += 1
            return None
        self._found[name] = code
        spec = ModuleSpec(name, self, origin=source, is_package=is_package)  # type: ignore[arg-type] # it has what a loader needs
        if is_package:
            spec.submodule_search_locations = [source.rpartition("/")[0]]
        spec.has_location = True
        spec.cached = self.name  # otherwise the name of another file is worked out
        return spec

    def close(self) -> None:
        """Nothing more is to be found."""
        self._index = {}
        close(self._file)

    def create_module(self, _spec: ModuleSpec) -> None:
        """As it is usually made."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run its code."""
        exec(loads(self._found.pop(module.__name__)), module.__dict__)  # noqa: S102, S302 - root's own file


def begin(path: str) -> bool:
    """Import from this file from now on, if it is good. Nothing is raised: without it all goes on, more slowly."""
    try:
        descriptor = open(path, O_RDONLY)
        try:
            expressions, index, codes = _read(descriptor)
        except BaseException:
            close(descriptor)
            raise
        finder: Any = Packed(path, descriptor, index, codes)
        sys.meta_path.insert(0, finder)
        from limpet import patterns  # noqa: PLC0415 - out of the file

        patterns.READY.update(expressions)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not keep a machine from being provisioned
        if not isinstance(error, FileNotFoundError):  # nobody has installed one
            _LACKS[path] = str(error) or WHOLE
        return False
    return True


def lack() -> str | None:
    """Why this start is slower than it could be, for people; None where it is not, or nothing is installed that could be used."""
    for path, problem in _LACKS.items():
        return f"{path} is not used: {problem}"
    for finder in sys.meta_path:
        if type(finder) is Packed and finder.changed:
            return f"{finder.name} has {finder.changed} modules not as they are installed"
    return None


_LACKS: "dict[str, str]" = {}
REMEDY = "none needed; limpet install makes the file anew"


def end() -> None:
    """Give back the memory that it takes: whatever is imported from now on is imported as ever."""
    for finder in [each for each in sys.meta_path if type(each) is Packed]:
        sys.meta_path.remove(finder)
        finder.close()


def _read(descriptor: int) -> "tuple[dict[Any, Any], dict[str, Entry], int]":
    """Expressions, index, and where the codes begin. Raises: Damaged; OSError, and others for what was made by hand."""
    size = fstat(descriptor).st_size
    first = pread(descriptor, _FIRST, 0)
    start = first.find(b"\n", len(MARK)) + 1
    words = first[len(MARK) : start].split()
    if size > LARGEST or not first.startswith(MARK) or len(words) != 3:
        raise Damaged(WHOLE)
    length, codes = int(words[1]), int(words[2])
    head = pread(descriptor, min(length, LARGEST), start)
    if first[len(MARK) : start] != _summary(head, codes) or size != start + length + codes:
        raise Damaged(WHOLE)
    made_by, expressions, index = loads(head)  # noqa: S302 - root's own file
    if made_by != maker():
        raise Damaged(OTHER)
    return expressions, index, start + length


def packed(
    expressions: "Mapping[Any, Any]", modules: "Mapping[str, tuple[bool, str, int, int, CodeType]]"
) -> bytes:
    """The file's content. modules: as in `Entry`, with the code itself."""
    codes: list[bytes] = []
    index: dict[str, tuple[object, ...]] = {}
    at = 0
    for name, (is_package, source, time, size, code) in modules.items():
        made = dumps(code)
        codes.append(made)
        index[name] = (is_package, source, time, size, at, len(made), crc32(made))
        at += len(made)
    whole: Any = (maker(), dict(expressions), index)
    head = dumps(whole)
    return MARK + _summary(head, at) + head + b"".join(codes)


def kept(
    path: str, expressions: "Mapping[Any, Any]", modules: "Mapping[str, tuple[bool, str, int, int, CodeType]]"
) -> bytes | None:
    """The content of a file that has all of this already; None when it is to be made anew.

    The same code is not always marshalled to the same bytes.
    """
    descriptor = -1
    try:
        descriptor = open(path, O_RDONLY)
        known, index, codes = _read(descriptor)
        content = pread(descriptor, LARGEST, 0)
    except Exception:  # noqa: BLE001 - whatever it is, it is to be made anew
        return None
    finally:
        if descriptor >= 0:
            close(descriptor)
    whole = all(crc32(content[codes + each[4] :][: each[5]]) == each[6] for each in index.values())
    same = {name: entry[:4] for name, entry in index.items()} == {
        name: made[:4] for name, made in modules.items()
    }
    return content if whole and same and known == dict(expressions) else None


def _summary(head: bytes, codes: int) -> bytes:
    return b"%08x %d %d\n" % (crc32(head), len(head), codes)
