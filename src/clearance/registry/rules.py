"""The form of what may be registered: names, texts, paths, provenance, and the moves of lifecycle and status; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from clearance.errors import Conflict, Denied, InvalidInput
from clearance.registry.addresses import has_secret
from clearance.registry.model import File, Lifecycle, Model, ModelKind, Provenance, Version, VersionStatus
from clearance.registry.source import Source, SourceKind
from clearance.storage.digests import check_digest
from clearance.values import canonical_json

_MODEL_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_VERSION_NAME = re.compile(r"([a-z0-9][a-z0-9._-]{0,99})/([1-9][0-9]{0,8})")
LARGEST_NUMBER = 999_999_999
_IMAGE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:/-]*@(sha256:[0-9a-f]{64})")
_TITLE = re.compile(r"[^/:]*")
LONGEST_DESCRIPTION = 20_000
_LONGEST_KEY = 250
_LONGEST_TAG = 100_000
_LONGEST_URI = 4096
_LONGEST_PATH = 1024
_LONGEST_PART = 255
_DECODED_AT_MOST = 3
_SOURCE_HINTS = {
    SourceKind.REFERENCE: "say where the bytes are, such as s3://bucket/model",
    SourceKind.ENDPOINT: "an address such as https://scores.example.com/v1",
    SourceKind.IMAGE: "name the image with its digest, such as registry.example.com/scores@sha256:…",
}
_SOURCE_ARTICLES = {
    SourceKind.REFERENCE: "a reference",
    SourceKind.ENDPOINT: "an endpoint",
    SourceKind.IMAGE: "an image",
}
_HELD_HINTS = {
    SourceKind.FILES: "",
    SourceKind.REFERENCE: "fetch its files from there; `clearance versions pin` lets a version have them here",
    SourceKind.ENDPOINT: "others run it and keep its files",
    SourceKind.IMAGE: "fetch the image from its registry",
}
_MOST_FILES = 100_000

LIFECYCLE_MOVES: Mapping[Lifecycle, frozenset[Lifecycle]] = {
    Lifecycle.IDEA: frozenset({Lifecycle.DEVELOPMENT, Lifecycle.PRODUCTION, Lifecycle.RETIRED}),
    Lifecycle.DEVELOPMENT: frozenset({Lifecycle.IDEA, Lifecycle.PRODUCTION, Lifecycle.RETIRED}),
    Lifecycle.PRODUCTION: frozenset({Lifecycle.DEVELOPMENT, Lifecycle.RETIRED}),
    Lifecycle.RETIRED: frozenset(),
}
STATUS_MOVES: Mapping[VersionStatus, frozenset[VersionStatus]] = {
    VersionStatus.REGISTERED: frozenset({VersionStatus.QUARANTINED, VersionStatus.RETIRED, VersionStatus.DELETED}),
    VersionStatus.QUARANTINED: frozenset({VersionStatus.REGISTERED, VersionStatus.RETIRED, VersionStatus.DELETED}),
    VersionStatus.RETIRED: frozenset({VersionStatus.DELETED}),
    VersionStatus.DELETED: frozenset(),
}
_USABLE = frozenset({VersionStatus.REGISTERED, VersionStatus.QUARANTINED})


def is_model_name(name: str) -> bool:
    """Return whether a model could have this name."""
    return _MODEL_NAME.fullmatch(name) is not None


def check_model_name(name: str) -> None:
    """Refuse what is no model name (`bad_name`)."""
    if not is_model_name(name):
        raise InvalidInput(
            f"{name[:120]!r} is not a model name",
            code="bad_name",
            hint="lower-case letters, digits, . _ -, at most 100, a letter or digit first; for example car-loan",
        )


def check_title(title: str) -> None:
    """Refuse what is no title (`bad_text`): MLflow's clients take a slash or colon in one for the end of it."""
    check_text("the title", title, least=1, most=255)
    if not _TITLE.fullmatch(title):
        raise InvalidInput("a title has no / and no :", code="bad_text", details={"field": "the title"})


def is_title(text: str) -> bool:
    """Return whether a model could have this title."""
    try:
        check_title(text)
    except InvalidInput:
        return False
    return True


def check_tag(key: str, value: str = "") -> None:
    """Refuse what is no tag (`bad_text`)."""
    check_text("the key of the tag", key, least=1, most=_LONGEST_KEY)
    check_text("the value of the tag", value, most=_LONGEST_TAG)


