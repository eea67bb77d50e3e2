"""A handler's package: which versions there are, which one it will be, and how it gets here.

Source: extensions.md §1.3 to §1.5, wire-protocol.md §11.5.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.errors import Code, FabricError, HandlerError, HostError, LeaseLost, LimpetError
from limpet.model.redact import redacted
from limpet.model.version import Version
from limpet.wire.http import MIB
from limpet.wire.manifest import parse_manifest
from limpet.wire.names import problem_with_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from limpet.agent.artifacts import Artifacts
    from limpet.agent.layout import HandlerFolder
    from limpet.agent.store import Store
    from limpet.host.ports import Clock, Fetcher, Log
    from limpet.model.extensions import Handler
    from limpet.model.ids import Url
    from limpet.model.manifest import Package

MANIFEST = "HandlerManifest.json"
DEEPEST_MANIFEST = 6
BOM = b"\xef\xbb\xbf"
MANIFEST_LIMIT = 16 * MIB
PACKAGE_LIMIT = 1024 * MIB
BUDGET = 300.0
"""How long attempts for one package, or for one manifest, may begin, seconds. Source: extensions.md §1.5."""
MOST_TOLD = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The version that will be worked on. package is None where only the installed one can be used."""

    version: Version
    package: Package | None
    manifest_uri: Url | None


def choose_package(handler: Handler, packages: Sequence[Package]) -> Package:
    """The highest version that the requested one accepts. Raises: HandlerError, naming both. Source: extensions.md §1.4."""
    try:
        requested = Version.parse(handler.version)
    except ValueError as error:
        raise HandlerError(f"{handler.name}: the goal state's version is unusable: {error}") from error
    # A version such as 1.0-rc1 could not be told from a handler's name in the name of a folder.
    matching = [
        package
        for package in packages
        if package.version.matches(requested)
        and problem_with_name(handler.name, package.version.text) is None
    ]
    if not matching:
        offered = (
            ", ".join(str(package.version) for package in sorted(packages, key=lambda p: p.version)[-8:])
            or "none"
        )
        raise HandlerError(
            f"Version {handler.version} of {handler.name} is not in its manifest (offered: {offered}). "
            "Ask for a published version."
        )
    return max(
        reversed(matching), key=lambda package: package.version
    )  # of equals the last one, as the peers have it


class NoManifestFile(HostError):
    """A package that is a good zip and no handler's."""


class Packages:
    """Fetches manifests and packages through the artifacts' channels, and unpacks them."""

    def __init__(self, store: Store, artifacts: Artifacts, fetcher: Fetcher, clock: Clock, log: Log) -> None:
        self._store = store
        self._artifacts = artifacts
        self._fetcher = fetcher
        self._clock = clock
        self._log = log

    def choose(self, handler: Handler) -> Choice:
        """Decide which version of a wanted handler it will be. Raises: HandlerError."""
        packages, manifest_uri = self._manifest(handler)
        package = choose_package(handler, packages)
        if package.version.text != handler.version:
            self._log.warning(
                "handler.version_differs",
                handler=handler.name,
                wanted=handler.version,
                chosen=package.version,
            )
        return Choice(version=package.version, package=package, manifest_uri=manifest_uri)

    def bring(self, handler: Handler, choice: Choice, folder: HandlerFolder) -> None:
        """Download and unpack a chosen version into `folder`. What a handler has kept there stays, such as mrseq.

        A zip that lies ready at the archive's place is used instead of a download.
        Raises: HandlerError, with the platform's codes. Source: extensions.md §1.1, §1.5.
        """
        archive = self._store.layout.archive(folder.name, folder.version)
        if self._store.files.info(archive) is not None:
            try:
                self._unpack(archive, folder)
            except HostError as error:
                self._log.warning("package.unusable", file=archive, problem=error)
                self._store.files.remove(archive)
            else:
                return
        if choice.package is None or not choice.package.uris:
            raise HandlerError(
                f"{handler.name} {folder.version}: the manifest gives no location for its package"
            )
        problems: list[str] = []
        code = Code.DOWNLOAD
        for uri, left in self._in_time(choice.package.uris, problems):
            try:
                self._artifacts.download(
                    uri, archive, limit=PACKAGE_LIMIT, manifest_uri=choice.manifest_uri, seconds=left
                )
                self._unpack(archive, folder)
            except LeaseLost:
                raise
            except LimpetError as error:
                problems.append(redacted(f"{uri}: {error}"))
                code = Code.UNKNOWN if isinstance(error, NoManifestFile) else Code.DOWNLOAD
            else:
                return
            finally:
                self._store.files.remove(archive)
        raise HandlerError(
            f"Failed to download artifacts: {handler.name} {folder.version}: {_told(problems)}", code=code
        )

    def _in_time(self, uris: Sequence[Url], problems: list[str]) -> Iterator[tuple[Url, float]]:
        """`uris` in random order, each with the seconds that are left, until none are."""
        deadline = self._clock.monotonic() + BUDGET
        for uri in self._artifacts.shuffled(uris):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                problems.append(f"no time is left after {BUDGET:g} s")
                return
            yield uri, left

    def _unpack(self, archive: Path, folder: HandlerFolder) -> None:
        files = self._store.files
        if files.info(folder.manifest_file) is None:
            with contextlib.suppress(HostError):  # but what a handler has mounted there
                files.remove(folder.path)  # no package has been here: what is there are our own notes
        self._fetcher.unpack(archive, folder.path)
        try:
            found = self._find_manifest(folder.path)
            content = files.read(found, at_most=MANIFEST_LIMIT).removeprefix(BOM)
            if found != folder.manifest_file or files.read(found, at_most=MANIFEST_LIMIT) != content:
                files.replace(folder.manifest_file, content)
        except (HostError, FileNotFoundError):
            files.remove(folder.path)
            raise

    def _find_manifest(self, root: Path) -> Path:
        """HandlerManifest.json at the package's root or, failing that, the nearest one below. Raises: NoManifestFile, HostError."""
        level = [root]
        for _ in range(DEEPEST_MANIFEST):
            for parent in level:
                info = self._store.files.info(parent / MANIFEST)
                if info is not None and info.is_file:
                    return parent / MANIFEST
            level = [path for parent in level for path in self._folders(parent)]
        raise NoManifestFile(f"the package has no {MANIFEST}")

    def _folders(self, parent: Path) -> list[Path]:
        entries = [
            (parent / name, self._store.files.info(parent / name)) for name in self._store.files.names(parent)
        ]
        return [path for path, info in entries if info is not None and info.is_folder]

    def _manifest(self, handler: Handler) -> tuple[Sequence[Package], Url]:
        problems: list[str] = []
        for uri, _ in self._in_time(handler.manifest_uris, problems):
            try:
                return parse_manifest(self._artifacts.document(uri, f"{handler.name}.manifest.xml")), uri
            except (FabricError, HostError) as error:
                problems.append(redacted(f"{uri}: {error}"))
        raise HandlerError(
            f"Failed to get ext handler pkgs of {handler.name}: "
            + (_told(problems) or "the goal state gives no location for its manifest")
        )


def _told(problems: Sequence[str]) -> str:
    """Problems as they are reported: the last ones, where there are many."""
    left_out = f"({len(problems) - MOST_TOLD} more) " if len(problems) > MOST_TOLD else ""
    return left_out + "; ".join(problems[-MOST_TOLD:])
