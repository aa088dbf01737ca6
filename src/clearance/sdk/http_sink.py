"""Delivers the recorder's batches to a Clearance server over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import httpx

from clearance.errors import InvalidInput, TooLarge, Unavailable
from clearance.sdk.events import Event

PATH = "/api/v1/telemetry/events"


class HttpSink:
    """A sink for `Recorder`; returns when the server has made the batch durable.

    Args:
        url: address of the server, `http://host:port`.
        token: bearer token of a principal with `telemetry.write`.
        timeout: seconds to wait for an answer.
        transport: HTTP transport, where it is not the network.
    """

    def __init__(
        self, url: str, token: str = "", *, timeout: float = 30, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url
        self._token = token
        self._timeout = timeout
        self._transport = transport
        self._client: httpx.Client | None = None
        self._process = 0

    def __call__(self, events: Sequence[Event]) -> None:
        """Send a batch.

        Raises:
            InvalidInput: the server will never take it.
            TooLarge: the server takes smaller batches.
            Unavailable: not now: unreachable, overloaded, or the token is not (or no longer) good.
        """
        body = json.dumps(events, separators=(",", ":"), allow_nan=False).encode()
        try:
            answer = self._connection().post(PATH, content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            raise Unavailable(
                f"{self._url} can't be reached: {str(error) or type(error).__name__}", code="server_unreachable"
            ) from error
        if answer.is_success:
            return
        said = answer.text[:500]
        if answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise TooLarge(said, code="batch_too_large")
        if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise InvalidInput(said, code="batch_refused")
        raise Unavailable(f"{self._url} answered {answer.status_code}: {said}", code="server_refuses")

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _connection(self) -> httpx.Client:
        if self._client is None or self._process != os.getpid():  # a socket must not be shared with a forked child
            headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
            self._client = httpx.Client(
                base_url=self._url, headers=headers, timeout=self._timeout, transport=self._transport
            )
            self._process = os.getpid()
        return self._client
