"""What the machine says of the user that the media asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.guest.user import UserFacts
from limpet.host.facts import accounts, ssh_keys, sudo

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.guest.user import UserWish
    from limpet.host.ports import Commands, Files


def look(files: Files, commands: Commands, wish: UserWish, *, sudoers_dir: Path, library: Path) -> UserFacts:
    """Read it. sudoers_dir: accounts.sudoers_dir. library: the agent's folder, with the certificates."""
    account = accounts.look(files, wish.account)
    return UserFacts(
        account=account,
        sudo=sudo.look(files, sudoers_dir),
        keys=ssh_keys.look(files, commands, wish.keys, account.users, library),
    )
