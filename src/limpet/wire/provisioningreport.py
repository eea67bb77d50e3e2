"""How provisioning went, on one line that the platform's support reads. Source: guest-setup.md §A.16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from limpet.model.redact import redacted

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "PROVISIONING_REPORT"
"""Under which it goes to the hypervisor."""
LONGEST = 512
"""Characters of it that are of use as the description of a health report."""
DOCUMENTATION = "https://aka.ms/linuxprovisioningerror"
_DELIMITER, _QUOTE = "|", "'"
_LEAST = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvisioningReport:
    """reason: why it failed; None for success. timestamp: ISO 8601, UTC. data: what else helps, in order."""

    reason: str | None = None
    agent: str
    vm_id: str | None
    timestamp: str
    data: Mapping[str, str]


def render_report(report: ProvisioningReport, *, at_most: int | None = None) -> str:
    """The line. at_most: characters; the supporting data is left out first, then the reason is cut, never what follows it."""
    data = dict(report.data)
    line = _joined(report, report.reason, data)
    while at_most is not None and len(line) > at_most and data:
        data.popitem()
        line = _joined(report, report.reason, data)
    if at_most is not None and len(line) > at_most and report.reason is not None:
        length = len(report.reason)
        while len(line) > at_most and length > _LEAST:
            length = max(_LEAST, length - (len(line) - at_most))
            line = _joined(report, f"{report.reason[: length - 1]}…", data)
        return line[:at_most]
    return line if at_most is None else line[:at_most]


def _joined(report: ProvisioningReport, reason: str | None, data: Mapping[str, str]) -> str:
    vm_id = report.vm_id or "unknown"
    if reason is None:
        fields = [
            "result=success",
            f"agent={report.agent}",
            *(f"{key}={value}" for key, value in data.items()),
            f"timestamp={report.timestamp}",
            f"vm_id={vm_id}",
        ]
    else:
        fields = [
            "result=error",
            f"reason={reason}",
            f"agent={report.agent}",
            *(f"{key}={value}" for key, value in data.items()),
            f"vm_id={vm_id}",
            f"timestamp={report.timestamp}",
            f"documentation_url={DOCUMENTATION}",
        ]
    return _DELIMITER.join(_quoted(field) for field in fields)


def _quoted(field: str) -> str:
    """One field of a CSV record, of one line and without what must not be seen."""
    plain = " ".join(redacted(field).split())
    if _DELIMITER in plain or _QUOTE in plain:
        return _QUOTE + plain.replace(_QUOTE, _QUOTE * 2) + _QUOTE
    return plain
