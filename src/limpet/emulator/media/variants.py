"""Provisioning media as they should be, and in every way they may be broken: a table. Source: guest-setup.md §A.1, §E."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from limpet.emulator.media.image import FileSystem, disc
from limpet.model.provisioning import PublicKey
from limpet.model.secret import Secret
from limpet.wire.ovfenv import AZURE, render_ovf_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from limpet.model.provisioning import OvfEnvironment

DOCUMENT = "ovf-env.xml"
HUGE = 3 * 512 * 1024
CUSTOM_DATA = 64 * 1024
LONG_NAME = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Medium:
    """What a disc has. files: by name, at its root. raw: bytes in place of a disc."""

    files: Mapping[str, bytes] = field(hash=False)
    file_system: FileSystem = FileSystem.BOTH
    raw: bytes | None = None

    def image(self) -> bytes:
        """The disc's bytes."""
        return disc(self.files, file_system=self.file_system) if self.raw is None else self.raw


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One kind of medium. fine: a client must provision from it; else it must refuse, wholly or in part, with a reason."""

    about: str
    make: Callable[[OvfEnvironment], Medium]
    fine: bool = False


def medium(environment: OvfEnvironment, variant: str | None = None, *, cut: int | None = None) -> Medium:
    """The medium for `environment`.

    variant: a name of VARIANTS. cut: only so many first bytes of the document. Raises: KeyError, for an unknown variant.
    """
    made = _proper(environment) if variant is None else VARIANTS[variant].make(environment)
    if cut is None or DOCUMENT not in made.files:
        return made
    return replace(made, files={**made.files, DOCUMENT: made.files[DOCUMENT][:cut]})


def _proper(environment: OvfEnvironment) -> Medium:
    return Medium(files={DOCUMENT: render_ovf_environment(environment)})


def _document(change: Callable[[bytes], bytes]) -> Callable[[OvfEnvironment], Medium]:
    return lambda environment: Medium(files={DOCUMENT: change(render_ovf_environment(environment))})


def _asking(change: Callable[[OvfEnvironment], OvfEnvironment]) -> Callable[[OvfEnvironment], Medium]:
    return lambda environment: _proper(change(environment))


def _user(name: Callable[[OvfEnvironment], str]) -> Callable[[OvfEnvironment], Medium]:
    return _asking(lambda environment: replace(environment, user_name=name(environment)))


def _key(path: str | None, value: str | None) -> Callable[[OvfEnvironment], Medium]:
    def change(environment: OvfEnvironment) -> OvfEnvironment:
        known = environment.public_keys[0] if environment.public_keys else PublicKey(path="", value="")
        key = PublicKey(
            path=known.path if path is None else path, value=known.value if value is None else value
        )
        return replace(environment, public_keys=(key, *environment.public_keys[1:]))

    return _asking(change)


def _twice(document: bytes) -> bytes:
    start, end = b"<wa:ProvisioningSection>", b"</wa:ProvisioningSection>"
    section = document[document.index(start) : document.index(end) + len(end)]
    return document.replace(end, end + section, 1)


def _default_prefix(document: bytes) -> bytes:
    """No prefix at all: each section declares its namespace."""
    for name in (b"ProvisioningSection", b"PlatformSettingsSection"):
        document = document.replace(b"<wa:%s>" % name, b'<%s xmlns="%s">' % (name, AZURE.encode()))
    return document.replace(b"<wa:", b"<").replace(b"</wa:", b"</")


def _of_other_case(environment: OvfEnvironment) -> Medium:
    other = replace(environment, user_name="other", host_name="other")
    return Medium(
        files={
            DOCUMENT: render_ovf_environment(environment),
            DOCUMENT.upper(): render_ovf_environment(other),
        }
    )


def _scvmm(_environment: OvfEnvironment) -> Medium:
    script = b'#!/bin/bash\necho "$@" > /run/limpet-vmm-install\n'
    return Medium(files={"linuxosconfiguration.xml": b"<LinuxOSConfiguration/>\n", "install": script})


def _noise(length: int) -> bytes:
    """Bytes that look like chance and are the same each time."""
    blocks = (hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def _not_base64(environment: OvfEnvironment) -> OvfEnvironment:
    text = "#cloud-config {not base64} " * (CUSTOM_DATA // 27 + 1)
    return replace(environment, custom_data=Secret(text[:CUSTOM_DATA]))


VARIANTS: Mapping[str, Variant] = {
    "no-document": Variant(
        about="a disc without ovf-env.xml", make=lambda _: Medium(files={"readme.txt": b"nothing here\n"})
    ),
    "empty-document": Variant(about="ovf-env.xml has no bytes", make=_document(lambda _: b"")),
    "truncated": Variant(
        about="ovf-env.xml stops in its middle (another place: --cut BYTES)",
        make=_document(lambda document: document[: len(document) // 2]),
    ),
    "not-xml": Variant(
        about="ovf-env.xml is text, not XML", make=_document(lambda _: b"HostName=vm1\nUserName=azureuser\n")
    ),
    "doctype": Variant(
        about="ovf-env.xml declares entities that grow",
        make=_document(
            lambda document: document.replace(
                b"<Environment ",
                b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><Environment ',
                1,
            )
        ),
    ),
    "wrong-namespace": Variant(
        about="the elements are in a namespace that is not Azure's",
        make=_document(lambda document: document.replace(AZURE.encode(), b"http://example.com/elsewhere")),
    ),
    "two-provisioning-sections": Variant(about="ProvisioningSection stands twice", make=_document(_twice)),
    "huge-document": Variant(
        about="ovf-env.xml is larger than 1 MiB",
        make=_document(
            lambda document: document.replace(
                b"</Environment>", b"<!--" + b"x" * HUGE + b"--></Environment>", 1
            )
        ),
    ),
    "two-documents": Variant(
        about="ovf-env.xml, and OVF-ENV.XML with another user and host name", make=_of_other_case, fine=True
    ),
    "byte-order-mark": Variant(
        about="a byte order mark before the document",
        make=_document(lambda document: b"\xef\xbb\xbf" + document),
        fine=True,
    ),
    "trailing-nuls": Variant(
        about="NULs after the document, as of a file that is rounded up to whole blocks",
        make=_document(lambda document: document + bytes(512)),
        fine=True,
    ),
    "other-prefixes": Variant(
        about="other prefixes for the same namespaces",
        make=_document(
            lambda document: document.replace(b"wa:", b"ns1:").replace(b"xmlns:wa=", b"xmlns:ns1=")
        ),
        fine=True,
    ),
    "default-prefix": Variant(
        about="no prefixes: each section declares its namespace",
        make=_document(_default_prefix),
        fine=True,
    ),
    "no-user": Variant(
        about="UserName is missing",
        make=_asking(lambda environment: replace(environment, user_name=None)),
    ),
    "empty-user": Variant(about="UserName is empty", make=_user(lambda _: "")),
    "root-user": Variant(about="the user is root", make=_user(lambda _: "root")),
    "long-user": Variant(
        about=f"a user name of {LONG_NAME} characters", make=_user(lambda _: "u" * LONG_NAME)
    ),
    "colon-user": Variant(about="a user name with colons", make=_user(lambda _: "eve:x:0:0")),
    "newline-user": Variant(
        about="a user name with a new line", make=_user(lambda _: "eve\nroot2:x:0:0:root:/root:/bin/sh")
    ),
    "dots-user": Variant(about="the user name is a path", make=_user(lambda _: "../../etc/cron.d/eve")),
    "odd-host-name": Variant(
        about="the host name is none: spaces, a slash, an exclamation mark",
        make=_asking(lambda environment: replace(environment, host_name="not a/host_name !")),
    ),
    "odd-key": Variant(about="the first key is not a key", make=_key(None, "this is not a key")),
    "key-outside-home": Variant(
        about="the first key's path is outside the user's home", make=_key("/etc/cron.d/eve", None)
    ),
    "custom-data-not-base64": Variant(
        about=f"{CUSTOM_DATA // 1024} KiB of custom data that is not base64", make=_asking(_not_base64)
    ),
    "scvmm": Variant(
        about="System Center's disc: linuxosconfiguration.xml and install, no ovf-env.xml",
        make=_scvmm,
        fine=True,
    ),
    "iso9660-only": Variant(
        about="ISO 9660 without UDF",
        make=lambda environment: replace(_proper(environment), file_system=FileSystem.ISO_9660),
        fine=True,
    ),
    "udf-only": Variant(
        about="the files are in UDF only; the ISO 9660 root is empty",
        make=lambda environment: replace(_proper(environment), file_system=FileSystem.UDF),
        fine=True,
    ),
    "no-file-system": Variant(
        about="1 MiB of noise, no file system", make=lambda _: Medium(files={}, raw=_noise(1024 * 1024))
    ),
    "cut-image": Variant(
        about="the image stops before the document",
        make=lambda environment: Medium(files={}, raw=_proper(environment).image()[: 128 * 1024]),
    ),
}
"""By name."""
