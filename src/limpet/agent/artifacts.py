"""Getting what lies in storage: directly, or through the host plugin, whichever worked last. Source: wire-protocol.md §11.5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.model.errors import FabricError, FabricStale, FabricUnreachable
from limpet.wire import hostplugin
from limpet.wire.http import MIB

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from limpet.agent.fabric import Fabric
    from limpet.host.ports import Fetcher, Files, Log, Random
    from limpet.model.ids import Url

DOCUMENT_LIMIT = 16 * MIB
DOCUMENT_SECONDS = 60.0
DOWNLOAD_SECONDS = 300.0
"""One package's budget, seconds. Source: extensions.md §1.5."""


class Artifacts:
    """Downloads of everything that lies in storage. Both channels are tried for each; the one that worked leads."""

    def __init__(
        self, fabric: Fabric, fetcher: Fetcher, files: Files, chance: Random, log: Log, *, scratch: Path
    ) -> None:
        self._fabric = fabric
        self._fetcher = fetcher
        self._files = files
        self._chance = chance
        self._log = log
        self._scratch = scratch
        self._host_first = False
        self.verify = (
            False  # whether the host plugin shall check artifacts; while the goal state is FastTrack
        )

    def shuffled(self, uris: Sequence[Url]) -> list[Url]:
        """`uris` in random order, so that the load spreads."""
        return sorted(uris, key=lambda _: self._chance.fraction())

    def document(self, uri: Url, name: str) -> bytes:
        """The content of a small blob. name: a file name for its scratch copy. Raises: FabricError, HostError."""
        self._files.make_folder(self._scratch, mode=0o700)
        destination = self._scratch / name
        try:
            self.download(uri, destination, limit=DOCUMENT_LIMIT, seconds=DOCUMENT_SECONDS)
            return self._files.read(destination, at_most=DOCUMENT_LIMIT)
        finally:
            self._files.remove(destination)

    def download(
        self,
        uri: Url,
        destination: Path,
        *,
        limit: int,
        manifest_uri: Url | None = None,
        seconds: float = DOWNLOAD_SECONDS,
    ) -> None:
        """Put a blob at `destination`. limit: bytes. Raises: FabricError of the second channel; HostError (disk)."""

        def directly() -> None:
            self._fetcher.fetch(uri, destination, headers={}, limit=limit, timeout=seconds)

        def through_host() -> None:
            self._through_host(uri, destination, limit, manifest_uri, seconds)

        first, second = (through_host, directly) if self._host_first else (directly, through_host)
        try:
            first()
        except FabricError as problem:
            self._log.warning("download.other_channel", uri=uri, problem=problem)
            try:
                second()
            except FabricError as error:
                raise FabricUnreachable(f"{problem}; by the other channel: {error}") from error
            self._host_first = not self._host_first

    def _through_host(
        self, uri: Url, destination: Path, limit: int, manifest_uri: Url | None, seconds: float
    ) -> None:
        try:
            self._ask_host(uri, destination, limit, manifest_uri, seconds)
        except FabricStale:
            self._fabric.goal_state()
            self._ask_host(uri, destination, limit, manifest_uri, seconds)

    def _ask_host(
        self, uri: Url, destination: Path, limit: int, manifest_uri: Url | None, seconds: float
    ) -> None:
        request = hostplugin.artifact_request(
            self._fabric.host_plugin,
            self._fabric.identity(),
            uri,
            manifest_url=manifest_uri,
            verify=self.verify,
        )
        self._fetcher.fetch(
            request.url, destination, headers=request.headers, limit=limit, timeout=seconds, proxied=False
        )
