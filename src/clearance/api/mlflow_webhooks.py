"""Routes of MLflow's webhooks, by its protocol. Their addresses may hold secrets, so only those who may write see them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.api.mlflow_core import ProtocolRoute
from clearance.integrations.mlflow.webhooks import service
from clearance.integrations.mlflow.webhooks.model import (
    NewWebhook,
    Trial,
    TrialAnswer,
    WebhookAnswer,
    WebhookChange,
    Webhooks,
)

router = APIRouter(prefix="/api/2.0/mlflow/webhooks", tags=["mlflow-webhooks"], route_class=ProtocolRoute)
Keeper = Annotated[Principal, needs(Permission.WEBHOOK_WRITE)]


@router.post("")
def create(body: NewWebhook, app: App, caller: Keeper) -> WebhookAnswer:
    """Make a webhook; it is told what happens from now on."""
    app.webhook_sender.poster.check(body.url)
    with app.database.write() as tx:
        return WebhookAnswer(webhook=service.create(tx, caller, app.webhook_cipher, body))


@router.get("")
def listing(app: App, caller: Keeper, max_results: int | None = None, page_token: str | None = None) -> Webhooks:
    """Webhooks, newest first."""
    with app.database.read() as tx:
        return service.listing(tx, max_results, page_token)


@router.get("/{webhook_id}")
def get(webhook_id: str, app: App, caller: Keeper) -> WebhookAnswer:
    """One webhook."""
    with app.database.read() as tx:
        return WebhookAnswer(webhook=service.get(tx, webhook_id))


@router.patch("/{webhook_id}")
def update(webhook_id: str, body: WebhookChange, app: App, caller: Keeper) -> WebhookAnswer:
    """Change what is given."""
    if body.url:
        app.webhook_sender.poster.check(body.url)
    with app.database.write() as tx:
        return WebhookAnswer(webhook=service.update(tx, caller, app.webhook_cipher, webhook_id, body))


@router.delete("/{webhook_id}")
def delete(webhook_id: str, app: App, caller: Keeper) -> dict[str, str]:
    """Remove a webhook; what is on its way to it is not sent any more."""
    with app.database.write() as tx:
        service.delete(tx, caller, webhook_id)
    return {}


@router.post("/{webhook_id}/test")
def attempt(webhook_id: str, app: App, caller: Keeper, body: Trial | None = None) -> TrialAnswer:
    """Send the webhook an example of an event, and say what came of it."""
    return TrialAnswer(result=service.attempt(app.database, app.webhook_sender, webhook_id, body or Trial()))
