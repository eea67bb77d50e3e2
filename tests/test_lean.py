"""Imports that bring less, in a process of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.interpreters import said

if TYPE_CHECKING:
    from pathlib import Path


def test_constants_of_the_system_are_numbers_and_everything_that_uses_them_works() -> None:
    code = """
import limpet.boot, enum, signal, socket, subprocess
class Later(enum.IntEnum):
    A = 1
print(type(signal.SIGTERM), type(socket.AF_INET), Later(1))
print(signal.Signals(9), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, signal.pthread_sigmask(signal.SIG_BLOCK, []))
one, other = socket.socketpair()
one.sendall(b"x")
print(other.recv(1), one.family == socket.AF_UNIX, one.type == socket.SOCK_STREAM, socket.getaddrinfo("127.0.0.1", 1)[0][4])
print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode == -signal.SIGKILL)
before = signal.signal(signal.SIGINT, handler := lambda *_: print("asked"))
print(before is signal.default_int_handler, signal.signal(signal.SIGINT, before) is handler, signal.signal(signal.SIGTERM, before) == signal.SIG_DFL)
"""
    assert said(code) == [
        "<class 'int'> <class 'int'> 1",
        "9 True set()",
        "b'x' True True ('127.0.0.1', 1)",
        "True",
        "True True True",
    ]


def test_a_process_that_has_the_standard_modules_already_keeps_them() -> None:
    code = """
import typing, re, dataclasses, signal
import limpet.boot, limpet.boot.main
print(sys.modules["typing"] is typing, sys.modules["re"] is re, sys.modules["dataclasses"] is dataclasses, repr(signal.SIGTERM))
"""
    assert said(code) == ["True True True <Signals.SIGTERM: 15>"]


OTHER_WAYS = {
    "a base class": "class Colour(IntEnum):\n    RED = 1\nRED = Colour.RED",
    "another function": "from enum import unique\nColour = IntEnum('Colour', {'RED': 1})\nRED = Colour.RED",
    "a module that it imports": "import inner\nfrom inner import Colour, RED",
}


@pytest.mark.parametrize("way", OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_a_module_that_makes_its_enumerations_in_another_way_is_imported_as_ever(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "outer.py").write_text(f"from enum import IntEnum\n{way}\n")
    (tmp_path / "inner.py").write_text(
        "import enum\nclass Colour(enum.IntEnum):\n    RED = 1\nRED = Colour.RED\n"
    )
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
from limpet.lean import plain_numbers
plain_numbers("outer")
import enum, outer
print(repr(outer.RED), isinstance(outer.RED, enum.IntEnum), outer.Colour(1) is outer.RED, len(outer.Colour))
"""
    assert said(code) == ["<Colour.RED: 1> True True 1"]


def test_a_module_that_asks_for_an_enumeration_by_any_name_keeps_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(
        "from enum import IntFlag as _IntFlag\nRED = 1\n_IntFlag.of_a_module('Colour', __name__, str.isupper)\n"
    )
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
from limpet.lean import plain_numbers
plain_numbers("outer")
import enum, outer
class Later(enum.IntFlag):
    A = 1
print(type(outer.RED), outer.Colour(outer.RED), repr(Later(1)))
"""
    assert said(code) == ["<class 'int'> 1 <Later.A: 1>"]
