"""What may not stand in an address that is kept and shown to everybody: passwords, tokens and signatures; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, unquote_plus, urlsplit, urlunsplit

_WEB = frozenset({"http", "https", "grpc", "grpcs"})
"""Schemes in which whoever is named before the host logs in by that; in `ssh` or `abfss` it is no secret."""

_PARAMETER = re.compile(r"([?&;#])([^=?&;#]*)=([^?&;#]+)")
"""A parameter with the sign before it: of a query, a fragment, or behind semicolons, as JDBC and Azure have them."""

_SECRET_ENDS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "credentials", "signature"),
    *("apikey", "accesskey", "secretkey", "privatekey", "accountkey", "subscriptionkey"),
)
"""How the names of secret parameters end, in small letters alone: `X-Amz-Signature`, `client_secret`, `AccountKey`."""

_SECRET_NAMES = frozenset({"sig", "pass", "pw"})
"""Further names, whole; `sig` is that of Azure's shared access signatures."""

_GOOGLE = "AIza"
"""How Google's API keys begin, which go by the name `key`, as much else does that is no secret."""


_ADDRESS = re.compile(r"[A-Za-z][\w+.:-]*://\S+", re.ASCII)
_JDBC = "jdbc:"
"""Stands before an address of another scheme."""
LEFT_OUT = "(left out)"


def has_login(address: str) -> bool:
    """Return whether a password stands before the host, or what could be a token; also of an address that can't be read."""
    parts = _split(address.removeprefix(_JDBC))
    if parts is None:
        return "@" in address
    web = parts.scheme.rpartition("+")[2] in _WEB  # git+https
    return parts.password is not None or (web and parts.username is not None)


def has_secret(address: str) -> bool:
    """Return whether an address has a login, or a parameter that is a password, a token or a signature (a presigned URL)."""
    return has_login(address) or any(_is_secret(each) for each in _PARAMETER.finditer(address))


def without_secret(address: str) -> str:
    """Return the address without what `has_secret` finds; empty if it can't be taken out."""
    if not has_secret(address):
        return address
    if address.startswith(_JDBC):
        return _JDBC + without_secret(address.removeprefix(_JDBC))
    parts = _split(address)
    if parts is None:
        return ""
    if has_login(address):
        address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    left = _PARAMETER.sub(lambda each: each[0] if not _is_secret(each) else each[1] if each[1] in "?#" else "", address)
    return re.sub(r"([?#])&", r"\1", left).rstrip("?#")


def scrubbed(item: Any, name: str = "") -> Any:
    """Return JSON of somebody else as it may be kept: without what `has_secret` finds in addresses, and secrets by their name.

    Args:
        item: JSON; a text of which the name says that it is a secret becomes LEFT_OUT.
        name: what the item is called where it stands.
    """
    if isinstance(item, str):
        if item and _names_secret(name):
            return LEFT_OUT
        return without_secret(item) if _ADDRESS.fullmatch(item) else item
    if isinstance(item, Mapping):
        return {key: scrubbed(child, key) for key, child in item.items()}
    return [scrubbed(child, name) for child in item] if isinstance(item, list) else item


def _is_secret(parameter: re.Match[str]) -> bool:
    name, text = unquote_plus(parameter[2]), parameter[3]
    return _names_secret(name) or (name.lower() == "key" and text.startswith(_GOOGLE))


def _names_secret(name: str) -> bool:
    letters = re.sub(r"[^a-z]", "", name.lower())
    return letters in _SECRET_NAMES or letters.endswith(_SECRET_ENDS)


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that hold no IPv6 address
        return None
