"""Routes of the gateway: the Open Inference Protocol v2 at the root, and what it serves and refuses under /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

import clearance
from clearance.access.model import Permission, Principal, require
from clearance.api.core import App, needs
from clearance.gateway import protocol
from clearance.gateway.model import GatewayStatus, Reload, RouteStatus
from clearance.registry.contract import Datatype, Field
from clearance.sdk.events import MAX_TEXT

router = APIRouter(tags=["gateway"])
protocol_router = APIRouter(prefix="/v2", tags=["inference"])
_TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape", "data"],
    "properties": {
        "name": {"type": "string", "description": "an input that the model declares"},
        "datatype": {"type": "string", "enum": list(Datatype), "description": "the one that it declares"},
        "shape": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "description": "[rows, 1], or [rows, n]",
        },
        "data": {"type": "array", "items": {}, "description": "the values, flat or nested as the shape says"},
    },
}
_INFERENCE = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {
            "type": "string",
            "maxLength": MAX_TEXT,
            "description": "printable ASCII; labels find the request by it",
        },
        "inputs": {"type": "array", "minItems": 1, "items": _TENSOR},
        "parameters": {
            "type": "object",
            "properties": {
                protocol.TIME_PARAMETER: {
                    "type": "string",
                    "format": "date-time",
                    "description": "when a request that is replayed happened; needs telemetry.write",
                }
            },
        },
    },
}
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": _INFERENCE}}}}
Predictor = Annotated[Principal, needs(Permission.PREDICT)]
RequestId = Annotated[str, Header(alias="x-request-id")]


@router.get("/gateway/status")
def status(app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> GatewayStatus:
    """What this gateway serves, what it refuses and why, and what became of its telemetry."""
    return app.gateway.status()


@router.post("/gateway/reload")
def reload(body: Reload, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]) -> RouteStatus:
    """Load what serves again from the store, verifying every byte; what is refused leaves the old one serving."""
    return app.gateway.reload(body.model, body.environment)


@protocol_router.get("")
def server_metadata() -> dict[str, Any]:
    """Name, version and extensions of the server."""
    return {"name": "clearance", "version": clearance.__version__, "extensions": []}


@protocol_router.get("/health/live")
def live() -> dict[str, bool]:
    """Whether the server runs."""
    return {"live": True}


@protocol_router.get("/health/ready")
def ready(app: App, response: Response) -> dict[str, bool]:
    """Whether every model that should serve here does; 503 when one was refused."""
    routes = app.gateway.status().routes
    found = all(route.serving is not None or route.elsewhere is not None for route in routes)
    response.status_code = 200 if found else 503
    return {"ready": found}


@protocol_router.get("/models/{model}")
@protocol_router.get("/models/{model}/versions/{number}")
def model_metadata(
    model: str, app: App, caller: Predictor, number: int | None = None, environment: str = "production"
) -> dict[str, Any]:
    """What a model takes and gives."""
    loaded = app.gateway.describe(model, environment, number)
    contract = loaded.contract
    return {
        "name": model,
        "versions": [str(loaded.number)],
        "platform": "onnx_onnxruntime",
        "inputs": [_tensor(field) for field in contract.inputs] if contract else [],
        "outputs": [_tensor(field) for field in contract.outputs] if contract else [],
    }


@protocol_router.get("/models/{model}/ready")
@protocol_router.get("/models/{model}/versions/{number}/ready")
def model_ready(
    model: str, app: App, caller: Predictor, number: int | None = None, environment: str = "production"
) -> dict[str, Any]:
    """Whether a model serves; 404 when it does not, 503 when its version was refused."""
    app.gateway.describe(model, environment, number)
    return {"name": model, "ready": True}


@protocol_router.post("/models/{model}/infer", openapi_extra=_BODY)
@protocol_router.post("/models/{model}/versions/{number}/infer", openapi_extra=_BODY)
async def infer(
    model: str,
    request: Request,
    app: App,
    caller: Predictor,
    number: int | None = None,
    environment: str = "production",
    request_id: RequestId = "",
) -> JSONResponse:
    """Predict; the answer's headers name the version that answered and the request that labels will refer to."""
    body = await request.body()
    return await run_in_threadpool(_infer, app, caller, model, environment, number, request_id, body)


def _infer(
    app: App, caller: Principal, model: str, environment: str, number: int | None, request_id: str, body: bytes
) -> JSONResponse:
    asked = protocol.parse(body)
    if asked.at is not None:
        require(caller, Permission.TELEMETRY_WRITE)  # only whoever may write telemetry may say when it happened
    answered = app.gateway.predict(model, environment, asked, request_id=request_id, number=number)
    loaded, predictions = answered.loaded, answered.predictions
    outputs = {
        "label": (Datatype.INT64, predictions.label.tolist()),
        "probability": (Datatype.FP32, predictions.score.tolist()),
    }
    headers = {
        "x-clearance-version": f"{loaded.model}/{loaded.number}",
        "x-clearance-variant": answered.variant.value,
        "x-request-id": answered.request_id,
    }
    return JSONResponse(protocol.answer(model, loaded.number, answered.request_id, outputs), headers=headers)


def _tensor(field: Field) -> dict[str, Any]:
    return {"name": field.name, "datatype": field.datatype.value, "shape": list(field.shape)}
