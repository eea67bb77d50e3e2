"""What must not be found where others may read."""

from __future__ import annotations

SECRET = "sig=HushHushSecret0123456789"
"""Planted in what programs and the fabric complain of."""
