"""Handler packages in the blob store: the zips and the manifest that names them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from limpet.emulator.storage.blobs import Blob
from limpet.emulator.world.changes import Hosted
from limpet.model.extensions import BlobType
from limpet.model.manifest import Package
from limpet.wire.manifest import render_manifest

if TYPE_CHECKING:
    from limpet.emulator.storage.packages import HostedPackage
    from limpet.emulator.world.state import World

MOST_PACKAGES = 500


class HostingRefused(ValueError):
    """The package cannot be hosted; the message says why."""


def host_package(world: World, package: HostedPackage, now: float) -> World:
    """Put a package and the new manifest of its handler into the blob store; the same version is replaced."""
    others = tuple(
        other for other in world.packages if (_key(other), other.version) != (_key(package), package.version)
    )
    if len(others) >= MOST_PACKAGES:
        raise HostingRefused(f"{MOST_PACKAGES} packages are hosted already; start another emulator for more")
    packages = (*others, package)
    zipped = Blob(
        kind=BlobType.BLOCK,
        content=package.zip_bytes,
        modified=now,
        content_type="application/zip",
        public=True,
    )
    blobs = world.blobs.put(package_path(package), zipped)
    world = replace(world, packages=packages, blobs=blobs)
    manifest = Blob(
        kind=BlobType.BLOCK,
        content=render_manifest(_offers(world, package.name)),
        modified=now,
        content_type="application/xml",
        public=True,
    )
    world = replace(world, blobs=world.blobs.put(manifest_path(package.name), manifest))
    return world.tell(now, "package", None, name=package.name, version=str(package.version))


def hosted_by(world: World, name: str) -> Hosted | None:
    """What is hosted of the handler called `name`, in any case."""
    versions = [package.version for package in world.packages if package.name.lower() == name.lower()]
    if not versions:
        return None
    newest = max(versions)
    return Hosted(manifest=world.settings.blob_url(manifest_path(name)), newest=str(newest))


def package_path(package: HostedPackage) -> str:
    """Where the zip is."""
    return f"packages/{_key(package)}/{package.name}__{package.version}.zip"


def manifest_path(name: str) -> str:
    """Where the handler's manifest is."""
    return f"packages/{name.lower()}/manifest.xml"


def _key(package: HostedPackage) -> str:
    return package.name.lower()


def _offers(world: World, name: str) -> tuple[Package, ...]:
    mine = [package for package in world.packages if package.name.lower() == name.lower()]
    return tuple(
        Package(version=package.version, uris=(world.settings.blob_url(package_path(package)),))
        for package in sorted(mine, key=lambda package: package.version)
    )
