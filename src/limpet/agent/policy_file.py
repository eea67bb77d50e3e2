"""An administrator's policy file, looked at for every goal state. Source: extensions.md §3.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import HostError, MalformedDocument
from limpet.wire.extensionpolicy import ExtensionPolicy, parse_extension_policy

if TYPE_CHECKING:
    from pathlib import Path

    from limpet.host.ports import Files, Log

LARGEST = 1024 * 1024


class PolicyFile:
    """Without the file everything may run; while it cannot be used, nothing. Its verdict is replaced whole."""

    def __init__(self, files: Files, path: Path, log: Log) -> None:
        self._files = files
        self._path = path
        self._log = log
        self._verdict: ExtensionPolicy | str = ExtensionPolicy()

    def look(self) -> None:
        """Read the file anew."""
        try:
            self._verdict = parse_extension_policy(self._files.read(self._path, at_most=LARGEST))
        except FileNotFoundError:
            self._verdict = ExtensionPolicy()
        except (HostError, MalformedDocument) as error:
            self._log.error("policy.unusable", file=self._path, problem=error)
            self._verdict = str(error)

    def refusal(self, name: str) -> str | None:
        """Why a handler is neither run nor removed here; None where the policy has nothing against it."""
        verdict = self._verdict
        if isinstance(verdict, str):
            return f"the policy of this machine in {self._path} cannot be used: {verdict}"
        if verdict.allows(name):
            return None
        return f"the policy of this machine in {self._path} does not list it"
