"""Which digests blobs are named by, and where on a shelf each lies; pure."""

from __future__ import annotations

import re

from clearance.errors import InvalidInput

BLOBS, PIECES = "blobs/", "uploads/"
"""Where on a shelf blobs lie, and the pieces of uploads that go on later."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def check_digest(digest: str) -> str:
    """Return the digest if it is one.

    Raises:
        InvalidInput: it is not `sha256:` and 64 lower-case hexadecimal digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            f"{digest[:100]!r} is not a digest", code="bad_digest", hint="sha256: and 64 lower-case hexadecimal digits"
        )
    return digest


def key_of(digest: str) -> str:
    """Return where on a shelf a blob lies.

    Raises:
        InvalidInput: that is no digest.
    """
    hexadecimal = check_digest(digest).removeprefix("sha256:")
    return f"{BLOBS}{hexadecimal[:2]}/{hexadecimal}"


def digest_at(key: str) -> str | None:
    """Return the digest of the blob that lies at a key; None for what is no blob, such as what another program put there."""
    digest = "sha256:" + key.rpartition("/")[2]
    return digest if _DIGEST.fullmatch(digest) else None
