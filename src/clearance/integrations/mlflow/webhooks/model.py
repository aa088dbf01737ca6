"""Webhooks as MLflow's protocol has them: which events there are, who wants which, and what is signed; pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from clearance.errors import ClearanceError
from clearance.integrations.mlflow.errors import invalid
from clearance.values import value

_NAME = re.compile(r"(?=.{1,63}$)[a-z0-9]([a-z0-9._-]*[a-z0-9])?", re.IGNORECASE)
MOST_ATTEMPTS = 28
"""With `response.model.retry_after` about a day: a receiver that is down for a night misses nothing."""
LONGEST_WAIT = timedelta(days=1)


class Entity(StrEnum):
    """What an event is about."""

    REGISTERED_MODEL = "REGISTERED_MODEL"
    MODEL_VERSION = "MODEL_VERSION"
    MODEL_VERSION_TAG = "MODEL_VERSION_TAG"
    MODEL_VERSION_ALIAS = "MODEL_VERSION_ALIAS"
    PROMPT = "PROMPT"
    PROMPT_VERSION = "PROMPT_VERSION"
    PROMPT_TAG = "PROMPT_TAG"
    PROMPT_VERSION_TAG = "PROMPT_VERSION_TAG"
    PROMPT_ALIAS = "PROMPT_ALIAS"
    BUDGET_POLICY = "BUDGET_POLICY"


class Action(StrEnum):
    """What happened to it."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    SET = "SET"
    EXCEEDED = "EXCEEDED"


_ACTIONS: Mapping[Entity, frozenset[Action]] = {
    Entity.REGISTERED_MODEL: frozenset({Action.CREATED}),
    Entity.MODEL_VERSION: frozenset({Action.CREATED}),
    Entity.MODEL_VERSION_TAG: frozenset({Action.SET, Action.DELETED}),
    Entity.MODEL_VERSION_ALIAS: frozenset({Action.CREATED, Action.DELETED}),
    Entity.PROMPT: frozenset({Action.CREATED}),
    Entity.PROMPT_VERSION: frozenset({Action.CREATED}),
    Entity.PROMPT_TAG: frozenset({Action.SET, Action.DELETED}),
    Entity.PROMPT_VERSION_TAG: frozenset({Action.SET, Action.DELETED}),
    Entity.PROMPT_ALIAS: frozenset({Action.CREATED, Action.DELETED}),
    Entity.BUDGET_POLICY: frozenset({Action.EXCEEDED}),  # of MLflow's gateway: known, and never happens here
}


@value
class WebhookEvent:
    """A kind of event."""

    entity: Entity
    action: Action

    @property
    def word(self) -> str:
        """`model_version.created`."""
        return f"{self.entity.value}.{self.action.value}".lower()


class Status(StrEnum):
    """Whether a webhook is told anything."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@value
class NewWebhook:
    """A webhook to make; with a secret, what it is sent is signed."""

    name: str
    url: str
    events: tuple[WebhookEvent, ...]
    description: str | None = None
    secret: str | None = None
    status: Status | None = None


@value
class WebhookChange:
    """What to change of a webhook; what is None stays, and an empty secret takes the secret away."""

    name: str | None = None
    url: str | None = None
    events: tuple[WebhookEvent, ...] | None = None
    description: str | None = None
    secret: str | None = None
    status: Status | None = None


@value
class Webhook:
    """A webhook as anyone may see it: never its secret. Times in milliseconds since 1970."""

    webhook_id: str
    name: str
    url: str
    events: tuple[WebhookEvent, ...]
    description: str | None
    status: Status
    creation_timestamp: int
    last_updated_timestamp: int


@value
class WebhookAnswer:
    """One webhook, as the protocol wraps it."""

    webhook: Webhook


@value
class Webhooks:
    """A page of webhooks, newest first."""

    webhooks: tuple[Webhook, ...]
    next_page_token: str | None = None


@value
class Trial:
    """Which event to try a webhook with; its first one without."""

    event: WebhookEvent | None = None


@value
class TrialResult:
    """What came of a trial."""

    success: bool
    response_status: int | None = None
    response_body: str | None = None
    error_message: str | None = None


@value
class TrialAnswer:
    """What came of a trial, as the protocol wraps it."""

    result: TrialResult


@value
class Happening:
    """Something that webhooks are told of: `word` as `model_version.created`, and what MLflow says of such an event."""

    word: str
    data: Mapping[str, object]
    at: datetime


@value
class Message:
    """A message for a webhook, and how often it was tried; `body` is the text that is sent and signed."""

    id: str
    webhook: str
    word: str
    body: str
    collected_at: datetime
    attempts: int
    error: str


def check_name(name: str) -> None:
    """Refuse what is no name of a webhook."""
    if not _NAME.fullmatch(name):
        raise invalid(
            f"Webhook name {name[:100]!r} is invalid. It must start and end with a letter or digit, be less than 63 "
            "characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-)."
        )


def check_events(events: tuple[WebhookEvent, ...]) -> None:
    """Refuse no events, and those that there are not."""
    if not events:
        raise invalid("Webhook events cannot be empty")
    for event in events:
        if event.action not in _ACTIONS[event.entity]:
            raise invalid(
                f"Invalid action '{event.action.lower()}' for entity '{event.entity.lower()}'. "
                f"Valid actions are: {sorted(action.lower() for action in _ACTIONS[event.entity])}"
            )


def parse_event(word: str) -> WebhookEvent:
    """Return the event that a word names."""
    entity, _, action = word.upper().partition(".")
    return WebhookEvent(entity=Entity(entity), action=Action(action))


def signature(secret: str, delivery_id: str, timestamp: str, body: str) -> str:
    """Return `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`, which MLflow's receivers compare."""
    signed = hmac.new(secret.encode(), f"{delivery_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def is_hopeless(message: Message, now: datetime) -> bool:
    """Return whether a message that failed once more is to be given up."""
    return message.attempts + 1 >= MOST_ATTEMPTS or now - message.collected_at > LONGEST_WAIT


def example(event: WebhookEvent) -> dict[str, object]:
    """Return what a webhook is tried with: the form of such an event with made-up names, in the words of MLflow's own.

    Raises:
        ProtocolError: such an event never happens here.
    """
    if event.entity is Entity.BUDGET_POLICY:
        raise invalid("budget_policy.exceeded is an event of MLflow's own gateway; Clearance never sends it")
    kind = "prompt" if event.entity.startswith("PROMPT") else "model"
    data: dict[str, object] = {"name": f"example_{kind}"}
    if event.entity.endswith(("_VERSION", "_VERSION_TAG")) or event.word.endswith("_alias.created"):
        data["version"] = "1"
    if event.entity.endswith("_TAG"):
        return data | {"key": "example_key"} | ({"value": "example_value"} if event.action is Action.SET else {})
    if event.entity.endswith("_ALIAS"):
        return data | {"alias": "example_alias"}
    if event.entity is Entity.MODEL_VERSION:
        data |= {"source": "models:/123", "run_id": "abcd1234abcd5678"}
    if event.entity is Entity.PROMPT_VERSION:
        data |= {"template": "Hello {{name}}!"}
    return data | {"tags": {"example_key": "example_value"}, "description": f"An example {kind}"}


def not_told(error: ClearanceError) -> str:
    """Return in a line why a message did not arrive."""
    return error.message[:1000]
