"""Provisioning discs: what is on them, the image's bytes, and every way in which one may be broken."""
