"""Use cases of artifacts: let a path name bytes, read them, list a folder, remove; and say what lies under an address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clearance.access.model import Permission, Place, Principal, require
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, Forbidden, NotFound
from clearance.integrations.mlflow.artifacts import model as paths
from clearance.integrations.mlflow.artifacts import store
from clearance.integrations.mlflow.artifacts.model import Artifact, FileInfos
from clearance.registry import service as registry
from clearance.registry.artifacts import claims
from clearance.registry.model import File, VersionStatus
from clearance.registry.trees import Tree
from clearance.storage.blobs import BlobStore
from clearance.storage.database import Transaction

_LONGEST_SUBJECT = 512


def put(tx: Transaction, caller: Principal, blobs: BlobStore, path: str, digest: str) -> Artifact:
    """Let a path name bytes that are in the store; what it named before stays only where a version has pinned it.

    Raises:
        InvalidInput: nothing can lie there.
        NotFound: the bytes are not in the store (any more).
        Conflict: the path is a folder, or goes through a file (`artifact_in_the_way`).
        Forbidden: it is somebody else's, and the caller's rights are for some teams or models only (`artifact_of_another`).
    """
    paths.check_writable(path)
    tx.lock("mlflow artifacts")
    present = store.find(tx, path)
    if present is not None and present.sha256 == digest:
        return present
    _check_own(tx, caller, path, present)
    _check_free(tx, path)
    size = claims.keep(tx, blobs, digest).size
    made = Artifact(path=path, size=size, sha256=digest, at=tx.now, by=caller.name)
    store.put(tx, made)
    facts = {"path": path, "digest": digest, "size": size, "before": None if present is None else present.sha256}
    log.record(tx, Event.ARTIFACT_PUT, actor=caller.name, subject=_subject(path), data=facts)
    return made


def find(tx: Transaction, caller: Principal, path: str) -> File:
    """Return the file under a path: an artifact, or a file of a registered version.

    Raises:
        InvalidInput: nothing can lie there.
        NotFound: nothing does (`artifact_not_found`).
        Forbidden: it is a file of a version that the caller may not read.
    """
    inside = paths.version_path(path)
    if inside is not None:
        found = _tree(tx, caller, inside).files.get(inside.path)
    else:
        artifact = store.find(tx, paths.check_path(path))
        found = None if artifact is None else File(path=path, size=artifact.size, sha256=artifact.sha256)
    if found is None:
        raise NotFound(
            f"there is no artifact {path[:200]!r}",
            code="artifact_not_found",
            hint="list the folder to see what there is",
        )
    return found


def listing(tx: Transaction, caller: Principal, folder: str) -> FileInfos:
    """Return what lies directly in a folder; nothing, for a folder that is not there. Errors as `find`."""
    folder = folder.strip("/")
    inside = paths.version_path(folder)
    if inside is not None:
        return FileInfos(files=paths.entries(_tree(tx, caller, inside).files.values(), inside.path))
    if folder:
        paths.check_path(folder)
    return FileInfos(files=tuple(store.entries(tx, folder)))


def remove(tx: Transaction, caller: Principal, path: str) -> None:
    """Let a path, or all paths in a folder, name nothing any more; versions that pinned the bytes keep them.

    As with MLflow, what is not there may be removed.
    """
    paths.check_writable(path)
    tx.lock("mlflow artifacts")
    if store.find(tx, path) is None and not store.is_folder(tx, path):
        return  # before anything is written: what changes nothing leaves no leaf
    facts = {"path": path, "files": store.remove(tx, path)}
    log.record(tx, Event.ARTIFACT_REMOVED, actor=caller.name, subject=_subject(path), data=facts)


def held(tx: Transaction, uri: str, hosts: Iterable[str] = ()) -> tuple[File, ...]:
    """Return the files under an address, if it leads here: as a version that is made of them would have them; else none.

    The files of other versions are not among them: what is to be a copy of a version names that as `models:/…`.

    Args:
        tx: transaction to read in.
        uri: what a client gives as the source of a version: an address of artifacts here (`model.path_of`), or
            `models:/m-…` of a logged model whose files were uploaded here.
        hosts: what this server is called, so that its own addresses are known.
    """
    model_id = paths.logged_model_named(uri)
    if model_id is not None:
        return _logged_model(tx, model_id)
    path = paths.path_of(uri, hosts)
    if not path or paths.version_path(path) is not None:
        return ()
    return tuple(store.as_file(artifact, path) for artifact in store.under(tx, path))


def named(tx: Transaction) -> Iterator[str]:
    """Yield the digest of every blob that a path names: what collecting garbage has to leave."""
    return store.digests(tx)


def _logged_model(tx: Transaction, model_id: str) -> tuple[File, ...]:
    artifacts = store.of_logged_model(tx, model_id)
    folders = {artifact.path.partition(f"{model_id}/artifacts/")[0] for artifact in artifacts}
    if len(folders) != 1:
        return ()  # none, or copies in several places: which one is meant is not for us to guess
    folder = f"{folders.pop()}{model_id}/artifacts"
    return tuple(store.as_file(artifact, folder) for artifact in artifacts)


def _tree(tx: Transaction, caller: Principal, inside: paths.VersionPath) -> Tree:
    team = registry.get_model(tx, inside.model).team
    require(caller, Permission.READ, Place(model=inside.model, team=team))
    tree = registry.get_tree(tx, inside.model, inside.number)
    if tree.status is VersionStatus.DELETED:
        raise NotFound(f"{tree.name} was deleted: {tree.status_reason}", code="version_not_found")
    return tree


def _check_own(tx: Transaction, caller: Principal, path: str, present: Artifact | None) -> None:
    """Refuse that rights for some teams or models only change what others put there: of no path it is known whose it is."""
    if caller.may(Permission.VERSION_REGISTER):
        return
    model_id = paths.logged_model_of(path)
    beside = store.of_logged_model(tx, model_id) if model_id else [present] if present else []
    other = next((each for each in beside if each.by != caller.name), None)
    if other is not None:
        raise Forbidden(
            f"{other.path} was put there by {other.by}, and what {caller.name} may do is limited to some teams or models",
            code="artifact_of_another",
            hint="choose another path, or have somebody do it whose role holds for all teams",
        )


def _check_free(tx: Transaction, path: str) -> None:
    """Refuse a path that no tree of files could have beside those that are there."""
    parts = path.split("/")
    above = store.first_of(tx, ["/".join(parts[:length]) for length in range(1, len(parts))])
    if above is not None or store.is_folder(tx, path):
        raise Conflict(
            f"{above or path} is a {'file' if above else 'folder'}: nothing can be put at {path}",
            code="artifact_in_the_way",
            hint="remove it first, or choose another path",
        )


def _subject(path: str) -> str:
    return f"artifact/{path}"[:_LONGEST_SUBJECT]
