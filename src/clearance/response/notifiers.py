"""Where notifications go: a webhook when one is set, and always the server's own log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from clearance.errors import Unavailable
from clearance.response.model import Alert
from clearance.values import plain

logger = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 5.0  # of each step: connecting, sending, waiting


def sender(webhook_url: Callable[[], str]) -> Callable[[Alert], None]:
    """Return the function that tells people of an alert: writes it to the log, and POSTs it as JSON to the webhook.

    The webhook's address is asked for with every alert, for it may change; an empty one means there is none. The function
    raises Unavailable when the webhook did not answer with success; the address is not told, for it may hold a secret.
    """

    def send(alert: Alert) -> None:
        logger.warning("%s %s (%s)", alert.severity.value.upper(), alert.title, alert.id)
        url = webhook_url()
        if url:
            _post(url, alert)

    return send


def _post(url: str, alert: Alert) -> None:
    import httpx

    try:
        with httpx.stream("POST", url, json=plain(alert), timeout=_TIMEOUT_SECONDS) as answer:
            if answer.is_success:
                return
            why = f"it answered {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = f"{type(error).__name__}: {error}"
    raise Unavailable(
        f"the webhook did not take it: {why}",
        code="webhook_failed",
        hint="is CLEARANCE_WEBHOOK_URL right, and does it take a POST of JSON from this machine?",
    )
