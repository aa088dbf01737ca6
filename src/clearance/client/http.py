"""Requests, answers and errors of the HTTP API, decoded into the same values that the rooms use."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx

from clearance.client import titles
from clearance.errors import KINDS, ClearanceError, InvalidInput, NotFound, Unavailable
from clearance.values import Page, misfits, parse_json, plain

T = TypeVar("T")
_BY_KIND = {kind.kind: kind for kind in KINDS}
_API = "/api/v1"
_MEANT = {"x-clearance-models": "living"}
"""A name means a living model, if one is called by the name of a deleted one."""


def _page_of(kind: Any) -> Any:
    return Page[kind]


def connections(
    url: str, token: str = "", *, transport: httpx.BaseTransport | None = None, timeout: float
) -> httpx.Client:
    """Return connections to a server, with a bearer token if there is one.

    Raises:
        InvalidInput: that is no address (`bad_url`), or no token that could be sent (`bad_token`); neither is repeated.
    """
    if not (token.isascii() and token.isprintable()):
        raise InvalidInput(
            "the token has characters that no token has", code="bad_token", hint="paste it again, whole and in one line"
        )
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        return httpx.Client(base_url=url, headers=headers, transport=transport, timeout=timeout)
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidInput(
            f"that is no address of a server: {error}", code="bad_url", hint="such as http://127.0.0.1:8780"
        ) from error


def _brought(body: Any, **headers: str) -> dict[str, Any]:
    """Return the options of a request that brings a value as JSON.

    Raises:
        InvalidInput: it holds what JSON has no word for (`not_json`): NaN, infinity, half a character.
    """
    if body is None:
        return {"headers": headers}
    found = plain(body)
    try:
        content = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        where, what = next(misfits(found), ("it", str(error)))
        raise InvalidInput(
            f"{where} {what}, and can't be sent", code="not_json", hint="numbers are finite, and texts are whole"
        ) from error
    return {"content": content, "headers": {"content-type": "application/json", **headers}}


class Http:
    """One connection pool to one server (or to the application in this process).

    Args:
        client: the connections.
        at_once: how many requests make sense at the same time; the application in this process takes one.
        aside: told, once, which model a name was taken for where a deleted one has it too.
    """

    def __init__(self, client: httpx.Client, at_once: int = 1, aside: Callable[[str], None] | None = None) -> None:
        self.client = client
        self.at_once = at_once
        self._aside = aside
        self._told: set[str] = set()
        client.headers.update(_MEANT)

    def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """GET and decode; query parameters that are None are left out."""
        return self._decode(self._send("GET", path, params=_given(query)), kind)

    def post(self, path: str, kind: type[T], body: Any = None, **query: Any) -> T:
        """POST a value and decode the answer; safe to try again, for it carries an idempotency key."""
        brought = _brought(body, **{"idempotency-key": secrets.token_urlsafe(16)})
        return self._decode(self._send("POST", path, params=_given(query), **brought), kind)

    def put(self, path: str, kind: type[T], body: Any = None) -> T:
        return self._decode(self._send("PUT", path, **_brought(body)), kind)

    def patch(self, path: str, kind: type[T], body: Any = None) -> T:
        return self._decode(self._send("PATCH", path, **_brought(body)), kind)

    def delete(self, path: str, kind: type[T], **query: Any) -> T:
        return self._decode(self._send("DELETE", path, params=_given(query)), kind)

    def text(self, path: str, **query: Any) -> str:
        """GET an answer that is text."""
        return self._send("GET", path, params=_given(query)).text

    def upload(self, method: str, path: str, kind: type[T], content: Iterator[bytes] | bytes, **query: Any) -> T:
        """Send bytes, streamed when they come as an iterator."""
        headers = {"content-type": "application/octet-stream"}
        return self._decode(self._send(method, path, content=content, params=_given(query), headers=headers), kind)

    def exchange(
        self, method: str, path: str, *, headers: Mapping[str, str], content: Iterator[bytes] | bytes = b""
    ) -> httpx.Headers:
        """Send a request that says and answers everything in its headers."""
        return self._send(method, path, headers=dict(headers), content=content).headers

    def download(self, path: str, write: Callable[[bytes], Any]) -> None:
        """GET bytes and hand them on chunk by chunk."""
        try:
            self._fetch(path, write)
        except NotFound as error:
            meant = self._meant(error, path, {})
            if meant is None:
                raise
            self._fetch(meant[0], write)

    def _fetch(self, path: str, write: Callable[[bytes], Any]) -> None:
        try:
            with self.client.stream("GET", _API + path) as response:
                if response.is_error:
                    response.read()
                    raise error_of(response)
                for chunk in response.iter_bytes():
                    write(chunk)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def pages(self, path: str, kind: type[T], /, **query: Any) -> Iterator[T]:
        """Yield the items of every page."""
        cursor: str | None = None
        while True:
            response = self._send("GET", path, params=_given({**query, "cursor": cursor}))
            page: Page[T] = parse_json(_page_of(kind), response.content)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; one that names a model by its title is sent again with the name that the server says it has."""
        try:
            return self._ask(method, path, **options)
        except NotFound as error:
            meant = self._meant(error, path, options)
            if meant is None:
                raise
        return self._ask(method, meant[0], **meant[1])

    def _meant(self, error: NotFound, path: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """Return the request that was meant, and tell of it if the name is a deleted model's too."""
        found = titles.meant(error, path, options)
        if found is not None and error.details.get("deleted") and self._aside and error.hint not in self._told:
            self._told.add(error.hint)
            self._aside(error.hint)
        return found

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self.client.request(method, _API + path, **options)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise error_of(response)
        return response

    def _decode(self, response: httpx.Response, kind: type[T]) -> T:
        return parse_json(kind, response.content)

    def _unreachable(self, error: httpx.TransportError) -> Unavailable:
        return Unavailable(
            f"the server at {self.client.base_url} can't be reached: {str(error) or type(error).__name__}",
            code="server_unreachable",
            hint="is `clearance serve` running there? CLEARANCE_URL or --url names it; unset both for local mode",
        )


def error_of(response: httpx.Response) -> ClearanceError:
    """Return the error that a problem-details answer stands for, as the kind that was raised on the server."""
    try:
        body: Mapping[str, Any] = response.json()
        kind = _BY_KIND.get(body["kind"], ClearanceError)
        return kind(body["detail"], code=body["code"], hint=body["hint"], details=body["details"])
    except (ValueError, KeyError, TypeError):
        return Unavailable(
            f"{response.request.method} {response.request.url} answered {response.status_code}, and not in Clearance's words",
            code="foreign_answer",
            hint="is there another program, or a proxy, at that address?",
        )


def _given(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(found) for name, found in query.items() if found is not None}
