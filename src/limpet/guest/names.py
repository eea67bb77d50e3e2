"""Which names a user and a host may have, and what is wrong with one that may not be used."""

from __future__ import annotations

import re

LONGEST_USER_NAME = 64
"""What the platform gives. useradd takes 32 where it is older, and says so then. Source: osProfile.adminUsername."""

LONGEST_KERNEL_NAME = 64
"""What the kernel takes as its host name. Source: sethostname(2)."""

_LONGEST_HOST_NAME = 253
_LONGEST_LABEL = 63

_USER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?\Z")
_ADDRESS = re.compile(r"\d+(?:\.\d+){3}\Z")

# Words with a meaning of their own at the start of a line of sudoers(5), where the user's name is to stand.
_SUDO_WORDS = frozenset(
    {"all", "defaults", "user_alias", "runas_alias", "host_alias", "cmnd_alias", "cmd_alias"}
)


def user_name_problem(name: str) -> str | None:
    """Why `name` cannot be a user's name; None when it can.

    Stricter than useradd where another program would take the name for something else: a user id, an option, a path, a
    field's end, or a keyword of sudoers(5).
    """
    if not name:
        return "the user's name is empty"
    if len(name) > LONGEST_USER_NAME:
        return f"the user's name has {len(name)} characters; at most {LONGEST_USER_NAME} are possible"
    if not name.isascii():
        return "the user's name has characters outside ASCII"
    if _USER_NAME.match(name) is None:
        return "the user's name has characters other than letters, digits, '_', '.' and '-', or begins with '.' or '-'"
    if name.isdecimal():
        return "the user's name is a number, which programs take for a user's id"
    if name.lower() in _SUDO_WORDS:
        return f"the user's name {name} is a keyword of sudoers"
    return None


def host_name_problem(name: str) -> str | None:
    """Why `name` cannot be a host's name; None when it can. It may have dots.

    More lenient than RFC 1123 where the platform is, for a VM whose name is refused is lost: 64 characters without a dot,
    underscores, nothing but digits.
    """
    if not name:
        return "the host name is empty"
    if len(name) > _LONGEST_HOST_NAME:
        return f"the host name has {len(name)} characters; at most {_LONGEST_HOST_NAME} are possible"
    labels = name.split(".")
    longest = _LONGEST_LABEL if len(labels) > 1 else LONGEST_KERNEL_NAME
    if not all(len(label) <= longest and _LABEL.match(label) for label in labels):
        return (
            f"the host name is not one: its parts, separated by dots, have 1 to {longest} letters, digits, '-' and '_', and "
            "begin and end with a letter or digit"
        )
    if _ADDRESS.match(name):
        return "the host name is an IP address"
    return None


def kernel_name(name: str) -> str:
    """What the kernel and /etc/hostname are told: the whole name where it fits, else its first part."""
    return name if len(name) <= LONGEST_KERNEL_NAME else name.partition(".")[0]
