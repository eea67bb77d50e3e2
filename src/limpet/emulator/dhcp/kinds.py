"""The kinds of DHCP messages."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """Option 53. Source: RFC 2132 §9.6."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    DECLINE = 4
    ACK = 5
    NAK = 6
    RELEASE = 7
    INFORM = 8
