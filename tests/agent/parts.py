"""Values and fakes that the tests of single parts share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limpet.agent.board import Snapshot
from limpet.agent.layout import HandlerFolder, Layout
from limpet.agent.machine import Machine
from limpet.agent.store import Store
from limpet.agent.worklist import Item
from limpet.model.extensions import (
    Channel,
    ExtensionSettings,
    ExtensionsGoalState,
    Handler,
    Source,
    StatusUpload,
    Wanted,
)
from limpet.model.goalstate import GoalState
from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, SequenceNumber, Url
from limpet.model.secret import Secret
from limpet.wire.http import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from limpet.host.fake import FakeMachine
    from limpet.wire.http import Request

LIBRARY = Path("/var/lib/waagent")
LAYOUT = Layout(library=LIBRARY, logs=Path("/var/log/azure"))
NAME = "Contoso.Sample"
WIRE, PLUGIN = "168.63.129.16", "168.63.129.16:32526"


def ports(fake: FakeMachine, **others: Any) -> Machine:
    """What the agent is given of a machine. others: ports in place of the fake's."""
    names = (
        "http", "files", "commands", "processes", "workers", "cgroups", "vault", "fetcher", "clock", "chance", "log", "guest",
    )  # fmt: skip
    return Machine(**{**{name: getattr(fake, name) for name in names}, **others})


def store(fake: FakeMachine) -> Store:
    return Store(fake.files, LAYOUT, fake.log)


def folder(version: str = "1.0.0", name: str = NAME) -> HandlerFolder:
    return LAYOUT.handler(name, version)


def settings(number: int = 0, **members: Any) -> ExtensionSettings:
    return ExtensionSettings(
        **{"name": NAME, "sequence_number": SequenceNumber(number), "public": {}, **members}
    )


def handler(*of: ExtensionSettings, **members: Any) -> Handler:
    return Handler(**{"name": NAME, "version": "1.0.0", "wanted": Wanted.ENABLED, "settings": of, **members})


def item(of: Handler | None = None, which: ExtensionSettings | None = None, level: int = 0) -> Item:
    of = of or handler(settings())
    return Item(handler=of, settings=which or next(iter(of.settings), None), level=level)


def goal_state(*handlers: Handler, **members: Any) -> ExtensionsGoalState:
    return ExtensionsGoalState(
        **{
            "id": "incarnation_1",
            "channel": Channel.WIRE_SERVER,
            "source": Source.FABRIC,
            "svd_sequence_number": "1",
            "status_upload": StatusUpload(url=Secret(Url("http://storage.example/status?sig=x"))),
            "handlers": handlers,
            **members,
        }
    )


def machine_goal_state(incarnation: str = "1") -> GoalState:
    base = f"http://{WIRE}:80/machine/c/i"
    return GoalState(
        incarnation=Incarnation(incarnation),
        container_id=ContainerId("c"),
        instance_id=InstanceId("i"),
        config_name=ConfigName("d.0.xml"),
        hosting_environment=Url(f"{base}?type=hosting"),
        shared_config=Url(f"{base}?type=shared"),
        extensions_config=Url(f"{base}?type=extensions"),
        certificates=Url(f"{base}?comp=certificates"),
    )


def snapshot(*handlers: Handler, number: int = 1, **members: Any) -> Snapshot:
    return Snapshot(
        round=number, goal_state=machine_goal_state(), extensions=goal_state(*handlers), **members
    )


def answers(*bodies: bytes | int) -> Callable[[Request], Response]:
    """A fabric that gives these answers in turn, then the last one for ever: a body, or a status code."""
    left = list(bodies)

    def serve(_: Request) -> Response:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, int):
            return Response(status=answer)
        return Response(status=200, body=answer)

    return serve


def headed(response: Response, **headers: str) -> Response:
    return replace(response, headers=headers)
