"""A request about a model that was named by its title, said again with its name; pure.

A server knows models by their names, which stay; people know them by their titles, as MLflow's clients do. Asked about a
title, it answers that there is no such model, and which one has that title. A name wins, for it is found at once: but that of
a deleted model gives way to the living one that is called so now, and a client says by a header that it means that.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from clearance.client.routes import route
from clearance.errors import NotFound

_KEY = "idempotency-key"


def meant(error: NotFound, path: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return path and options of the request that was meant; None if it did not name a model by its title.

    Args:
        error: what the server answered.
        path, options: what it was asked, as httpx takes it.
    """
    title, name = error.details.get("title"), error.details.get("model")
    content = options.get("content", b"")
    if error.code != "model_not_found" or not (isinstance(title, str) and isinstance(name, str)):
        return None
    if not isinstance(content, bytes):
        return None  # it was sent piece by piece, and is gone
    params = options.get("params", {})
    found = {
        **options,
        "params": {**params, "model": name} if params.get("model") == title else params,
        "content": _body(content, title, name),
        "headers": {
            key: secrets.token_urlsafe(16) if key == _KEY else text for key, text in options.get("headers", {}).items()
        },
    }
    said = _path(path, title, name)
    changed = said != path or found["params"] != params or found["content"] != content
    return (said, found) if changed else None


def _path(path: str, title: str, name: str) -> str:
    before, models, rest = path.partition("/models/")
    first, slash, behind = rest.partition("/")
    if before or not models or unquote(first) != title:
        return path
    return f"{route('/models/{}', name)}{slash}{behind}"


def _body(content: bytes, title: str, name: str) -> bytes:
    try:
        found = json.loads(content) if content else None
    except ValueError:  # bytes of a file
        return content
    if not isinstance(found, dict) or found.get("model") != title:
        return content
    return json.dumps({**found, "model": name}, ensure_ascii=False, separators=(",", ":")).encode()
