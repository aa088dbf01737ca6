"""Sends a message as MLflow's server would: its body, its three headers, signed with the webhook's secret."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING
from uuid import uuid4

from clearance.clock import Clock
from clearance.errors import Unavailable
from clearance.integrations.mlflow.webhooks.addresses import Poster, Reply
from clearance.integrations.mlflow.webhooks.model import Happening, signature

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

SIGNATURE, TIMESTAMP, DELIVERY_ID = "X-MLflow-Signature", "X-MLflow-Timestamp", "X-MLflow-Delivery-Id"


class Sender:
    """Sends messages.

    Args:
        poster: knows where to.
        cipher: opens the secrets that are kept encrypted.
        clock: says when a message is signed, so that a receiver can refuse old ones.
    """

    def __init__(self, poster: Poster, cipher: Fernet, clock: Clock) -> None:
        self.poster = poster
        self._cipher = cipher
        self._clock = clock

    def fresh_id(self) -> str:
        """Return an id for a message that is sent once."""
        return str(uuid4())

    def send(self, url: str, sealed_secret: str, message_id: str, body: str) -> Reply:
        """Send a message; its id is the same whenever it is sent, its signature is of now.

        Raises:
            InvalidInput, Forbidden, Unavailable: as `Poster.post`; or the secret can't be opened (`secret_missing`).
        """
        now = str(int(self._clock.now().timestamp()))
        headers = {"Content-Type": "application/json", DELIVERY_ID: message_id, TIMESTAMP: now}
        if sealed_secret:
            headers[SIGNATURE] = signature(self._opened(sealed_secret), message_id, now, body)
        return self.poster.post(url, body.encode(), headers)

    def _opened(self, sealed_secret: str) -> str:
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher.decrypt(sealed_secret.encode()).decode()
        except InvalidToken as error:
            raise Unavailable(
                "the webhook's secret was encrypted with another key than the one in the keys folder",
                code="secret_missing",
                hint="put keys/webhooks.key back, or give the webhook its secret again",
            ) from error


def body_of(happening: Happening) -> str:
    """Return the text of a message."""
    entity, _, action = happening.word.partition(".")
    at = happening.at.astimezone(UTC).isoformat()
    return json.dumps({"entity": entity, "action": action, "timestamp": at, "data": happening.data})
