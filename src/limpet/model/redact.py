"""Taking SAS tokens (the rights to a blob, in a URL's query) out of text that people or the platform will read."""

import re

# A SAS URL is any http(s) URL with a query that has a signature. The whole query goes: its other members tell
# an attacker what the token would have allowed. Texts come from outside and may be long, so each is looked at once:
# a run of characters that began like a URL is taken to its end before it is asked what is in it.
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
# Texts quote each other: `&` and `=` may be escaped as in a URL within a URL, or as PowerShell writes JSON.
_SIGNED = re.compile(r"(?:\b|u0026|%26|%3F)(?:sig|sv)(?:=|%3D|\\u003d)", re.IGNORECASE)
_BARE_SIGNATURE = re.compile(r"((?:\b|u0026|%26|%3F)sig(?:=|%3D|\\u003d))[^&\s\"'<>]+", re.IGNORECASE)


def redacted(text: str) -> str:
    """Give `text` with every SAS query replaced by ``<redacted>``. Source: wire-protocol.md §6.3, extensions.md §6.4."""
    if not any(sign in text for sign in ("=", "%3", "u003")):  # most texts are short words
        return text
    return _BARE_SIGNATURE.sub(r"\1<redacted>", _URL.sub(_without_token, text))


def _without_token(url: re.Match[str]) -> str:
    place, _, query = url[0].partition("?")
    return f"{place}?<redacted>" if _SIGNED.search(query) else url[0]
