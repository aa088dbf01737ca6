"""Where the bytes of a version are: here, elsewhere, or behind what somebody else runs; pure."""

from __future__ import annotations

from enum import StrEnum

from clearance.values import request


class SourceKind(StrEnum):
    """Where the bytes of a version are."""

    FILES = "files"
    """Here."""
    REFERENCE = "reference"
    """Elsewhere, and known here only from when they are pinned."""
    ENDPOINT = "endpoint"
    """Behind an address that somebody else runs: a black box."""
    IMAGE = "image"
    """In a container image, named by its digest."""


WITHOUT_FILES = frozenset({SourceKind.ENDPOINT, SourceKind.IMAGE})
"""Versions of these never have files here: they are black boxes, seen only by what goes in and comes out."""


@request
class Source:
    """Where a version's bytes are or came from.

    Attributes:
        kind: what `uri` names.
        uri: address of the endpoint, image with `@sha256:…`, or place of the bytes; may be empty for files.
        revision: what the provider of an endpoint calls this version of it.
    """

    kind: SourceKind = SourceKind.FILES
    uri: str = ""
    revision: str = ""
