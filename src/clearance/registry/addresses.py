"""What may not stand in an address that is kept and shown to everybody: passwords, and tokens in place of a user; pure."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

_WEB = frozenset({"http", "https", "grpc", "grpcs"})
"""Schemes in which whoever is named before the host logs in by that; in `ssh` or `abfss` it is no secret."""


def has_secret(address: str) -> bool:
    """Return whether a password stands in an address, or what could be a token; also one that can't be read whole."""
    parts = _split(address)
    if parts is None:
        return "@" in address
    web = parts.scheme.rpartition("+")[2] in _WEB  # git+https
    return parts.password is not None or (web and parts.username is not None)


def without_secret(address: str) -> str:
    """Return the address without what `has_secret` finds; empty if it can't be taken out."""
    if not has_secret(address):
        return address
    parts = _split(address)
    return "" if parts is None else urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address
        return None
