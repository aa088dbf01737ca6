"""The OpenAPI document, made to say what the server does: who may call, how errors look, that a POST can happen once.

All of it holds for every route alike, so that it is added here once; the framework knows only values and parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from clearance.api.core import COOKIE, STATUS, Needs
from clearance.api.idempotency import STREAMED

PERMISSION = "x-permission"
"""Where an operation says what its caller must be allowed."""
_PROBLEM = "application/problem+json"
_OURS = ("/api/v1/", "/v2", "/health")
_METHODS = frozenset({"get", "head", "post", "put", "patch", "delete"})
_TELLS: dict[HTTPStatus, str] = {
    HTTPStatus.UNAUTHORIZED: "Nobody is known to be calling: no token, or one that is unknown, expired or revoked.",
    HTTPStatus.FORBIDDEN: "The caller may not do this, or a policy decided against it.",
    HTTPStatus.NOT_FOUND: "What the request names does not exist, or not for this caller.",
    HTTPStatus.CONFLICT: "The request does not fit the present state.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than the limit in the settings.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request can't be understood or breaks a rule of its form, or a digest does not match.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too much of this came in too short a time; `retry-after` says when to try again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Something that is needed can't be reached now; trying again later may help.",
    HTTPStatus.INSUFFICIENT_STORAGE: "A disk of the server is full; somebody has to make room.",
}
_ERROR = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance", "kind", "code", "hint", "details"],
    "properties": {
        "type": {"type": "string", "description": "a URN that ends with the code"},
        "title": {"type": "string", "description": "the phrase of the status"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "what is wrong and where, in one sentence"},
        "instance": {"type": "string", "description": "the path that was asked for"},
        "kind": {"type": "string", "enum": sorted(STATUS), "description": "which of the few kinds of errors"},
        "code": {"type": "string", "description": "a stable word for programs; never changes once released"},
        "hint": {"type": "string", "description": "what to do about it; may be empty"},
        "details": {"type": "object", "description": "further facts for programs"},
        "error": {"type": "string", "description": "under /v2 only: the same as `detail`"},
    },
}
_MLFLOW_ERROR = {
    "type": "object",
    "description": "What went wrong, as MLflow's clients expect it.",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a token: `clearance tokens issue NAME --role ROLE`"},
    "basic": {"type": "http", "scheme": "basic", "description": "the token as the password, under any name"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "of the console; reads only"},
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1},
    "description": "a fresh text for every request: sent again with it, the request happens once and gets the same answer",
}


class Application(FastAPI):
    """FastAPI with the whole description, which is made when it is first asked for."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            _complete(super().openapi(), dict(_permissions(self.routes)))
        assert self.openapi_schema is not None
        return self.openapi_schema


def _complete(document: dict[str, Any], permissions: dict[tuple[str, str], str]) -> None:
    parts = document["components"]
    for unsent in ("HTTPValidationError", "ValidationError"):  # the framework's own shape of errors
        parts["schemas"].pop(unsent, None)
    parts["schemas"] |= {"Problem": _ERROR, "MlflowError": _MLFLOW_ERROR}
    parts["securitySchemes"] = _SECURITY
    parts["parameters"] = {"IdempotencyKey": _ONCE}
    parts["responses"] = {
        **{_name(status): _response(about, _PROBLEM, "Problem") for status, about in _TELLS.items()},
        "Error": _response("What went wrong.", _PROBLEM, "Problem"),
        "MlflowError": _response("What went wrong.", "application/json", "MlflowError"),
    }
    for path, operations in document["paths"].items():
        for method in operations.keys() & _METHODS:
            _tell(operations[method], path, method, permissions.get((method, path)))


def _tell(operation: dict[str, Any], path: str, method: str, permission: str | None) -> None:
    operation["security"] = []
    if permission is not None:
        reads = method in {"get", "head"}
        operation["security"] = [{scheme: []} for scheme in _SECURITY if scheme != "session" or reads]
        operation[PERMISSION] = permission
    if method == "post" and not path.startswith(STREAMED):
        operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
    operation["responses"].pop("422", None)
    operation["responses"] |= dict(_errors(path, method, permission))


def _errors(path: str, method: str, permission: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    if not path.startswith(_OURS):
        yield "default", _ref("MlflowError")
        return
    for status in _TELLS:
        known_only = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
        changes_only = status in {HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
        if (permission is not None or not known_only) and (method != "get" or not changes_only):
            yield str(status.value), _ref(_name(status))
    yield "default", _ref("Error")


def _permissions(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[tuple[str, str], str]]:
    """Yield method and path of every route with the permission that it declares, also those of included routers."""
    for route in routes:
        if isinstance(route, APIRoute):
            for each in _needs(route.dependant):
                for method in route.methods or ():
                    yield (method.lower(), _template(prefix + route.path)), each.permission.value
        elif included := getattr(route, "original_router", None):
            yield from _permissions(included.routes, prefix + getattr(route.include_context, "prefix", ""))


def _needs(dependant: Dependant) -> Iterator[Needs]:
    for child in dependant.dependencies:
        if isinstance(child.call, Needs):
            yield child.call
        yield from _needs(child)


def _template(path: str) -> str:
    """Return a route's path as OpenAPI writes it: without the converters of its parameters."""
    return path.replace(":path}", "}")


def _name(status: HTTPStatus) -> str:
    return status.phrase.title().replace(" ", "")


def _ref(response: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{response}"}


def _response(about: str, content_type: str, schema: str) -> dict[str, Any]:
    return {"description": about, "content": {content_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
