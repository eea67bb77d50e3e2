"""Which extensions are run here: a table of patterns with a verdict. Pure. Source: network-appliance.md §1.6, §4, R13.

In a guest shell, what acts on the machine itself would act on a container: it is refused at once, with a text that says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from limpet.agent.running import GUEST_SHELL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from limpet.agent.running import Running
    from limpet.config.settings import Config


@dataclass(frozen=True, slots=True)
class Rule:
    """One row. pattern: of handlers' names (publisher.type), whose letter case does not matter. reason: why it is refused."""

    pattern: str
    reason: str


_USERS = "it changes the users and the login of the guest shell, not those of the network OS: use the network OS's own commands"
_DISKS = "it encrypts disks of the machine, and the guest shell has none of them"
_BACKUP = (
    "it freezes and copies disks of the machine, and the guest shell has none of them:"
    " save the network OS's configuration by its own commands"
)
_PATCHES = (
    "it would patch the packages of the guest shell, which is replaced as a whole by its image, and start the machine anew:"
    " update the appliance's image"
)
_DRIVERS = "it installs drivers into the kernel, which belongs to the network OS"
_TPM = "it attests the machine's start by its TPM, which the guest shell has not"

IN_A_GUEST_SHELL: tuple[Rule, ...] = (
    Rule("Microsoft.OSTCExtensions.VMAccessForLinux*", _USERS),
    Rule("Microsoft.Azure.ActiveDirectory.AAD*LoginForLinux", _USERS),
    Rule("Microsoft.Azure.Security.AzureDiskEncryption*", _DISKS),
    Rule("Microsoft.Azure.RecoveryServices.*", _BACKUP),
    Rule("Microsoft.RecoveryServices.*", _BACKUP),
    Rule("Microsoft.CPlat.Core.LinuxPatchExtension", _PATCHES),
    Rule("Microsoft.SoftwareUpdateManagement.*", _PATCHES),
    Rule("Microsoft.OSTCExtensions.OSPatchingForLinux*", _PATCHES),
    Rule("Microsoft.HpcCompute.*Driver*", _DRIVERS),
    Rule("Microsoft.Azure.Security.LinuxAttestation.*", _TPM),
)
"""What is refused in a guest shell when nobody says otherwise. The page docs/guest-shell.md shows it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """allowed, refused, bridged: patterns of the configuration. only_allowed: whether nothing else is run.

    bridged: what is handed to the network OS. rules: the stage's own list.
    """

    allowed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    bridged: tuple[str, ...] = ()
    only_allowed: bool = False
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, config: Config | Running) -> Policy:
        """What the configuration says, in this stage."""
        return cls(
            allowed=config.allowed_extensions,
            refused=config.refused_extensions,
            bridged=config.bridged_extensions if config.stage == GUEST_SHELL else (),
            only_allowed=config.only_allowed_extensions,
            rules=IN_A_GUEST_SHELL if config.stage == GUEST_SHELL else (),
        )

    def is_bridged(self, name: str) -> bool:
        """Whether a handler is not run but handed to the network OS."""
        return _matching(name, self.bridged) is not None and self.refusal(name) is None

    def runs(self, name: str) -> bool:
        """Whether a handler is run here: neither refused nor handed on."""
        return self.refusal(name) is None and not self.is_bridged(name)

    def refusal(self, name: str) -> str | None:
        """Why a handler is not run here; None when it is. The configuration's refusals win, then what it allows, then the list."""
        pattern = _matching(name, self.refused)
        if pattern is not None:
            return f"the configuration of this machine refuses it (extensions.refused has {pattern})"
        if _matching(name, self.bridged + self.allowed) is not None:
            return None
        if self.only_allowed:
            return "the configuration of this machine allows only what extensions.allowed names"
        for rule in self.rules:
            if _matching(name, (rule.pattern,)) is not None:
                return f"{rule.reason} (or allow it by extensions.allowed)"
        return None


EVERYTHING = Policy()
"""Runs all that is asked for."""


def _matching(name: str, patterns: Iterable[str]) -> str | None:
    folded = name.casefold()
    return next((pattern for pattern in patterns if fnmatchcase(folded, pattern.casefold())), None)
