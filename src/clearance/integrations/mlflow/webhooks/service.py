"""Use cases of webhooks: make, change, list and remove them, and try one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit import store as leaves
from clearance.audit.events import Event
from clearance.errors import ClearanceError, InvalidInput
from clearance.integrations.mlflow.errors import invalid, not_found
from clearance.integrations.mlflow.model import milliseconds
from clearance.integrations.mlflow.webhooks import store
from clearance.integrations.mlflow.webhooks.model import (
    Happening,
    NewWebhook,
    Status,
    Trial,
    TrialResult,
    Webhook,
    WebhookChange,
    Webhooks,
    check_events,
    check_name,
    example,
)
from clearance.integrations.mlflow.webhooks.sending import Sender, body_of
from clearance.registry.rules import check_text
from clearance.storage.database import Database, Transaction

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_MOST_AT_ONCE = 1000
_LONGEST_SECRET = 1000
_TOKEN = re.compile(r"whk_\w{1,36}")  # the id of the last webhook on the page before


def create(tx: Transaction, caller: Principal, cipher: Fernet, new: NewWebhook) -> Webhook:
    """Make a webhook; it is told what happens from now on. Whether its address may be used is asked before.

    Raises:
        ProtocolError: a name, or events, that can't be meant.
    """
    check_name(new.name)
    check_events(new.events)
    _check_texts(new.description, new.secret)
    now = milliseconds(tx.now)
    made = Webhook(
        webhook_id=tx.new_id("whk"),
        name=new.name,
        url=new.url,
        events=tuple(dict.fromkeys(new.events)),
        description=new.description or None,
        status=new.status or Status.ACTIVE,
        creation_timestamp=now,
        last_updated_timestamp=now,
    )
    store.insert(tx, made, _sealed(cipher, new.secret), leaves.size(tx))
    _record(tx, caller, Event.WEBHOOK_CREATED, made)
    return made


def get(tx: Transaction, webhook_id: str) -> Webhook:
    """Return a webhook.

    Raises:
        ProtocolError: there is none with this id.
    """
    found = store.find(tx, webhook_id)
    if found is None:
        raise not_found(f"Webhook with ID {webhook_id[:100]} not found.")
    return found


def listing(tx: Transaction, max_results: int | None, page_token: str | None) -> Webhooks:
    """Return a page of webhooks, newest first.

    Raises:
        ProtocolError: a number of them that can't be had, or what no answer gave as a token.
    """
    limit = max_results or 100
    if not 1 <= limit <= _MOST_AT_ONCE:
        raise invalid(f"max_results must be between 1 and {_MOST_AT_ONCE}.")
    if page_token and not _TOKEN.fullmatch(page_token):
        raise invalid(f"Invalid page token, decoded value={page_token[:100]!r}")
    found = store.page(tx, page_token or None, limit + 1)
    more = len(found) > limit
    return Webhooks(webhooks=tuple(found[:limit]), next_page_token=found[limit - 1].webhook_id if more else None)


def update(tx: Transaction, caller: Principal, cipher: Fernet, webhook_id: str, change: WebhookChange) -> Webhook:
    """Change a webhook. Errors as `create` and `get`."""
    present = get(tx, webhook_id)
    made = replace(
        present,
        name=change.name or present.name,
        url=change.url or present.url,
        events=tuple(dict.fromkeys(change.events or present.events)),
        description=present.description if change.description is None else change.description or None,
        status=change.status or present.status,
        last_updated_timestamp=milliseconds(tx.now),
    )
    check_name(made.name)
    check_events(made.events)
    _check_texts(made.description, change.secret)
    store.update(tx, made, None if change.secret is None else _sealed(cipher, change.secret))
    _record(tx, caller, Event.WEBHOOK_UPDATED, made)
    return made


def delete(tx: Transaction, caller: Principal, webhook_id: str) -> None:
    """Remove a webhook; what is on its way to it is not sent any more. Errors as `get`."""
    present = get(tx, webhook_id)
    store.delete(tx, webhook_id)
    _record(tx, caller, Event.WEBHOOK_DELETED, present)


def attempt(database: Database, sender: Sender, webhook_id: str, trial: Trial) -> TrialResult:
    """Send a webhook an example of an event, now and once, and return what came of it. Errors as `get`."""
    with database.read() as tx:
        webhook = get(tx, webhook_id)
        secret = store.secret_of(tx, webhook_id)
        event = trial.event or webhook.events[0]
        happening = Happening(word=event.word, data=example(event), at=tx.now)
    try:
        reply = sender.send(webhook.url, secret, sender.fresh_id(), body_of(happening))
    except ClearanceError as error:
        return TrialResult(success=False, error_message=f"Failed to test webhook: {error.message}")
    return TrialResult(success=reply.took_it, response_status=reply.status, response_body=reply.text)


def _check_texts(description: str | None, secret: str | None) -> None:
    check_text("the description", description or "", most=5000)
    if secret is not None and len(secret) > _LONGEST_SECRET:
        raise InvalidInput(f"a secret has at most {_LONGEST_SECRET} characters", code="bad_text")


def _sealed(cipher: Fernet, secret: str | None) -> str:
    return cipher.encrypt(secret.encode()).decode() if secret else ""


def _record(tx: Transaction, caller: Principal, event: Event, webhook: Webhook) -> None:
    facts = {"name": webhook.name, "events": [each.word for each in webhook.events], "status": webhook.status}
    log.record(tx, event, actor=caller.name, subject=f"webhook/{webhook.webhook_id}", data=facts)
