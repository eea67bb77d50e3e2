"""The body of a publication: its members, and the values they make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from limpet.emulator.admin.reading import Body, Member, check
from limpet.emulator.world.changes import Change, NewSettings
from limpet.emulator.world.goalstates import Publication, StatusBlob
from limpet.model.extensions import AgentFamily, Dependency, Source, Wanted
from limpet.model.ids import Thumbprint, Url
from limpet.model.secret import Secret
from limpet.model.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.emulator.certificates.pki import TenantCertificate

    Encrypt = Callable[[TenantCertificate, bytes], str]

SOURCES = {"fabric": Source.FABRIC, "fast-track": Source.FAST_TRACK}
LARGEST_SEQUENCE = 2**31 - 1

DEPENDENCY: tuple[Member, ...] = (
    Member(name="handler", type="string", required=True, about="the handler that is waited for"),
    Member(name="extension", type="string", about="one extension of it, when it has several"),
)

CHANGE: tuple[Member, ...] = (
    Member(name="handler", type="string", required=True, about="the handler's name, such as Acme.Sample"),
    Member(name="version", type="string", about="as 1.0.7; left out: as it is, or the newest that is hosted"),
    Member(
        name="state",
        type="string",
        choices=tuple(wanted.value for wanted in Wanted),
        about="enabled when left out; with `extension`, the state of that extension",
    ),
    Member(name="extension", type="string", about="the name of one extension of a multi-config handler"),
    Member(
        name="public", type="object", nullable=True, about="public settings; replace the earlier settings"
    ),
    Member(
        name="protected",
        type="object",
        nullable=True,
        about="protected settings in the clear: they are encrypted to the VM's newest tenant certificate",
    ),
    Member(
        name="protectedText",
        type="string",
        about="instead of `protected`: the encrypted text itself, right or wrong; needs `thumbprint`",
    ),
    Member(
        name="thumbprint", type="string", about="names the certificate that `protectedText` was encrypted to"
    ),
    Member(name="noSettings", type="boolean", about="true: the handler is used without any settings"),
    Member(name="sequence", type="integer", about="the sequence number; left out: the next one"),
    Member(name="dependencyLevel", type="integer", about="lower levels are processed first"),
    Member(name="dependsOn", type="array", items=DEPENDENCY, about="what the extension waits for"),
    Member(
        name="manifestUris",
        type="array",
        item_type="string",
        about="where the handler's manifest is; left out: the hosted one",
    ),
    Member(name="signature", type="string", about="encodedSignature of the package"),
)

FAMILY: tuple[Member, ...] = (
    Member(name="name", type="string", required=True, about="the family's name, such as Prod"),
    Member(name="version", type="string", about="the version that the platform wants"),
    Member(name="fromVersion", type="string", about="the version to go back from"),
    Member(name="isVersionFromRsm", type="boolean", about="whether the platform chose the version"),
    Member(name="isVmEnabledForRsmUpgrades", type="boolean", about="whether the platform may choose it"),
    Member(name="uris", type="array", item_type="string", about="where the family's manifest is"),
)

PUBLICATION: tuple[Member, ...] = (
    Member(
        name="channel",
        type="string",
        choices=tuple(SOURCES),
        about="fabric (a new incarnation; the default) or fast-track (vmSettings only)",
    ),
    Member(name="changes", type="array", items=CHANGE, about="what changes; everything else stays as it is"),
    Member(name="anew", type="boolean", about="true: start from no handlers at all"),
    Member(name="onHold", type="boolean", about="whether extensions are to be left alone for now"),
    Member(
        name="requiredFeatures", type="array", item_type="string", about="what the agent must be able to do"
    ),
    Member(name="families", type="array", items=FAMILY, about="the agent's release channels"),
    Member(
        name="statusBlob",
        type="string",
        choices=tuple(kind.value for kind in StatusBlob),
        about="the kind of blob that status goes to, or absent: the goal state names none",
    ),
)


def publication(body: Body, certificate: TenantCertificate | None, encrypt: Encrypt) -> Publication:
    """The publication that a body asks for. certificate: protects settings. Raises: Problem."""
    changes = tuple(
        _change(check(item, CHANGE, f"{body.where}.changes[{number}]"), certificate, encrypt)
        for number, item in enumerate(body.get("changes", []))
    )
    families = body.get("families")
    features = body.get("requiredFeatures")
    return Publication(
        source=SOURCES[body.get("channel", "fabric")],
        changes=changes,
        anew=body.get("anew", False),
        on_hold=body.get("onHold"),
        required_features=None if features is None else tuple(features),
        families=None if families is None else tuple(_family(family) for family in families),
        status_blob=StatusBlob(body.get("statusBlob")) if "statusBlob" in body else None,
    )


def _change(body: Body, certificate: TenantCertificate | None, encrypt: Encrypt) -> Change:
    sequence = body.get("sequence")
    if sequence is not None and not 0 <= sequence <= LARGEST_SEQUENCE:
        raise body.refuse("sequence", f"{sequence} is not a sequence number", "give a number from 0 on")
    depends_on = body.get("dependsOn")
    return Change(
        handler=body.get("handler"),
        version=_version(body),
        wanted=Wanted(body.get("state", Wanted.ENABLED.value)),
        extension=body.get("extension"),
        settings=_settings(body, certificate, encrypt),
        bare=body.get("noSettings", False),
        sequence=sequence,
        dependency_level=body.get("dependencyLevel"),
        depends_on=None
        if depends_on is None
        else tuple(
            Dependency(handler=item["handler"], extension=item.get("extension")) for item in depends_on
        ),
        manifest_uris=tuple(Url(uri) for uri in body.get("manifestUris", [])),
        signature=body.get("signature"),
    )


def _version(body: Body) -> str | None:
    version: str | None = body.get("version")
    if version is not None:
        try:
            Version.parse(version)
        except ValueError as error:
            raise body.refuse("version", str(error), "give numbers with dots between them") from error
    return version


def _settings(body: Body, certificate: TenantCertificate | None, encrypt: Encrypt) -> NewSettings | None:
    if body.get("noSettings") and ("public" in body or "protected" in body or "protectedText" in body):
        raise body.refuse("noSettings", "the change also gives settings", "leave one of them out")
    if "protectedText" in body:
        if "thumbprint" not in body:
            raise body.refuse("thumbprint", "protectedText has no certificate", "give its thumbprint")
        text, thumbprint = body.get("protectedText"), Thumbprint(body.get("thumbprint"))
        return NewSettings(public=body.get("public"), protected=Secret(text), thumbprint=thumbprint)
    if body.get("protected") is not None:
        if certificate is None:
            raise body.refuse("protected", "the VM has no certificate", "rotate its certificates first")
        text = encrypt(certificate, json.dumps(body.get("protected")).encode())
        return NewSettings(
            public=body.get("public"), protected=Secret(text), thumbprint=Thumbprint(certificate.thumbprint)
        )
    return NewSettings(public=body.get("public")) if "public" in body or "protected" in body else None


def _family(members: dict[str, Any]) -> AgentFamily:
    return AgentFamily(
        name=members["name"],
        version=members.get("version"),
        from_version=members.get("fromVersion"),
        is_version_from_rsm=members.get("isVersionFromRsm"),
        is_vm_enabled_for_rsm_upgrades=members.get("isVmEnabledForRsmUpgrades"),
        uris=tuple(Url(uri) for uri in members.get("uris", [])),
    )