def check_source(source: Source, files: tuple[File, ...]) -> None:
    """Refuse a source that can't be meant.

    Raises:
        InvalidInput: `bad_source`: no address where one is needed, an endpoint that is no web address, an image without its
            digest, or files beside a source that has none here; `secret_in_address`.
    """
    check_no_secret("the source", source.uri)
    check_text("the source", source.uri, most=_LONGEST_URI)
    check_text("the revision", source.revision, most=255)
    if source.kind is SourceKind.FILES:
        return
    good = {
        SourceKind.REFERENCE: bool(source.uri.strip()),
        SourceKind.ENDPOINT: re.fullmatch(r"(https?|grpcs?)://[^\s/]+.*", source.uri) is not None,
        SourceKind.IMAGE: image_digest(source.uri) is not None,
    }
    if not good[source.kind]:
        raise InvalidInput(
            f"{source.uri[:200]!r} names no {source.kind}", code="bad_source", hint=_SOURCE_HINTS[source.kind]
        )
    if files:
        raise InvalidInput(
            f"a version that is {_SOURCE_ARTICLES[source.kind]} has no files here",
            code="bad_source",
            hint="leave the files out; those of a reference are pinned afterwards, `clearance versions pin`",
        )


def check_no_secret(what: str, address: str) -> None:
    """Refuse an address with a secret in it (`secret_in_address`), without repeating it: what is kept here is kept for good."""
    if has_secret(address):
        raise InvalidInput(
            f"{what} has a password, token or signature in its address, and would be shown to all who may read, and kept for good",
            code="secret_in_address",
            hint="leave out what stands between // and @, and parameters such as password, token or sig; change what is secret "
            "if it was sent anywhere else",
            details={"field": what},
        )


def check_held(version: Version, hint: str = "") -> None:
    """Refuse what needs files of a version that has none here (`no_files`)."""
    if not version.files:
        raise Denied(
            f"{version.name} has no files here: it is the {version.source.kind} {version.source.uri}",
            code="no_files",
            hint=hint or _HELD_HINTS[version.source.kind],
        )


def image_digest(uri: str) -> str | None:
    """Return the digest that an image's address ends with, None if it has none."""
    found = _IMAGE.fullmatch(uri)
    return found[1] if found else None


def check_has_bytes(model: Model) -> None:
    """Refuse what only a model can do whose versions are bytes or a service (`model_is_prompt`)."""
    if model.kind is ModelKind.PROMPT:
        raise Conflict(
            f"{model.name} is a prompt: its versions are texts, which have no files and serve nowhere",
            code="model_is_prompt",
            hint=f"an alias says which one to use: `clearance aliases set {model.name} production NUMBER`",
        )


def check_kind(present: ModelKind, wanted: ModelKind) -> None:
    """Refuse to make a prompt of a model or a model of a prompt (`bad_kind`): policy decides on what the one serves."""
    if wanted is not present and ModelKind.PROMPT in {wanted, present}:
        raise Conflict(f"a model that is {present} can't become {wanted}", code="bad_kind", hint="create a new model")


def check_text(what: str, text: str, *, most: int, least: int = 0) -> None:
    """Refuse a text that is too short, too long, or has characters that no text has (`bad_text`)."""
    if not least <= len(text.strip()) or len(text) > most:
        raise InvalidInput(
            f"{what} has {len(text.strip())} characters",
            code="bad_text",
            hint=f"it takes {least} to {most}",
            details={"field": what},
        )
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t" for char in text):
        raise InvalidInput(f"{what} contains control characters", code="bad_text", details={"field": what})


def check_reason(reason: str) -> None:
    """Refuse to do without a reason (`no_reason`)."""
    if not reason.strip():
        raise InvalidInput("this needs a reason", code="no_reason", hint="say why, for whoever asks in a year")
    check_text("the reason", reason, most=2000)


def check_lifecycle(present: Lifecycle, wanted: Lifecycle, reason: str) -> None:
    """Refuse a move that the lifecycle does not have (`bad_lifecycle`), or retiring without a reason."""
    if wanted != present and wanted not in LIFECYCLE_MOVES[present]:
        raise Conflict(
            f"a model that is {present} can't become {wanted}",
            code="bad_lifecycle",
            hint="retirement is final: create a new model" if present == Lifecycle.RETIRED else "",
        )
    if wanted == Lifecycle.RETIRED and wanted != present:
        check_reason(reason)


def check_status(name: str, present: VersionStatus, wanted: VersionStatus, reason: str) -> None:
    """Refuse a change of a version's status that there is not (`bad_status`), or one without a reason."""
    if wanted not in STATUS_MOVES[present]:
        raise Conflict(
            f"{name} is {present}; it can't become {wanted}",
            code="bad_status",
            hint="" if STATUS_MOVES[present] & _USABLE else "that is final: register a new version",
        )
    check_reason(reason)


