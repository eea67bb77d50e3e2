"""Hashes of passwords by the machine's crypt(3), within this process; openssl where there is no libcrypt.

What has no libcrypt that Python can load is small; openssl knows MD5, SHA-256 and SHA-512 only.
Source of the salts: crypt(5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.ports import Commands, Random
    from limpet.model.secret import Secret

    Function = Callable[[str, str], "str | None"]

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2")
_LONGEST_MD5_SALT = 8
_BCRYPT_COST = 10
_RANDOM_SALT = 22  # letters that carry 128 bits
_OPENSSL = ("1", "5", "6")
_OPENSSL_LONGEST = 256  # it cuts off what is behind
_SECONDS = 30.0


def loaded_crypt() -> Function | None:
    """crypt(3) as a function; None where there is none. ctypes is not cheap: Python's own binding is taken where it is."""
    from importlib import import_module  # noqa: PLC0415 - loaded only when a password is to be set

    try:
        function: Function = import_module("_crypt").crypt
    except ImportError:
        return _by_ctypes()
    return function


def _by_ctypes() -> Function | None:
    try:
        import ctypes  # noqa: PLC0415
    except ImportError:
        return None
    for name in _LIBRARIES:
        try:
            crypt = ctypes.CDLL(name, use_errno=True).crypt
        except (OSError, AttributeError):
            continue
        crypt.restype = ctypes.c_char_p
        crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)

        def function(word: str, salt: str) -> str | None:
            found = crypt(word.encode(), salt.encode())  # noqa: B023 - returned at once
            return None if found is None else found.decode("ascii", "replace")

        return function
    return None


class MachineCrypt:
    """Hashes with one method of `accounts.password_crypt_id`. function: crypt(3), loaded when it is first needed."""

    def __init__(
        self,
        method: str,
        salt_length: int,
        chance: Random,
        commands: Commands,
        load: Callable[[], Function | None] = loaded_crypt,
    ) -> None:
        self.method = method
        self._salt_length = salt_length
        self._chance = chance
        self._commands = commands
        self._load = load
        self._function: Function | None = None
        self._is_loaded = False

    def hashed(self, password: Secret[str]) -> str:
        """A new hash. Raises: HostError, when this machine does not know the method."""
        setting = self._setting()
        found = self._crypted(password, setting)
        if found is None or found.startswith("*") or not found.startswith(f"${self.method}$"):
            raise HostError(f"this machine's crypt(3) does not know the method {self.method}")
        return found

    def verifies(self, password: Secret[str], hashed: str) -> bool:
        """Whether `hashed` is a hash of this password; never of a locked or empty one."""
        if not hashed.startswith("$") or not hashed.isascii():
            return False
        try:
            return self._crypted(password, hashed) == hashed
        except HostError:
            return False

    def _crypted(self, password: Secret[str], setting: str) -> str | None:
        function = self._loaded()
        if function is None:
            return self._by_openssl(password, setting)
        try:
            return function(password.reveal(), setting)
        except (OSError, ValueError):
            return None

    def _loaded(self) -> Function | None:
        if not self._is_loaded:
            self._function, self._is_loaded = self._load(), True
        return self._function

    def _by_openssl(self, password: Secret[str], setting: str) -> str | None:
        """Raises: HostError."""
        _, method, salt, *rest = [*setting.split("$"), "", ""]
        if method not in _OPENSSL or (rest and rest[0] and salt.startswith("rounds=")):
            raise HostError(f"without libcrypt there is no method {method}: use one of {', '.join(_OPENSSL)}")
        word = password.reveal().encode()
        if len(word) > _OPENSSL_LONGEST:
            raise HostError(f"without libcrypt a password has at most {_OPENSSL_LONGEST} bytes")
        argv = ("openssl", "passwd", f"-{method}", "-salt", salt, "-stdin")
        done = self._commands.run(argv, stdin=word + b"\n", timeout=_SECONDS, at_most=4096)
        if done.exit_code != 0:
            raise HostError("there is neither libcrypt nor a working openssl to hash the password with")
        return done.stdout.decode("ascii", "replace").strip()

    def _setting(self) -> str:
        """Method and salt, as crypt(3) takes them."""
        if self.method in {"2a", "2b"}:
            letters = self._letters(_RANDOM_SALT - 1) + ".Oeu"[self._chance.octets(1)[0] % 4]
            return f"${self.method}${_BCRYPT_COST:02}${letters}"
        if self.method == "y":
            return f"$y$j9T${self._letters(_RANDOM_SALT - 1)}."
        length = min(self._salt_length, _LONGEST_MD5_SALT) if self.method == "1" else self._salt_length
        return f"${self.method}${self._letters(length)}"

    def _letters(self, count: int) -> str:
        return "".join(_ALPHABET[octet % 64] for octet in self._chance.octets(count))
