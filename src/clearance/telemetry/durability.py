"""What makes a Delta commit outlive a power cut: delta-rs writes and renames but never syncs, so this does, before anyone is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

LOG = "_delta_log"


def sync_commits(table: Path, first: int, last: int) -> None:
    """Force the data files, log entries and checkpoints of versions first..last, and the folders that name them, to disk."""
    folders = {table, table / LOG, table.parent}
    for version in range(first, last + 1):
        entry = _entry(table, version)
        for action in _actions(entry):
            if "add" in action:
                file = table / unquote(action["add"]["path"])
                folders.add(file.parent)
                _sync(file)
        _sync(entry)
        for checkpoint in (table / LOG).glob(f"{version:020}.checkpoint*"):
            _sync(checkpoint)
    _sync(table / LOG / "_last_checkpoint")
    for folder in sorted(folders):
        _sync(folder)


def set_torn_tail_aside(table: Path) -> tuple[str, ...]:
    """Rename log entries at the end that a power cut left half written, and return their names.

    Such a commit was never acknowledged: a receipt is given after `sync_commits` only. A living process can't be
    mistaken for a power cut, for delta-rs links an entry under its name when it and its files are complete.
    """
    aside = []
    for entry in sorted((table / LOG).glob("[0-9]" * 20 + ".json"), reverse=True):
        if _whole(table, entry) or _entry(table, int(entry.stem) + 1).exists():
            break
        entry.rename(entry.with_name(entry.name + ".torn"))
        aside.append(entry.name)
    return tuple(aside)


def _whole(table: Path, entry: Path) -> bool:
    try:
        added = [action["add"] for action in _actions(entry) if "add" in action]
        sizes = [(table / unquote(add["path"])).stat().st_size == add["size"] for add in added]
    except (OSError, ValueError, KeyError):
        return False
    return entry.stat().st_size > 0 and all(sizes)


def _entry(table: Path, version: int) -> Path:
    return table / LOG / f"{version:020}.json"


def _actions(entry: Path) -> Iterator[dict[str, Any]]:
    for line in entry.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # compacted and vacuumed since, or a checkpoint that was not due
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
