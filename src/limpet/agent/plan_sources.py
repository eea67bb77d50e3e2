"""Where `limpet plan` takes a goal state from: a file, or the fabric. Nothing is changed by either."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.agent import arbitration
from limpet.agent.artifacts import Artifacts
from limpet.agent.endpoint import find_endpoint
from limpet.agent.fabric import Fabric
from limpet.agent.packages import Packages
from limpet.host.chance import RealRandom
from limpet.host.clock import RealClock
from limpet.host.fetch import WorkerFetcher
from limpet.host.http import PlainHttp
from limpet.model.errors import ConfigurationError, FabricError, HandlerError, HostError
from limpet.model.extensions import Channel, ExtensionsGoalState, Source
from limpet.model.ids import Etag, Incarnation
from limpet.model.version import Version
from limpet.wire.artifactsprofile import parse_artifacts_profile
from limpet.wire.extensionsconfig import parse_extensions_config
from limpet.wire.http import DOCUMENT_LIMIT
from limpet.wire.vmsettings import parse_vm_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from limpet.agent.store import Store
    from limpet.config.settings import Config
    from limpet.host.ports import Files, Log
    from limpet.model.extensions import Handler


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A goal state to be planned.

    id: what the fabric calls it; a file does not say. origin: where it came from.
    choose: the version a wanted handler would have. remark: what the reader must know about the versions.
    """

    goal_state: ExtensionsGoalState
    id: str | None
    origin: str
    choose: Callable[[Handler], Version]
    on_hold: bool
    remark: str | None = None


def from_file(files: Files, path: Path) -> Subject:
    """A kept ExtensionsConfig (XML) or vmSettings (JSON). Raises: ConfigurationError, MalformedDocument."""
    try:
        body = files.read(path, at_most=DOCUMENT_LIMIT)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist") from error
    except HostError as error:
        raise ConfigurationError(str(error)) from error
    if body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{":
        goal_state = parse_vm_settings(body, Etag("file"))
    else:
        goal_state = parse_extensions_config(body, Incarnation("file"))
    return Subject(
        goal_state=goal_state,
        id=None,
        origin=str(path),
        choose=as_requested,
        on_hold=bool(goal_state.on_hold),
        remark="Versions are as requested: the handlers' manifests, which decide, were not asked.",
    )


def as_requested(handler: Handler) -> Version:
    """The version as the goal state has it. Raises: HandlerError."""
    try:
        return Version.parse(handler.version)
    except ValueError as error:
        raise HandlerError(f"the goal state's version is unusable: {error}") from error


@contextmanager
def from_fabric(config: Config, files: Files, store: Store, log: Log) -> Iterator[Subject]:
    """The goal state of now, by the channel that counts; versions are those of the manifests. Raises: FabricError."""
    clock, chance = RealClock(), RealRandom()
    http, fetcher = PlainHttp(user_agent=f"limpet/{__version__}"), WorkerFetcher(proxy=config.proxy)
    with closing(http), closing(fetcher), TemporaryDirectory(prefix="limpet-plan-") as scratch:
        endpoint = find_endpoint(config, http, files, clock, log, patience=0)
        places = {"wire_server": endpoint.wire_server, "host_plugin": endpoint.host_plugin}
        fabric = Fabric(http, clock, chance, elsewhere=fetcher, **places)
        artifacts = Artifacts(fabric, fetcher, files, chance, log, scratch=Path(scratch))
        packages = Packages(store, artifacts, fetcher, clock, log)
        goal_state = _active(fabric, use_fast_track=config.fast_track)
        yield Subject(
            goal_state=goal_state,
            id=goal_state.id,
            origin=f"the fabric at {endpoint.wire_server} ({endpoint.origin})",
            choose=lambda handler: packages.choose(handler).version,
            on_hold=_on_hold(goal_state, artifacts, log),
        )


def _active(fabric: Fabric, *, use_fast_track: bool) -> ExtensionsGoalState:
    state = fabric.goal_state()
    if state.extensions_config is None:
        by_fabric = ExtensionsGoalState(
            id=f"incarnation_{state.incarnation}", channel=Channel.WIRE_SERVER, source=Source.FABRIC
        )
    else:
        by_fabric, _ = fabric.extensions_config(state.extensions_config, state.incarnation)
    by_fast_track = fabric.vm_settings(None).settings if use_fast_track else None
    return arbitration.choose(active=None, fabric=by_fabric, fast_track=by_fast_track) or by_fabric


def _on_hold(goal_state: ExtensionsGoalState, artifacts: Artifacts, log: Log) -> bool:
    if goal_state.on_hold is not None or goal_state.artifacts_profile is None:
        return bool(goal_state.on_hold)
    try:
        profile = artifacts.document(goal_state.artifacts_profile.reveal(), "artifacts_profile.json")
        return parse_artifacts_profile(profile).on_hold
    except (FabricError, HostError) as error:
        log.warning("artifacts_profile.unusable", problem=error)
        return False
