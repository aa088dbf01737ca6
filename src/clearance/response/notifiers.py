"""Where notifications go: a webhook when one is set, and always the server's own log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from clearance.errors import Unavailable
from clearance.response.model import Alert
from clearance.values import plain

logger = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 10


def sender(webhook_url: str) -> Callable[[Alert], None]:
    """Return the function that tells people of an alert: writes it to the log, and POSTs it as JSON to the webhook."""

    def send(alert: Alert) -> None:
        logger.warning("%s %s: %s (%s)", alert.severity.value.upper(), alert.model, alert.title, alert.id)
        if webhook_url:
            _post(webhook_url, alert)

    return send


def _post(url: str, alert: Alert) -> None:
    import httpx

    try:
        httpx.post(url, json=plain(alert), timeout=_TIMEOUT_SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        raise Unavailable(f"the webhook did not take it: {error}", code="webhook_failed") from error
