"""Blobs and pieces of uploads on their way onto a shelf: hashed and counted while they come, there whole or not at all."""

from __future__ import annotations

import hashlib
from typing import Self

from clearance.errors import InvalidInput, TooLarge, VerificationFailed
from clearance.storage.digests import key_of
from clearance.storage.shelf import Incoming


class _Arriving:
    """Bytes on their way; what is not committed is gone when the block of this context manager ends."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._incoming.abort()


class Writer(_Arriving):
    """One blob being written; use it as a context manager and commit at the end."""

    def __init__(self, incoming: Incoming, expected: str | None, limit_bytes: int | None, name: str) -> None:
        super().__init__(incoming)
        self._expected = expected
        self._limit = limit_bytes
        self._name = name
        self._seen = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLarge: they are more than the limit together.
            Unavailable: the store can't be written.
        """
        self.size += len(chunk)
        check_size(self.size, self._limit, self._name)
        self._seen.update(chunk)
        self._incoming.write(chunk)

    def commit(self) -> tuple[str, int]:
        """Make the blob visible, durably, in one step; return its digest and size in bytes.

        Raises:
            VerificationFailed: the bytes do not have the expected digest (`digest_mismatch`).
            Unavailable: the store can't be written.
        """
        digest = "sha256:" + self._seen.hexdigest()
        if self._expected not in {None, digest}:
            raise VerificationFailed(
                f"the bytes sent have the digest {digest}, not {self._expected}; nothing was stored",
                code="digest_mismatch",
                hint="the file changed, or was damaged on its way: hash it again and send it again",
                details={"expected": self._expected, "found": digest},
            )
        self._incoming.commit(key_of(digest))
        return digest, self.size


class PieceWriter(_Arriving):
    """A piece of an upload being written; use it as a context manager and commit at the end."""

    def __init__(self, incoming: Incoming, key: str, name: str, limit_bytes: int) -> None:
        super().__init__(incoming)
        self._key = key
        self._limit = limit_bytes
        self.name = name

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            InvalidInput: they are more than the upload still lacks (`upload_too_long`).
            Unavailable: the store can't be written.
        """
        self.size += len(chunk)
        if self.size > self._limit:
            raise InvalidInput(
                f"the upload lacks {self._limit} bytes, and more were sent",
                code="upload_too_long",
                hint="the file grew since it was hashed, or bytes were sent twice: begin again",
            )
        self._incoming.write(chunk)

    def commit(self) -> None:
        """Keep the piece; what a power cut makes of it is found when the pieces are joined."""
        self._incoming.commit(self._key, durable=False)


def check_size(size: int, limit_bytes: int | None, name: str = "this one") -> None:
    """Refuse a size in bytes above the limit.

    Args:
        size: in bytes.
        limit_bytes: the most there may be; None: any number.
        name: of what has the size, as the sender knows it.

    Raises:
        TooLarge: code `upload_too_large`.
    """
    if limit_bytes is not None and size > limit_bytes:
        raise TooLarge(
            f"an upload may have {limit_bytes} bytes, {name} has more; nothing was stored",
            code="upload_too_large",
            hint="the operator sets the limit with CLEARANCE_MAX_UPLOAD_MB",
            details={"limit_bytes": limit_bytes},
        )
