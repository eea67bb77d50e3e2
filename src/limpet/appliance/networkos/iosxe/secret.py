"""A password as IOS XE stores it, type 9: made here, so that the password itself never lies on the router's flash.

A password in the clear would also have to survive the router's parser: ``?`` is help there, and blanks and control characters get
lost. IOS XE takes a finished hash in a configuration, as its own saved ones have it (``username NAME secret 9 $9$…``).
Type 9 is scrypt with N = 16384, r = 1, p = 1 and a salt of 14 letters; both parts in base64 with IOS's own alphabet.
"""

from __future__ import annotations

from binascii import b2a_base64

from limpet.model.secret import Secret

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CISCO = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LETTERS = bytes.maketrans(_STANDARD, _CISCO)
_SALT_LETTERS = 14
_COST, _BLOCK, _LANES, _BYTES = 16384, 1, 1, 32


def salt_of(vm_id: str, user: str) -> str:
    """A salt: no other VM or user has it, and the same plan made again has the same one. It is no secret."""
    import hashlib  # noqa: PLC0415 - it loads a library of 5 MB, once in a VM's life

    digest = hashlib.sha256(
        f"limpet type 9\0{vm_id.lower()}\0{user}".encode("utf-8", "surrogatepass")
    ).digest()
    return _encoded(digest)[:_SALT_LETTERS]


def type_nine(password: Secret[str], salt: str) -> Secret[str]:
    """The word that stands behind ``secret 9``. salt: 14 letters of IOS's base64 alphabet."""
    import hashlib  # noqa: PLC0415

    content = password.reveal().encode("utf-8", "surrogatepass")
    digest = hashlib.scrypt(content, salt=salt.encode("ascii"), n=_COST, r=_BLOCK, p=_LANES, dklen=_BYTES)
    return Secret(f"$9${salt}${_encoded(digest)}")


def _encoded(content: bytes) -> str:
    return b2a_base64(content, newline=False).rstrip(b"=").translate(_LETTERS).decode("ascii")
