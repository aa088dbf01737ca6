"""Finds pickles, and what they would call, by reading their opcodes; nothing is ever unpickled; pure."""

from __future__ import annotations

import pickle
import pickletools
import re
from dataclasses import dataclass, field
from typing import Any, Protocol

_MOST_NAMES = 8
_TEXTS = frozenset(
    {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "BINSTRING", "STRING"}
)
_IMPORTS = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
_CALLS = frozenset({"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"})
"""Opcodes by which a pickle imports or calls something (docs.python.org/3/library/pickletools)."""
_MODERN = frozenset(bytes([0x80, protocol]) for protocol in range(pickle.HIGHEST_PROTOCOL + 1))
_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Readable(Protocol):
    """A binary file, or a buffer in its place."""

    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self) -> bytes: ...


@dataclass(slots=True)
class _Seen:
    """What the opcodes of a stream did, up to where it ended or stopped being a pickle."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    imported: bool = False
    called: bool = False
    whole: bool = False


def inspect(file: Readable, head: bytes) -> str | None:
    """Return what is dangerous about a file if it is a pickle: what it would import or call; None if it is none.

    A pickle that breaks off counts as well: unpickling runs its calls before it comes to the broken place. One of the
    old protocols 0 and 1, which are text, only counts if it names something that could be imported; one that holds
    nothing but plain values is not told from text, and is harmless.

    Args:
        file: positioned at its first byte.
        head: its first two bytes, or more.
    """
    modern = head[:2] in _MODERN
    seen = _walk(file)
    active = seen.imported or seen.called
    if modern:
        dangerous = seen.whole or (active and bool(seen.names))
    else:
        dangerous = (
            active and (seen.whole or seen.called) and bool(seen.names) and all(map(_NAME.fullmatch, seen.names))
        )
    if not dangerous:
        return None
    return "calls " + ", ".join(seen.names) if seen.names else "is a pickle"


def _walk(file: Readable) -> _Seen:
    seen = _Seen()
    try:
        while _one(file, seen):  # a file may hold several, one after the other
            seen.whole = True
    except Exception:  # noqa: BLE001  # whatever pickletools stumbles over: this is where the stream stops being a pickle
        return seen
    return seen


def _one(file: Readable, seen: _Seen) -> bool:
    """Read one pickle, and return whether it came to its end."""
    stack: list[object] = []
    for opcode, argument, _position in pickletools.genops(file):  # type: ignore[arg-type]  # only read and readline
        if not _apply(stack, opcode):
            return False
        _note(seen, opcode.name, argument)
    return True


def _apply(stack: list[object], opcode: pickletools.OpcodeInfo) -> bool:
    """Do to the stack what an opcode does, and return whether it had what the opcode takes; as `pickletools.dis` does.

    An unpickler stops where it had not, so nothing after that would run; texts are told from old pickles by it.
    """
    takes = list(opcode.stack_before)
    on_mark = opcode.name == "POP" and bool(stack) and stack[-1] is pickletools.markobject
    if pickletools.markobject in takes or on_mark:
        if pickletools.markobject not in stack:
            return False
        while stack.pop() is not pickletools.markobject:
            pass
        takes = [] if on_mark else takes[: takes.index(pickletools.markobject)]
    if len(stack) < len(takes):
        return False
    del stack[len(stack) - len(takes) :]
    stack.extend(opcode.stack_after)
    return True


def _note(seen: _Seen, opcode: str, argument: Any) -> None:
    if opcode in _TEXTS:
        seen.texts = [*seen.texts[-1:], str(argument)]
    seen.imported = seen.imported or opcode in _IMPORTS
    seen.called = seen.called or (opcode in _CALLS and seen.imported)
    name = ""
    if opcode in {"GLOBAL", "INST"}:
        name = str(argument).replace(" ", ".")
    elif opcode == "STACK_GLOBAL" and len(seen.texts) == 2:
        name = ".".join(seen.texts)
    if name and name not in seen.names and len(seen.names) < _MOST_NAMES:
        seen.names.append(name)
