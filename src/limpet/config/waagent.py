"""waagent.conf, the configuration of another agent that this one honours. Source: guest-setup.md §G.1, §G.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limpet.config.entry import Entry, content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from limpet.host.ports import Files

_REASONS: Mapping[str, tuple[str, ...]] = {
    "RDMA drivers are the image's business: the kernels of today bring theirs": (
        "OS.EnableRDMA", "OS.UpdateRdmaDriver", "OS.CheckRdmaDriver",
    ),
    "signatures of packages are not evaluated yet": ("Debug.EnableSignatureValidation",),
    "limpet does not update itself: that is done by whoever installed it": (
        "AutoUpdate.Enabled", "AutoUpdate.UpdateToLatestVersion", "Autoupdate.Frequency",
        "Debug.EnableGAVersioning", "Debug.EnableRsmDowngrade",
        "Debug.SelfUpdateHotfixFrequency", "Debug.SelfUpdateRegularFrequency",
    ),
    "limits are never dropped, and the kernel enforces them without being watched": (
        "Debug.CgroupLogMetrics", "Debug.CgroupDisableOnProcessCheckFailure",
        "Debug.CgroupDisableOnQuotaCheckFailure", "Debug.AgentCpuThrottledTimeThreshold",
        "Debug.EnableAgentMemoryUsageCheck",
    ),
    "changes of the network and of the firewall are logged when they happen": (
        "Monitor.NetworkConfigurationChanges", "Debug.FirewallRulesLogPeriod",
    ),
    "it has an effect on FreeBSD only": ("ResourceDisk.EnableSwapEncryption",),
    "downloads are made with TLS wherever the fabric asks for it": ("OS.AllowHTTP",),
    "no agent of today reads it": (
        "Provisioning.Enabled", "Provisioning.UseCloudInit", "LBProbeResponder", "Role.ConfigurationConsumer",
        "Role.StateConsumer", "Role.TopologyConsumer", "CGroups.Enabled", "CGroups.EnforceLimits", "CGroups.Excluded",
        "OS.SshdConfigPath", "Network.Interface", "Home.Dir", "RSA.KeyLength", "Logs.File",
        "Debug.AutoUpdateHotfixFrequency", "Debug.AutoUpdateNormalFrequency",
    ),
}  # fmt: skip

NOT_USED: Mapping[str, str] = {key: reason for reason, keys in _REASONS.items() for key in keys}
"""Keys that have no effect on this agent, each with the reason. The honoured ones are in the table of settings."""


def read(files: Files, path: Path) -> list[Entry[str | None]]:
    """The keys of the file in its order, the last of each; None is a key's explicit absence. Empty without a file.

    Raises: ConfigurationError, when the file is there and cannot be read.
    """
    return list({entry.name: entry for entry in read_all(files, path)}.values())


def read_all(files: Files, path: Path) -> list[Entry[str | None]]:
    """Every line with a key, also where a later one has the same. Raises: ConfigurationError, as above."""
    body = content(files, path) or b""
    found = []
    text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        key, equals, rest = line.partition("=")
        key = key.strip()
        # A comment's sign counts in the first column only, but no key has one in it either.
        if equals and "#" not in key:
            value = rest.partition("#")[0].strip().strip('"').strip()
            found.append(
                Entry(name=key, value=None if value == "None" else value, origin=f"{path}, line {number}")
            )
    return found
