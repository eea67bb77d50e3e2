"""Which proxy a URL is reached through: a pure rule over configuration and environment. Source: wire-protocol.md §11.3."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(*, tls: bool, host: str, configured: str | None, environment: Mapping[str, str]) -> str | None:
    """The proxy's URL, or None where `host` is reached directly.

    configured: from the settings; it wins over the environment's ``https_proxy`` or ``http_proxy`` (lower case first).
    ``no_proxy`` holds for both: a comma list of addresses, networks as ``10.0.0.0/8`` and domain suffixes, or ``*``.
    """
    named = configured or _variable(environment, "https_proxy" if tls else "http_proxy")
    if not named or any(
        _covers(rule.strip(), host) for rule in _variable(environment, "no_proxy").split(",")
    ):
        return None
    return named if "://" in named else f"http://{named}"


def _variable(environment: Mapping[str, str], name: str) -> str:
    return (environment.get(name) or environment.get(name.upper()) or "").strip()


def _covers(rule: str, host: str) -> bool:
    if not rule:
        return False
    if rule == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name, suffix = host.lower().rstrip("."), rule.lower().lstrip("*").strip(".")
        return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))
    try:
        return address in ipaddress.ip_network(rule, strict=False)
    except ValueError:
        return False
