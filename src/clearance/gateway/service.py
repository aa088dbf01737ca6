"""The gateway: answers predictions of what is loaded, and records each of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from clearance.clock import Clock
from clearance.errors import ClearanceError, InvalidInput, NotFound, Unavailable
from clearance.gateway.loading import Loaded
from clearance.gateway.model import GatewayStatus, RouteStatus, Variant, choose
from clearance.gateway.protocol import InferenceRequest, check_datatypes, check_id, check_time
from clearance.gateway.routes import Route, Routes
from clearance.registry.contract import Violation, violations
from clearance.sdk.recorder import Recorder

if TYPE_CHECKING:
    from clearance.sdk.events import Event as TelemetryEvent
    from clearance.sdk.onnx import Predictions


@dataclass(frozen=True, slots=True)
class Answered:
    """What was predicted, by whom."""

    loaded: Loaded
    variant: Variant
    request_id: str
    predictions: Predictions


class Gateway:
    """Serves predictions of admitted versions; a prediction waits neither for what serves to be read nor for telemetry."""

    def __init__(self, routes: Routes, recorder: Recorder, clock: Clock) -> None:
        self._routes = routes
        self._recorder = recorder
        self._clock = clock

    def start(self) -> None:
        """Read what serves, and keep reading it."""
        self._routes.start()

    def close(self) -> None:
        """Stop reading, and send what was recorded."""
        self._routes.close()
        self._recorder.close()

    def status(self) -> GatewayStatus:
        """Return what is served and what is refused."""
        self.start()
        stats = self._recorder.stats()
        return GatewayStatus(
            routes=tuple(route.status() for route in self._routes.all()),
            refusals=self._routes.refusals(),
            events_recorded=stats.recorded,
            events_dropped=stats.dropped,
            events_failed=stats.failed + stats.invalid,
            refreshed_at=self._routes.refreshed_at,
        )

    def reload(self, model: str, environment: str) -> RouteStatus:
        """Load what serves again from the store, verifying every byte anew; what is refused leaves the old one serving.

        Raises:
            NotFound: nothing serves for the model there, or somebody else serves it (`served_elsewhere`).
            Unavailable: the version was refused, with the reason's code.
        """
        self.start()
        self._routes.refresh()
        _check_here(self._routes.find(model, environment))
        self._routes.refresh(anew=(environment, model))
        route = self._routes.find(model, environment)
        refusal = self._routes.refusal_of(route)
        if refusal is not None:
            raise Unavailable(refusal.reason, code=refusal.code, hint=_goes_on(route), details={"refused": True})
        return route.status()

    def describe(self, model: str, environment: str, number: int | None = None) -> Loaded:
        """Return what serves, for its metadata.

        Raises:
            NotFound: the model or version does not serve there.
        """
        self.start()
        return self._pick(model, environment, number, "")[0]

    def predict(
        self, model: str, environment: str, asked: InferenceRequest, *, request_id: str = "", number: int | None = None
    ) -> Answered:
        """Predict, and record one event a row.

        Raises:
            NotFound: the model or version does not serve there.
            InvalidInput: the request breaks the model's contract (code `contract_violation`); recorded as rejected. Or
                it claims to be of the future or has no id that could be kept (`tensor_malformed`).
        """
        now = self._clock.now()
        check_time(asked, now)
        check_id(request_id, "the header x-request-id")
        self.start()
        started = time.perf_counter()
        chosen_id = request_id or asked.id or f"req-{secrets.token_hex(12)}"
        loaded, variant = self._pick(model, environment, number, chosen_id)
        common: dict[str, Any] = {
            "ts": asked.at or now,
            "model": model,
            "version": loaded.number,
            "environment": environment,
            "variant": variant.value,
            "request_id": chosen_id,
        }
        try:
            _check_contract(loaded, asked)
            predictions = loaded.onnx.predict(_arrays(asked.columns))
        except ClearanceError as error:
            status = "rejected" if isinstance(error, InvalidInput) and error.code != "inference_failed" else "error"
            rejected = {**common, "row": 0, "latency_ms": _since(started), "status": status, "error": error.code}
            self._recorder.record(cast("TelemetryEvent", rejected))
            raise
        self._record(common, asked, predictions, _since(started))
        return Answered(loaded, variant, chosen_id, predictions)

    def _record(
        self, common: Mapping[str, Any], asked: InferenceRequest, predictions: Predictions, latency_ms: float
    ) -> None:
        names = list(asked.columns)
        rows = zip(*asked.columns.values(), strict=True)
        answers = zip(rows, predictions.label.tolist(), predictions.score.tolist(), strict=True)
        for row, (features, label, score) in enumerate(answers):
            event: dict[str, Any] = {
                **common,
                "row": row,
                "latency_ms": latency_ms,
                "status": "ok",
                "features": dict(zip(names, features, strict=True)),
                "prediction": label,
                "score": score,
            }
            self._recorder.record(cast("TelemetryEvent", event))

    def _pick(self, model: str, environment: str, number: int | None, request_id: str) -> tuple[Loaded, Variant]:
        route = self._routes.find(model, environment)
        sides = {Variant.STABLE: route.stable, Variant.CANDIDATE: route.candidate}
        if number is None:
            weight = route.pointer.weight if route.candidate is not None else 0.0
            variant = choose(request_id, weight)
            loaded = sides[variant]
        else:
            variant = next((side for side, each in sides.items() if each and each.number == number), Variant.STABLE)
            loaded = sides[variant]
            if loaded is None or loaded.number != number:
                raise NotFound(
                    f"{model}/{number} does not serve in {environment}",
                    code="version_not_serving",
                    hint=f"leave the version out, or see `GET /v2/models/{model}`",
                )
        if loaded is None:
            _check_here(route)
            refusal = self._routes.refusal_of(route)
            raise Unavailable(
                f"{model}/{route.pointer.stable} was refused: {refusal.reason if refusal else 'it is not loaded'}",
                code="version_refused",
                hint=f"`clearance rollback {model}` goes back to the last good version",
            )
        return loaded, variant


def _check_contract(loaded: Loaded, asked: InferenceRequest) -> None:
    if loaded.contract is None:
        return
    declared = {field.name: field.datatype for field in loaded.contract.inputs}
    broken = [Violation(field=name, rule="datatype", message=what) for name, what in check_datatypes(asked, declared)]
    broken = broken or list(violations(loaded.contract, asked.columns))
    if broken:
        raise InvalidInput(
            broken[0].message + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""),
            code="contract_violation",
            hint=f"GET /v2/models/{loaded.model} says what it takes",
            details={"violations": [{"field": each.field, "rule": each.rule, "row": each.row} for each in broken]},
        )


def _arrays(columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    import numpy as np

    made: dict[str, Any] = {}
    for name, column in columns.items():
        plain = not column or isinstance(column[0], str) or None in column
        made[name] = np.asarray(column, dtype=object) if plain else np.asarray(column)
    return made


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _check_here(route: Route) -> None:
    """Refuse what only somebody else can answer: an endpoint, or an image that runs elsewhere (`served_elsewhere`)."""
    if route.elsewhere is not None:
        raise NotFound(
            f"{route.pointer.model}/{route.pointer.stable} is served elsewhere: {route.elsewhere}",
            code="served_elsewhere",
            hint="ask there; record what it answers with the recorder, so that it is watched like every other",
        )


def _goes_on(route: Route) -> str:
    if route.stable is None:
        return f"nothing serves; `clearance rollback {route.pointer.model}` goes back to the last good version"
    return f"{route.stable.model}/{route.stable.number}, as it was loaded before, goes on serving"
