"""Taking SAS tokens out of text that people or the platform will read."""

import re

# A SAS URL is any https URL with a query that has a signature. The whole query goes: its other members tell
# an attacker what the token would have allowed.
_SAS_QUERY = re.compile(r"(https?://[^\s\"'<>?]+)\?(?=[^\s\"'<>]*\b(?:sig|sv)=)[^\s\"'<>]*", re.IGNORECASE)
_BARE_SIGNATURE = re.compile(r"\b(sig=)[^&\s\"'<>]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """Give `text` with every SAS query replaced by ``<redacted>``. Source: wire-protocol.md §6.3, extensions.md §6.4."""
    return _BARE_SIGNATURE.sub(r"\1<redacted>", _SAS_QUERY.sub(r"\1?<redacted>", text))
