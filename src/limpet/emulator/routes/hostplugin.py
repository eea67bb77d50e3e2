"""The host plugin. Source: wire-protocol.md §5."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from limpet.emulator.exchange import JSON, Call, Objection, Reply, Service
from limpet.emulator.routes import storage
from limpet.emulator.routes.context import text
from limpet.emulator.world.vm import Received, UploadedLog
from limpet.model.errors import MalformedDocument
from limpet.wire.hostplugin import API_VERSION, parse_status_request
from limpet.wire.vmsettings_render import render_vm_settings

if TYPE_CHECKING:
    from limpet.emulator.routes.context import Context
    from limpet.emulator.world.state import World
    from limpet.emulator.world.vm import VirtualMachine


def versions(world: World, _vm: VirtualMachine, _call: Call, _context: Context) -> tuple[World, Reply]:
    """Which versions of its API the plugin speaks."""
    return world, Reply(body=json.dumps([API_VERSION]).encode(), headers=(JSON,))


def health(world: World, _vm: VirtualMachine, _call: Call, _context: Context) -> tuple[World, Reply]:
    """The plugin lives."""
    return world, Reply(body=b"{}", headers=(JSON,))


def vm_settings(world: World, vm: VirtualMachine, call: Call, _context: Context) -> tuple[World, Reply]:
    """The newest goal state of either channel, unless the client has it already."""
    if not world.settings.fast_track:
        return world, text(404, "vmSettings is not supported by this host")
    if (stale := _stale(vm, call)) is not None:
        return world, stale
    etag = ("ETag", vm.etag)
    if call.header("if-none-match") == vm.etag:
        return world, Reply(status=304, headers=(etag,))
    newest = vm.newest
    # The plugin always says whether the VM is on hold. Source: wire-protocol.md §5.4.
    goal_state = replace(newest.goal_state, on_hold=bool(newest.goal_state.on_hold))
    world = world.with_vm(vm.saw(etag=vm.etag))
    return world, Reply(
        body=render_vm_settings(goal_state, newest.ticks), headers=(JSON, etag), objections=_objections(call)
    )


def status(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """Write to the status blob for the VM."""
    if (stale := _stale(vm, call)) is not None:
        return world, stale
    try:
        inner = parse_status_request(call.body)
    except MalformedDocument as error:
        return world, text(400, str(error))
    if world.settings.blob_path(inner.url) is None:
        return world, text(502, "requestUri is not in this fabric's storage")
    parts = urlsplit(inner.url)
    upload = Call(
        service=Service.STORAGE,
        source=call.source,
        method="PUT",
        target=f"{parts.path}?{parts.query}",
        headers=tuple(inner.headers.items()),
        body=inner.body,
    )
    world, answer = storage.write(world, upload, context.now, channel="host-plugin")
    objections = (*_objections(call), *answer.objections)
    if answer.status == 201:
        return world, Reply(remarks=answer.remarks, objections=objections)
    return world, replace(answer, objections=objections)


def artifact(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """Download from storage for the VM."""
    if (stale := _stale(vm, call)) is not None:
        return world, stale
    location = call.header("x-ms-artifact-location")
    if not location:
        return world, text(400, "the header x-ms-artifact-location is missing")
    if world.settings.blob_path(location) is None:
        return world, text(502, "x-ms-artifact-location is not in this fabric's storage")
    parts = urlsplit(location)
    download = Call(
        service=Service.STORAGE,
        source=call.source,
        method="GET",
        target=f"{parts.path}?{parts.query}",
        headers=tuple(
            (name, value) for name, value in call.headers if name.lower() in {"range", "x-ms-range"}
        ),
    )
    world, answer = storage.get_blob(world, vm, download, context)
    return world, replace(answer, objections=(*_objections(call), *answer.objections))


def agent_log(world: World, vm: VirtualMachine, call: Call, context: Context) -> tuple[World, Reply]:
    """A log bundle: measured, not kept."""
    if (stale := _stale(vm, call)) is not None:
        return world, stale
    log = UploadedLog(size=len(call.body), sha256=hashlib.sha256(call.body).hexdigest())
    ring = vm.inbox.logs.append(Received(at=context.now, value=log))
    world = world.with_vm(replace(vm, inbox=replace(vm.inbox, logs=ring)))
    world = world.tell(context.now, "log", vm.name, size=log.size, sha256=log.sha256)
    remarks = [
        f"{name} is missing"
        for name in ("x-ms-vmagentlog-deploymentid", "x-ms-client-name", "x-ms-client-version")
        if not call.header(name)
    ]
    return world, Reply(remarks=tuple(remarks), objections=_objections(call))


def _stale(vm: VirtualMachine, call: Call) -> Reply | None:
    """Refuse an identity that is not, or no longer, this VM's. Source: wire-protocol.md §5.11."""
    if call.header("x-ms-containerid") != vm.identity.container_id:
        return _error(410, "RequestRoleConfigFileNotFound", "the container is not, or no longer, this VM's")
    config = call.header("x-ms-host-config-name")
    if config is not None and config != vm.identity.config_name:
        return _error(400, "InvalidContainerConfiguration", "the role configuration is not this container's")
    return None


def _error(status: int, code: str, message: str) -> Reply:
    body = json.dumps({"errorCode": code, "message": message, "details": ""}).encode()
    return Reply(status=status, body=body, headers=(JSON,))


def _objections(call: Call) -> tuple[Objection, ...]:
    if call.header("x-ms-version") == API_VERSION:
        return ()
    return (Objection(status=400, message=f"x-ms-version should be {API_VERSION}"),)
