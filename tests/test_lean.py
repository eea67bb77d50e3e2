"""Imports that bring less, in a process of their own."""

from __future__ import annotations

from tests.interpreters import said


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
"""
    assert said(code) == [
        "<class 'int'> <class 'int'> 1",
        "9 True set()",
        "b'x' True True ('127.0.0.1', 1)",
        "True",
    ]


def test_a_process_that_has_the_standard_modules_already_keeps_them() -> None:
    code = """
import typing, re, dataclasses, signal
import limpet.boot, limpet.boot.main
print(sys.modules["typing"] is typing, sys.modules["re"] is re, sys.modules["dataclasses"] is dataclasses, repr(signal.SIGTERM))
"""
    assert said(code) == ["True True True <Signals.SIGTERM: 15>"]
