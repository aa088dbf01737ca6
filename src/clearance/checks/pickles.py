"""Finds pickles, and what they would call, by reading their opcodes; nothing is ever unpickled; pure."""

from __future__ import annotations

import pickletools
from typing import Any, Protocol

_MOST_NAMES = 8
_CALLS = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD", "EXT1", "EXT2", "EXT4"}
)
"""Opcodes by which a pickle imports or calls something (docs.python.org/3/library/pickletools)."""
_TEXTS = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING", "STRING"}
)
_FIRST_OF_OLD = frozenset(b"(]}cilNIFLSV0123456789.")
"""First bytes that a pickle of protocol 0 or 1 can have; others need not be parsed."""


class Readable(Protocol):
    """A binary file, or a buffer in its place."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self) -> bytes: ...


def inspect(file: Readable, head: bytes) -> str | None:
    """Return what is dangerous about a file if it is a pickle: what it would import or call; None if it is none.

    A pickle that breaks off counts as well: unpickling runs its calls before it comes to the broken place. One that
    holds only plain values (numbers, text, lists) and has no protocol header is not told from text, and is harmless.

    Args:
        file: positioned at its first byte.
        head: its first two bytes or more.
    """
    modern = head[:1] == b"\x80" and head[1:2] in {b"\x02", b"\x03", b"\x04", b"\x05"}
    if not modern and (not head or head[0] not in _FIRST_OF_OLD):
        return None
    names, calls, whole = _walk(file)
    if calls or (modern and whole):
        return "calls " + ", ".join(names) if names else "is a pickle"
    return None


def _walk(file: Readable) -> tuple[list[str], bool, bool]:
    """Return the names imported (`os.system`), whether anything is imported or called, and whether the end was reached."""
    names: list[str] = []
    texts: list[str] = []
    calls = False
    try:
        for opcode, argument, _position in pickletools.genops(file):  # type: ignore[arg-type]  # only read and readline
            if opcode.name in _TEXTS:
                texts = [*texts[-1:], str(argument)]
            if opcode.name in _CALLS:
                calls = True
                _note(names, opcode.name, argument, texts)
            if opcode.name == "STOP":
                return names, calls, True
    except Exception:  # noqa: BLE001  # whatever pickletools stumbles over: this is where the stream stops being a pickle
        return names, calls and bool(names), False
    return names, calls, False


def _note(names: list[str], opcode: str, argument: Any, texts: list[str]) -> None:
    name = ""
    if opcode in {"GLOBAL", "INST"}:
        name = str(argument).replace(" ", ".")
    elif opcode == "STACK_GLOBAL" and len(texts) == 2:
        name = ".".join(texts)
    if name and name not in names and len(names) < _MOST_NAMES:
        names.append(name)
