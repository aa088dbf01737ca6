"""The files of a version by their path, so that one among thousands is found as fast as one among ten."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping

from clearance.registry import store
from clearance.registry.lookup import can_be_version, no_version
from clearance.registry.model import File, VersionStatus
from clearance.registry.source import WITHOUT_FILES, SourceKind
from clearance.storage.database import Transaction
from clearance.values import value

_KEPT = 100_000  # files: as many as one version may have; they take some 40 MB

Files = Mapping[str, File]


@value
class Tree:
    """The files of a version by path, and whether it may be used."""

    name: str
    status: VersionStatus
    status_reason: str
    files: Files


class _Kept:
    """The files of the versions asked for last, by digest: what has the same digest has the same files, for ever."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._trees: dict[str, Files] = {}
        self._changing = threading.Lock()

    def get(self, digest: str, read: Callable[[], Files]) -> Files:
        with self._changing:
            found = self._trees.pop(digest, None)
            if found is not None:
                self._trees[digest] = found  # the last in the row is the last to go
                return found
        files = read()
        with self._changing:
            self._trees[digest] = files
            while len(self._trees) > 1 and sum(map(len, self._trees.values())) > self._most:
                del self._trees[next(iter(self._trees))]
        return files


_kept = _Kept(_KEPT)


def get_tree(tx: Transaction, model: str, number: int) -> Tree:
    """Return the files of a version.

    Raises:
        NotFound: no such model (`model_not_found`), or it has no such version (`version_not_found`).
    """
    head = store.find_head(tx, model, number) if can_be_version(model, number) else None
    if head is None:
        raise no_version(tx, model, number)

    # The digest of an image is what somebody says it is, also that of another version's files.
    held = head.digest and SourceKind(json.loads(head.source)["kind"]) not in WITHOUT_FILES

    def read() -> Files:
        found = (File(**file) for file in json.loads(store.files_of(tx, model, number)))
        return {file.path: file for file in found}

    return Tree(
        name=f"{model}/{number}",
        status=VersionStatus(head.status),
        status_reason=head.status_reason,
        files=_kept.get(head.digest, read) if held else {},
    )
