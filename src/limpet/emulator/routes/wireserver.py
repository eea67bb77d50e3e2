"""The wire server's documents. Source: wire-protocol.md §1.6, §2, §3.2, §12."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from limpet.emulator.routes.context import document, text, version_objections
from limpet.model.goalstate import (
    PROTOCOL_VERSION,
    CertificateBundle,
    GoalState,
    HostingEnvironment,
    SharedConfig,
    Versions,
)
from limpet.model.ids import Incarnation, Url
from limpet.model.remoteaccess import RemoteAccess, RemoteUser
from limpet.wire.certificates import Cipher, render_certificate_file
from limpet.wire.extensionsconfig import render_extensions_config
from limpet.wire.goalstate import render_goal_state, render_versions
from limpet.wire.hostingenvironment import render_hosting_environment
from limpet.wire.remoteaccess import render_remote_access
from limpet.wire.sharedconfig import render_shared_config

if TYPE_CHECKING:
    from limpet.emulator.exchange import Call, Reply
    from limpet.emulator.routes.context import Context
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine

VERSIONS = Versions(preferred="2015-04-05", supported=("2015-04-05", PROTOCOL_VERSION, "2012-09-15"))


def versions(world: World, _vm: VirtualMachine, _call: Call, _context: Context) -> tuple[World, Reply]:
    """Which protocol versions may be spoken."""
    return world, document(render_versions(VERSIONS))


def goal_state(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """The goal state of this VM's current incarnation."""
    current = vm.current_incarnation
    urls = {
        kind: Url(f"{_base(world, vm)}?comp=config&type={kind}&incarnation={current}")
        for kind in ("hostingEnvironmentConfig", "sharedConfig", "extensionsConfig", "fullConfig")
    }
    answer = GoalState(
        incarnation=current,
        container_id=vm.identity.container_id,
        instance_id=vm.identity.instance_id,
        config_name=vm.identity.config_name,
        hosting_environment=urls["hostingEnvironmentConfig"],
        shared_config=urls["sharedConfig"],
        extensions_config=urls["extensionsConfig"],
        full_config=urls["fullConfig"],
        certificates=Url(f"{_base(world, vm)}?comp=certificates&incarnation={current}"),
        remote_access=None
        if vm.users is None
        else Url(f"{_base(world, vm)}?comp=remoteaccess&incarnation={current}"),
    )
    world = world.with_vm(vm.saw(incarnation=current))
    return world, document(
        render_goal_state(answer), remarks=_remarks(call), objections=version_objections(call)
    )


def configuration(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """One of the documents that a goal state points to."""
    kind = call.query.get("type", "").lower()
    incarnation = Incarnation(call.query.get("incarnation", vm.current_incarnation))
    if (gone := _stale(vm, call)) is not None:
        return world, gone
    served = vm.fabric.get(incarnation)
    if served is None:
        return world, text(
            410, f"RequestRoleConfigFileNotFound: incarnation {incarnation} is no longer served"
        )
    if kind == "extensionsconfig":
        # Rotation serves the same content under another incarnation.
        numbered = replace(served.goal_state, svd_sequence_number=incarnation)
        body = render_extensions_config(numbered, served.ticks)
    elif kind == "hostingenvironmentconfig":
        body = render_hosting_environment(
            HostingEnvironment(
                instance_name=vm.identity.instance_name,
                role_name=vm.identity.instance_name,
                deployment_name=vm.identity.deployment_id,
            ),
            incarnation,
        )
    elif kind == "sharedconfig":
        body = render_shared_config(
            SharedConfig(
                instance_name=vm.identity.instance_name,
                addresses=((vm.identity.instance_name, vm.address),),
            ),
            incarnation,
        )
    elif kind == "fullconfig":
        # Its real content is not known and no known client asks for it.
        return world, text(404, "fullConfig is not emulated")
    else:
        return world, text(400, f"unknown type of configuration {kind[:40]!r}")
    return world, document(body, remarks=_remarks(call), objections=version_objections(call))


def certificates(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """The tenant certificates, encrypted to whatever transport certificate this request carries."""
    if (gone := _stale(vm, call)) is not None:
        return world, gone
    incarnation = Incarnation(call.query.get("incarnation", vm.current_incarnation))
    data = b""
    if vm.certificates:
        try:
            certificate, cipher = _transport(call)
            data = context.sealer.encrypt_bundle(vm.certificates, certificate, cipher)
        except ValueError as error:
            return world, text(400, str(error))
    bundle = CertificateBundle(incarnation=incarnation, format="Pkcs7BlobWithPfxContents", data=data)
    return world, document(
        render_certificate_file(bundle), remarks=_remarks(call), objections=version_objections(call)
    )


def remote_access(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """The just-in-time users, each password encrypted to this request's transport certificate."""
    if (gone := _stale(vm, call)) is not None:
        return world, gone
    if vm.users is None:
        return world, text(404, "this VM has no list of users")
    try:
        certificate, cipher = _transport(call)
        users = tuple(
            RemoteUser(
                name=user.name,
                encrypted_password=context.sealer.encrypt_to(
                    certificate, user.password.reveal().encode("utf-16-le"), cipher
                ),
                expiration=user.expiration,
                groups=user.groups,
            )
            for user in vm.users
        )
    except ValueError as error:
        return world, text(400, str(error))
    answer = RemoteAccess(incarnation=vm.current_incarnation, version="1", users=users)
    return world, document(
        render_remote_access(answer), remarks=_remarks(call), objections=version_objections(call)
    )


def _base(world: World, vm: VirtualMachine) -> str:
    # Source: wire-protocol.md §2.1: the fabric spells - and _ of the instance id by their codes.
    instance = quote(vm.identity.instance_id, safe="").replace("-", "%2D").replace("_", "%5F")
    return f"http://{world.settings.wire_server}/machine/{vm.identity.container_id}/{instance}"


def _stale(vm: VirtualMachine, call: Call) -> Reply | None:
    container = call.path.split("/")[2]
    if container == vm.identity.container_id:
        return None
    return text(410, f"RequestRoleConfigFileNotFound: container {container[:64]} is not this VM's")


def _transport(call: Call) -> tuple[bytes, Cipher]:
    """The certificate and cipher of a request. Raises: ValueError, for people."""
    encoded = call.header("x-ms-guest-agent-public-x509-cert")
    if not encoded:
        raise ValueError("the header x-ms-guest-agent-public-x509-cert is missing")
    try:
        certificate = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("x-ms-guest-agent-public-x509-cert is not base64") from error
    name = call.header("x-ms-cipher-name") or Cipher.DES_EDE3_CBC.value
    try:
        return certificate, Cipher(name)
    except ValueError as error:
        raise ValueError(f"x-ms-cipher-name {name[:40]!r} is not supported") from error


def _remarks(call: Call) -> tuple[str, ...]:
    return () if call.header("x-ms-agent-name") else ("x-ms-agent-name is missing",)
