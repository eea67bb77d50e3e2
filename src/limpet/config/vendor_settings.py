"""The settings of what an appliance's vendor brings: programs that drive the network OS, and commands for the guest shell."""

from __future__ import annotations

from dataclasses import dataclass

from limpet.config.appliance_settings import ApplianceSettings
from limpet.config.kinds import TEXTS, seconds, whole, whole_or_none
from limpet.config.setting import setting

_LONGEST = 3600
_HIGHEST_ID = 2**32 - 2


@dataclass(frozen=True, kw_only=True, slots=True)
class VendorSettings(ApplianceSettings):
    """What the driver hooks and `limpet nos` go by (docs/vendors.md)."""

    # fmt: off
    hooks_start_timeout: float = setting(
        "hooks.start_timeout", seconds(1, _LONGEST), 60.0,
        "How long a vendor's programs start, stop, revive and forget may run.")
    hooks_nic_timeout: float = setting(
        "hooks.nic_timeout", seconds(1, _LONGEST), 10.0,
        "How long a vendor's programs claim, release, dress and protect may run.")
    hooks_health_timeout: float = setting(
        "hooks.health_timeout", seconds(1, 60), 5.0,
        "How long a vendor's program health may run.")
    hooks_day_zero_timeout: float = setting(
        "hooks.day_zero_timeout", seconds(1, _LONGEST), 300.0,
        "How long a vendor's program day-zero may run.")
    commands_allow: tuple[str, ...] = setting(
        "commands.allow", TEXTS, ("show",),
        "Which commands of the network OS the guest shell may have done: what a line begins with; * is any one word.")
    commands_deny: tuple[str, ...] = setting(
        "commands.deny", TEXTS, ("|", ">", ";"),
        "Texts that no such line may have in it.")
    commands_root: int = setting(
        "commands.root", whole(0, _HIGHEST_ID), 0,
        "The guest shell's root as the host numbers users; only it may ask.")
    commands_group: int | None = setting(
        "commands.group", whole_or_none(_HIGHEST_ID), None,
        "The number of a group whose members may ask as well.")
    commands_timeout: float = setting(
        "commands.timeout", seconds(1, _LONGEST), 30.0,
        "How long a command may take.")
    # fmt: on
