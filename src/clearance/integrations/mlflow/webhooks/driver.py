"""Brings webhooks what the log says, at least once and in order: a queue in the database between the log and the receivers.

Nothing that changes the registry knows of it, or waits for it. The messages and how far the log was read are committed
together, so a process that dies loses none and makes none twice; one that dies while it sends, sends that message again
under the same id.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import groupby
from uuid import NAMESPACE_URL, uuid5

from clearance.access.model import SYSTEM
from clearance.audit import log
from clearance.audit import store as leaves
from clearance.audit.events import Event
from clearance.delivery.aliases import Guards
from clearance.errors import ClearanceError
from clearance.integrations.mlflow.webhooks import happenings, store
from clearance.integrations.mlflow.webhooks.model import Message, Status, Webhook, is_hopeless, not_told
from clearance.integrations.mlflow.webhooks.sending import Sender, body_of
from clearance.response.model import retry_after
from clearance.storage.database import Database, Transaction

logger = logging.getLogger(__name__)

_ENTRIES_AT_ONCE = 200
_MESSAGES_AT_ONCE = 100
_RECEIVERS_AT_ONCE = 8
_TURN_SECONDS = 5.0
"""After so long a receiver that takes its time gets the rest in the next turn, so that the others need not wait for all of it."""
_LEASE = timedelta(minutes=1)  # well over what one message takes at most; those behind it get theirs anew each time


class Driver:
    """Collects and sends; `turn` is called again and again.

    Args:
        database: holds the log, the webhooks and the queue.
        guards: which aliases are pointers, and so move with them.
        sender: sends.
    """

    def __init__(self, database: Database, guards: Guards, sender: Sender) -> None:
        self._database = database
        self._guards = guards
        self._sender = sender

    def turn(self) -> int:
        """Collect what happened and send what is due; return how many messages arrived."""
        self.collect()
        return self.send_due()

    def collect(self) -> None:
        """Queue a message for each webhook and each thing that happened which it wants."""
        with self._database.read() as tx:
            waiting = [webhook for webhook, next_leaf in store.every(tx) if next_leaf < leaves.size(tx)]
        for webhook in waiting:
            with self._database.write() as tx:
                tx.lock("mlflow webhooks")
                self._collect(tx, webhook.webhook_id)

    def send_due(self) -> int:
        """Send what is due; of a receiver that does not take a message, the rest waits with it."""
        with self._database.read() as tx:
            if not store.is_due(tx):
                return 0
        with self._database.write() as tx:
            due = store.take_due(tx, _MESSAGES_AT_ONCE, _LEASE)
        if not due:
            return 0  # another process was quicker
        by_webhook = groupby(sorted(due, key=lambda message: message.webhook), key=lambda message: message.webhook)
        queues = [list(queue) for _, queue in by_webhook]
        with ThreadPoolExecutor(min(_RECEIVERS_AT_ONCE, len(queues))) as pool:
            return sum(pool.map(self._send_all, queues))

    def _collect(self, tx: Transaction, webhook_id: str) -> None:
        """Queue messages for one webhook, and note how far the log was read; both or neither is committed."""
        found = {webhook.webhook_id: (webhook, next_leaf) for webhook, next_leaf in store.every(tx)}
        if webhook_id not in found:
            return  # removed meanwhile
        webhook, begin = found[webhook_id]
        size = leaves.size(tx)
        entries = log.following(tx, begin, happenings.EVENTS, _ENTRIES_AT_ONCE)
        wanted = {event.word for event in webhook.events} if webhook.status is Status.ACTIVE else set()
        for entry in entries if wanted else ():
            for happening in happenings.of(tx, self._guards, entry):
                if happening.word in wanted:
                    body = body_of(happening)
                    message_id = str(uuid5(NAMESPACE_URL, f"{webhook_id} {body}"))
                    store.collect(tx, webhook_id, message_id, happening.word, body, entry.index)
        store.go_on_at(tx, webhook_id, size if len(entries) < _ENTRIES_AT_ONCE else entries[-1].index + 1)

    def _send_all(self, queue: list[Message]) -> int:
        with self._database.read() as tx:
            webhook = store.find(tx, queue[0].webhook)
            secret = store.secret_of(tx, queue[0].webhook)
        if webhook is None:
            return 0  # removed meanwhile, and its messages with it
        until = time.monotonic() + _TURN_SECONDS
        for arrived, message in enumerate(queue):
            error = self._try(webhook, secret, message)
            is_over = time.monotonic() >= until
            with self._database.write() as tx:
                if error:
                    _note(tx, webhook, message, error, (each.id for each in queue[arrived:]))
                    return arrived
                store.forget(tx, message.id)
                rest = (each.id for each in queue[arrived + 1 :])
                store.postpone(tx, rest, tx.now if is_over else tx.now + _LEASE)
            if is_over:
                return arrived + 1
        return len(queue)

    def _try(self, webhook: Webhook, secret: str, message: Message) -> str:
        """Send a message once; return why it did not arrive, nothing if it did."""
        try:
            reply = self._sender.send(webhook.url, secret, message.id, message.body)
        except ClearanceError as error:
            return not_told(error)
        return "" if reply.took_it else f"the receiver answered {reply.status}"


def _note(tx: Transaction, webhook: Webhook, message: Message, error: str, waiting: Iterable[str]) -> None:
    """Note that a message did not arrive: it and those behind it are tried again later, or it is given up."""
    attempts = message.attempts + 1
    store.note_failure(tx, message.id, attempts, error)
    store.postpone(tx, waiting, tx.now + retry_after(attempts))
    if is_hopeless(message, tx.now):
        store.forget(tx, message.id)
        facts = {"name": webhook.name, "event": message.word, "attempts": attempts, "message": message.id}
        log.record(tx, Event.WEBHOOK_GAVE_UP, actor=SYSTEM.name, subject=f"webhook/{webhook.webhook_id}", data=facts)
        logger.error("the webhook %s was not told of %s, and won't be: %s", webhook.name, message.word, error)
    elif attempts == 1:
        logger.warning("the webhook %s does not take messages, and is tried again: %s", webhook.name, error)
