"""What is where the user's keys are to go, and the certificates that keys come from. No link is followed below the home."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from limpet.guest.accounts import home_of
from limpet.guest.certificate_key import LARGEST as LARGEST_CERTIFICATE
from limpet.guest.names import user_name_problem
from limpet.guest.ssh_keys import LARGEST, KeyFacts, Place, places_of
from limpet.host.facts.reading import bytes_of, is_there
from limpet.model.errors import HostError
from limpet.model.secret import Secret

if TYPE_CHECKING:
    from limpet.guest.passwd import User
    from limpet.guest.ssh_keys import KeyWish
    from limpet.host.ports import Commands, Files

_SELINUX = Path("/sys/fs/selinux/enforce")


def look(files: Files, commands: Commands, wish: KeyWish, users: tuple[User, ...], library: Path) -> KeyFacts:
    """Read it. users: everybody who has an account. library: the agent's folder, with TP.crt and TP.prv."""
    if user_name_problem(wish.user) is not None:
        return KeyFacts(home=wish.home_dir)
    home = home_of(wish.user, users, wish.home_dir)
    places: dict[Path, Place] = {}
    for path in places_of(wish, home):
        if any(parent in places and places[parent].problem is not None for parent in path.parents):
            continue  # what is behind a link is not looked at
        found = _place(files, path, home)
        if found is not None:
            places[path] = found
    prints = {
        key.fingerprint for key in wish.public_keys if key.value is None and key.fingerprint is not None
    }
    prints |= {pair.fingerprint for pair in wish.key_pairs}
    certificates = {
        each: bytes_of(files, library / f"{each}.crt", at_most=LARGEST_CERTIFICATE) for each in prints
    }
    private_keys = {
        pair.fingerprint: bytes_of(files, library / f"{pair.fingerprint}.prv", at_most=LARGEST)
        for pair in wish.key_pairs
    }
    return KeyFacts(
        home=home,
        uid=next((user.uid for user in users if user.name == wish.user), None),
        places=places,
        certificates={each: content for each, content in certificates.items() if content is not None},
        private_keys={each: Secret(content) for each, content in private_keys.items() if content is not None},
        restorecon=labels(files, commands),
    )


def labels(files: Files, commands: Commands) -> bool:
    """Whether SELinux labels files here, and there is the program that does."""
    return is_there(files, _SELINUX) and commands.exists("restorecon")


def _place(files: Files, path: Path, home: Path) -> Place | None:
    try:
        info = files.info(path)
        if info is None:
            return None
        problem = None
        if info.is_link and path != home:
            problem = "a link is in its place"
        elif info.is_file and info.links > 1:
            # Its content would be copied into a file of the user's, and may be anybody's.
            problem = "it is a file with another name elsewhere (a hard link)"
        elif not info.is_file and not info.is_folder and path != home:
            problem = "it is neither a file nor a folder"
        if not info.is_file or problem is not None:
            return Place(mode=info.mode, uid=info.uid, problem=problem)
        content = files.read(path, at_most=LARGEST)
    except FileNotFoundError:
        return None
    except HostError as error:
        return Place(mode=0, uid=0, problem=str(error))
    return Place(mode=info.mode, uid=info.uid, content=content, secret=Secret(content))