def check_files(files: tuple[File, ...]) -> None:
    """Refuse a manifest that is no plain tree of files.

    Paths are relative, with `/`, without `.`, `..`, empty parts, backslashes, drive letters and control characters, and stay
    apart on file systems that fold case or Unicode forms. A manifest has no links by its form: it knows only files.

    Raises:
        InvalidInput: code `no_files`, `too_many_files`, `bad_path`, `duplicate_path`, `bad_size` or `bad_digest`.
    """
    if not files:
        raise InvalidInput("a version needs at least one file", code="no_files")
    if len(files) > _MOST_FILES:
        raise InvalidInput(f"a version may have {_MOST_FILES} files, not {len(files)}", code="too_many_files")
    seen: dict[str, str] = {}
    for file in files:
        check_path(file.path)
        if file.size < 0:
            raise InvalidInput(f"{file.path} can't have {file.size} bytes", code="bad_size")
        check_digest(file.sha256)
        key = unicodedata.normalize("NFC", file.path).casefold()
        if key in seen:
            raise _duplicate(file.path, seen[key])
        seen[key] = file.path
    for key, path in seen.items():
        parts = key.split("/")
        for length in range(1, len(parts)):
            if (folder := "/".join(parts[:length])) in seen:
                raise _duplicate(path, seen[folder])


def check_path(path: str) -> None:
    """Refuse what is no path of a file in a tree (`bad_path`); `check_files` says which are.

    One that is none once it is percent-decoded is refused too, however often that is done: there are clients that do it.
    """
    if fault := next(filter(None, map(_path_fault, readings(path))), None):
        raise InvalidInput(
            f"the path {path[:200]!r} {fault}",
            code="bad_path",
            hint="paths are relative to the version's folder, like model/weights.onnx",
            details={"path": path[:_LONGEST_PATH]},
        )


def readings(path: str) -> Iterator[str]:
    """Yield a path, and what becomes of it when it is percent-decoded again and again."""
    for _ in range(_DECODED_AT_MOST):
        yield path
        decoded = unquote(path)
        if decoded == path:
            return
        path = decoded


def check_provenance(provenance: Provenance) -> None:
    """Refuse provenance that can't be written down exactly (`bad_provenance`), names what is no digest or version, or a secret."""
    try:
        canonical_json(provenance)
    except (ValueError, RecursionError) as error:  # rfc8785's errors are ValueErrors
        raise InvalidInput(
            f"the provenance can't be written as canonical JSON: {error}",
            code="bad_provenance",
            hint="no NaN or infinity, no integers beyond 2**53: leave the value out, or send it as text",
        ) from error
    for use in provenance.datasets:
        check_digest(use.digest)
    if provenance.code is not None:
        check_no_secret("the repository", provenance.code.repository)
    for parent in provenance.parents:
        parse_version_name(parent)
    check_text("the trainer", provenance.trainer, most=255)


def parse_version_name(name: str) -> tuple[str, int]:
    """Return model and number of `model/number`, or refuse (`bad_version_name`)."""
    found = _VERSION_NAME.fullmatch(name)
    if not found:
        raise InvalidInput(
            f"{name[:120]!r} does not name a version", code="bad_version_name", hint="for example car-loan/1"
        )
    return found[1], int(found[2])


def check_texts(texts: Iterable[tuple[str, str | None]], *, most: int) -> None:
    """Refuse the first text that is not None and not well-formed."""
    for what, text in texts:
        if text is not None:
            check_text(what, text, most=most)


def _path_fault(path: str) -> str | None:
    parts = path.split("/")
    faults: dict[str, Any] = {
        "is empty": not path,
        "is absolute": path.startswith("/") or re.match(r"[A-Za-z]:", path),
        f"is longer than {_LONGEST_PATH} characters": len(path) > _LONGEST_PATH,
        "contains a backslash": "\\" in path,
        "contains control characters": any(unicodedata.category(char) in {"Cc", "Cs"} for char in path),
        "leaves its folder": ".." in parts,
        "has an empty part or a dot for one": "" in parts or "." in parts,
    }
    fault = next((fault for fault, present in faults.items() if present), None)
    if fault is None and any(len(part.encode()) > _LONGEST_PART for part in parts):
        return f"has a part of more than {_LONGEST_PART} bytes"
    return fault


def _duplicate(path: str, other: str) -> InvalidInput:
    same = "stands there twice" if path == other else f"and {other!r} would be the same file on some systems"
    return InvalidInput(f"the path {path!r} {same}", code="duplicate_path", details={"path": path, "other": other})
