"""The secrets that callers carry: `PREFIX.ID.RANDOM`; made once, told once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple


class Made(NamedTuple):
    """A fresh secret: the text for its owner, the digest for the store."""

    text: str
    digest: bytes


class Shown(NamedTuple):
    """A secret as somebody showed it."""

    prefix: str
    id: str
    random: str

    def fits(self, digest: bytes) -> bool:
        """Whether it is the one whose digest was kept; takes the same time whatever is wrong with it."""
        return hmac.compare_digest(digest, _digest(self.random))


def new(prefix: str, of: str) -> Made:
    """Return a secret with 256 random bits for the token or session of this id."""
    random = secrets.token_urlsafe(32)
    return Made(f"{prefix}.{of}.{random}", _digest(random))


def parse(text: str) -> Shown:
    """Return the parts of what was shown; parts that are missing are empty."""
    prefix, _, rest = text.partition(".")
    of, _, random = rest.partition(".")
    return Shown(prefix, of, random)


def _digest(random: str) -> bytes:
    return hashlib.sha256(random.encode()).digest()
