"""The settings: one table, which is also the value that programs receive.

`config.goal_state_period` is a float, seconds, `config.origin("goal_state.period")` says where it came from. The reference
page docs/settings.md is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from limpet import __version__
from limpet.config.kinds import shown
from limpet.config.setting import Setting
from limpet.config.vendor_settings import VendorSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SETTINGS", "Config", "shown"]

DEFAULT_ORIGIN = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(VendorSettings):
    """Every setting, with where its value came from.

    origins: by setting's name, those that are not defaults. notes: what is wrong in waagent.conf.
    unused: keys of waagent.conf that have no effect here, with the reason.
    """

    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    @property
    def proxy(self) -> str | None:
        """The proxy for downloads as a URL."""
        return None if self.proxy_host is None else f"http://{self.proxy_host}:{self.proxy_port}"

    @property
    def user_agent(self) -> str:
        """How the agent names itself to the fabric's services."""
        return f"limpet/{__version__}"

    def origin(self, name: str) -> str:
        """Where the value of the setting `name` came from."""
        return self.origins.get(name, DEFAULT_ORIGIN)


SETTINGS: Mapping[str, Setting] = {
    member.metadata["name"]: Setting(attribute=member.name, default=member.default, **member.metadata)
    for member in fields(Config)
    if member.metadata
}
