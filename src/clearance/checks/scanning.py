"""What is unsafe in the files of an artifact: code that runs when they are loaded, secrets, ONNX that does not parse."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import re
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from clearance.checks import pickles
from clearance.values import value

_UNPACKED_LIMIT = 256 << 20  # bytes looked at within a compressed file: enough for any header, no bomb
_NAMES_OF_CODE = frozenset(
    {".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".ckpt", ".mar", ".h5", ".hdf5", ".keras"}
)
"""Formats whose usual loader can run code: pickle and its kin, PyTorch archives, Keras with Lambda layers."""
_SECRETS: dict[str, re.Pattern[bytes]] = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    "AWS access key": re.compile(rb"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "GitHub token": re.compile(rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{80})"),
    "Slack token": re.compile(rb"xox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
    "Google API key": re.compile(rb"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    "password in a URL": re.compile(rb"[a-z][a-z0-9+]{2,15}://[^\s:/@\"']{1,64}:[^\s:/@\"'{$]{6,128}@[a-z0-9.-]+"),
}
_EXECUTABLES = {b"\x7fELF": "a Linux program", b"MZ": "a Windows program", b"\xcf\xfa\xed\xfe": "a macOS program"}
_COMPRESSED: dict[bytes, type[gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class Hazard(StrEnum):
    """Kinds of what may be wrong with a file."""

    CODE = "code"
    SECRET = "secret"  # noqa: S105  # a word of the vocabulary
    ONNX = "onnx"


@value
class Danger:
    """Something unsafe in a file."""

    path: str
    hazard: Hazard
    what: str


def scan(folder: Path, domains: frozenset[str]) -> Iterator[Danger]:
    """Yield what is unsafe in the files of a folder, in the order of their paths.

    Args:
        folder: the artifact's tree.
        domains: operator sets that ONNX models may use.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            for hazard, what in _file(path, domains):
                yield Danger(path=name, hazard=hazard, what=what)


def _file(path: Path, domains: frozenset[str]) -> Iterator[tuple[Hazard, str]]:
    if path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for what in _code(path, content):
                yield Hazard.CODE, what
            for name, pattern in _SECRETS.items():
                if found := pattern.search(content):
                    yield Hazard.SECRET, f"holds what looks like a {name}, at byte {found.start()}"
    if path.suffix == ".onnx":
        for what in onnx_faults(path, domains):
            yield Hazard.ONNX, what


def _code(path: Path, content: mmap.mmap) -> Iterator[str]:
    """Yield why loading a file could run code: by what is in it, or by what its name says its loader is."""
    found = list(_code_in(path, content[:16], content))
    suffix = path.suffix.lower()
    if not found and suffix in _NAMES_OF_CODE:
        found.append(f"is a {suffix} file, whose usual loader can run code")
    yield from found


def _code_in(path: Path, head: bytes, content: mmap.mmap) -> Iterator[str]:
    content.seek(0)
    if what := pickles.inspect(content, head):
        yield f"is a pickle that runs code when it is loaded: {what}" if what != "is a pickle" else "is a pickle"
    for magic, program in _EXECUTABLES.items():
        if head.startswith(magic):
            yield f"is {program}"
    if head.startswith(b"\x93NUMPY") and re.search(rb"'descr':[^}]*\|O", content[:4096]):
        yield "is a NumPy file of objects, which are pickled"
    if head.startswith(b"\x89HDF\r\n") and re.search(rb'"class_name": ?"(?:Lambda|TFOpLambda)"', content):
        yield "is a Keras model with a Lambda layer, which is code"
    if head.startswith(b"PK\x03\x04"):
        yield from _archive(path)
    for magic, opener in _COMPRESSED.items():
        if head.startswith(magic):
            yield from _compressed(opener, path)


def _archive(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    data = file.read(_UNPACKED_LIMIT)
                if what := pickles.inspect(io.BytesIO(data), data[:2]):
                    yield f"holds the pickle {member.filename}, which {what}"
                if member.filename.endswith(".json") and re.search(rb'"class_name": ?"Lambda"', data):
                    yield f"holds {member.filename}, a Keras model with a Lambda layer, which is code"
                if data.startswith(b"\x93NUMPY") and re.search(rb"'descr':[^}]*\|O", data[:4096]):
                    yield f"holds {member.filename}, a NumPy file of objects, which are pickled"
    except _BROKEN as error:
        yield f"is an archive that can't be read: {error}"


def _compressed(opener: type[gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile], path: Path) -> Iterator[str]:
    try:
        with opener(path) as file:
            data = file.read(_UNPACKED_LIMIT)
    except _BROKEN as error:
        yield f"is compressed and can't be read: {error}"
        return
    if what := pickles.inspect(io.BytesIO(data), data[:2]):
        yield f"is a compressed pickle, which {what}"


def onnx_faults(path: Path, domains: frozenset[str]) -> Iterator[str]:
    """Yield why an ONNX file should not be loaded: it does not parse or check, or has operators of other domains."""
    import onnx

    try:
        onnx.checker.check_model(str(path))  # by path: weights outside of the folder are refused too
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # noqa: BLE001  # the checker, protobuf and the C++ parser share no base
        yield f"is not a valid ONNX model: {' '.join(str(error).split())[:200]}"
        return
    used = {node.domain for graph in (model.graph, *model.functions) for node in _nodes(graph)}
    for domain in sorted(used - domains - {function.domain for function in model.functions}):
        yield f"uses operators of the domain {domain!r}, which are not part of ONNX"


def _nodes(graph: Any) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)
