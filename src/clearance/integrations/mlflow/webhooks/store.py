"""Tables of webhooks: who wants what, how far the log was read for them, and the messages that are on their way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clearance.integrations.mlflow.model import milliseconds
from clearance.integrations.mlflow.webhooks.model import Message, Status, Webhook, parse_event
from clearance.storage.database import Transaction, UtcDateTime, metadata

_OBSERVED = {"audited": False}

webhooks = sa.Table(
    "mlflow_webhooks",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)
"""`events` are words as a JSON list; `secret` is encrypted, or empty."""
progress = sa.Table(
    "mlflow_webhook_progress",
    metadata,
    sa.Column("webhook", sa.ForeignKey("mlflow_webhooks.id"), primary_key=True),
    sa.Column("next_leaf", sa.BigInteger, nullable=False),
    info=_OBSERVED,
)
messages = sa.Table(
    "mlflow_webhook_messages",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("webhook", sa.ForeignKey("mlflow_webhooks.id"), nullable=False, index=True),
    sa.Column("word", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("collected_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False, index=True),
    sa.Column("error", sa.Text, nullable=False),
    info=_OBSERVED,
)


def insert(tx: Transaction, webhook: Webhook, secret: str, next_leaf: int) -> None:
    """Keep a webhook; it is told what happens from a leaf of the log on."""
    times = {"created_at": tx.now, "updated_at": tx.now}
    tx.execute(sa.insert(webhooks), {"id": webhook.webhook_id, "secret": secret, **_columns(webhook), **times})
    tx.execute(sa.insert(progress), {"webhook": webhook.webhook_id, "next_leaf": next_leaf})


def update(tx: Transaction, webhook: Webhook, secret: str | None) -> None:
    """Keep a webhook as it is now; its secret stays where None is given."""
    changed = _columns(webhook) | {"updated_at": tx.now} | ({} if secret is None else {"secret": secret})
    tx.execute(sa.update(webhooks).where(webhooks.c.id == webhook.webhook_id).values(changed))


def delete(tx: Transaction, webhook_id: str) -> None:
    """Forget a webhook with everything that is on its way to it."""
    tx.execute(sa.delete(messages).where(messages.c.webhook == webhook_id))
    tx.execute(sa.delete(progress).where(progress.c.webhook == webhook_id))
    tx.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))


def find(tx: Transaction, webhook_id: str) -> Webhook | None:
    row = tx.execute(sa.select(webhooks).where(webhooks.c.id == webhook_id)).first()
    return None if row is None else _webhook(row)


def secret_of(tx: Transaction, webhook_id: str) -> str:
    """Return the encrypted secret of a webhook, empty without one."""
    found: str | None = tx.execute(sa.select(webhooks.c.secret).where(webhooks.c.id == webhook_id)).scalar()
    return found or ""


def page(tx: Transaction, before: str | None, limit: int) -> list[Webhook]:
    """Return webhooks, newest first: their ids are in the order of time."""
    query = sa.select(webhooks).order_by(webhooks.c.id.desc()).limit(limit)
    return [_webhook(row) for row in tx.execute(query if before is None else query.where(webhooks.c.id < before))]


def every(tx: Transaction) -> list[tuple[Webhook, int]]:
    """Return all webhooks, each with the leaf that it is to be told of next."""
    joined = sa.select(webhooks, progress.c.next_leaf).join(progress).order_by(webhooks.c.id)
    return [(_webhook(row), row.next_leaf) for row in tx.execute(joined)]


def go_on_at(tx: Transaction, webhook_id: str, next_leaf: int) -> None:
    tx.execute(sa.update(progress).where(progress.c.webhook == webhook_id).values(next_leaf=next_leaf))


def collect(tx: Transaction, webhook_id: str, message_id: str, word: str, body: str, position: int) -> None:
    """Keep a message until it has arrived; one that is kept already stays as it is."""
    if tx.execute(sa.select(messages.c.id).where(messages.c.id == message_id)).first() is None:
        times = {"collected_at": tx.now, "next_at": tx.now}
        own = {"id": message_id, "webhook": webhook_id, "word": word, "body": body, "position": position}
        tx.execute(sa.insert(messages), own | times | {"attempts": 0, "error": ""})


def is_due(tx: Transaction) -> bool:
    """Return whether a message is due."""
    return tx.execute(_due(sa.select(messages.c.id), tx.now).limit(1)).first() is not None


def take_due(tx: Transaction, limit: int, lease: timedelta) -> list[Message]:
    """Return messages that are due, in the order of what happened; for as long as the lease nobody else gets them.

    Where more are due than that, each webhook has its share of them.
    """
    tx.lock("mlflow webhooks")
    rank = sa.func.row_number().over(partition_by=messages.c.webhook, order_by=messages.c.position)
    query = _due(sa.select(messages), tx.now).order_by(rank, messages.c.position).limit(limit)
    found = [_message(row) for row in tx.execute(query)]
    postpone(tx, (message.id for message in found), tx.now + lease)
    return found


def _due(query: sa.Select[Any], now: datetime) -> sa.Select[Any]:
    """Narrow a query to messages that may be sent: their time has come, and that of all before them to the same webhook."""
    first = sa.select(messages.c.webhook, sa.func.min(messages.c.position).label("position"))
    waits = first.where(messages.c.next_at > now).group_by(messages.c.webhook).subquery()
    ahead = sa.or_(waits.c.position.is_(None), messages.c.position < waits.c.position)
    joined = query.select_from(messages).outerjoin(waits, waits.c.webhook == messages.c.webhook)
    return joined.where(messages.c.next_at <= now, ahead)


def postpone(tx: Transaction, message_ids: Iterable[str], until: datetime) -> None:
    """Leave messages alone until a moment."""
    wanted = list(message_ids)
    if wanted:
        tx.execute(sa.update(messages).where(messages.c.id.in_(wanted)).values(next_at=until))


def note_failure(tx: Transaction, message_id: str, attempts: int, error: str) -> None:
    tx.execute(sa.update(messages).where(messages.c.id == message_id).values(attempts=attempts, error=error))


def forget(tx: Transaction, message_id: str) -> None:
    """Drop a message that has arrived, or never will."""
    tx.execute(sa.delete(messages).where(messages.c.id == message_id))


def _columns(webhook: Webhook) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": json.dumps([event.word for event in webhook.events]),
        "description": webhook.description,
        "status": webhook.status.value,
    }


def _webhook(row: sa.Row[Any]) -> Webhook:
    return Webhook(
        webhook_id=row.id,
        name=row.name,
        url=row.url,
        events=tuple(parse_event(word) for word in json.loads(row.events)),
        description=row.description,
        status=Status(row.status),
        creation_timestamp=milliseconds(row.created_at),
        last_updated_timestamp=milliseconds(row.updated_at),
    )


def _message(row: sa.Row[Any]) -> Message:
    names = ("id", "webhook", "word", "body", "collected_at", "attempts", "error")
    return Message(**{name: getattr(row, name) for name in names})
