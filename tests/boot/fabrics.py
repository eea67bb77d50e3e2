"""A fabric as boot sees it: what it was told, and how it may be ill."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from limpet.model.errors import FabricUnreachable
from limpet.model.goalstate import GoalState
from limpet.model.ids import ConfigName, ContainerId, Incarnation, InstanceId, Url
from limpet.wire.goalstate import render_goal_state
from limpet.wire.health import parse_health_report, parse_role_properties
from limpet.wire.http import Request, Response

if TYPE_CHECKING:
    from limpet.host.fake import FakeClock
    from limpet.model.health import HealthReport, RoleProperties

WIRE_SERVER = "168.63.129.16"


@dataclass
class Platform:
    """reports: what was accepted. ill: answered to every request instead, until it is None; a text is no answer at all.

    incarnation: of the goal state; `current` is the only one that reports may name.
    """

    clock: FakeClock
    certificates: bytes | None = None
    reports: list[HealthReport] = field(default_factory=list)
    properties: list[RoleProperties] = field(default_factory=list)
    ill: int | str | None = None
    ill_part: str = ""
    incarnation: str = "1"
    container: str = "container-1"
    asked: list[str] = field(default_factory=list)
    metadata: bytes | None = None
    role_status: int = 202

    def __call__(self, request: Request) -> Response:
        what = request.url.partition("://")[2].partition("/")[2]
        self.asked.append(f"{request.method} /{what}")
        if self.ill is not None and self.ill_part in what:
            self.clock.sleep(0.01)
            if isinstance(self.ill, str):
                raise FabricUnreachable(self.ill)
            return Response(status=self.ill, body=b"<ill/>")
        if what.startswith("metadata"):
            return Response(status=404) if self.metadata is None else Response(status=200, body=self.metadata)
        if what == "machine/?comp=goalstate":
            return Response(status=200, body=render_goal_state(self._state()))
        if what == "machine?comp=health":
            report = parse_health_report(request.body)
            if report.container_id != self.container:
                return Response(status=410, body=b"gone")
            self.reports.append(report)
            return Response(status=200)
        if what == "machine?comp=roleProperties":
            self.properties.append(parse_role_properties(request.body))
            return Response(status=self.role_status)
        if what.endswith("certificates") and self.certificates is not None:
            return Response(status=200, body=self.certificates)
        return Response(status=404)

    def _state(self) -> GoalState:
        base = f"http://{WIRE_SERVER}/machine"
        return GoalState(
            incarnation=Incarnation(self.incarnation),
            container_id=ContainerId(self.container),
            instance_id=InstanceId("deployment._vm-001"),
            config_name=ConfigName("config"),
            hosting_environment=Url(f"{base}/hosting"),
            shared_config=Url(f"{base}/shared"),
            extensions_config=None,
            certificates=None if self.certificates is None else Url(f"{base}/certificates"),
        )

    def recover(self) -> None:
        self.ill = None
