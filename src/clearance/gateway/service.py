"""The gateway: keeps what the pointers ask for loaded, answers predictions, and records each of them."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from clearance.access.model import SYSTEM, Principal
from clearance.alarm import Alarm, Severity
from clearance.audit import log
from clearance.audit import store as audit_store
from clearance.audit.events import Event
from clearance.clock import Clock
from clearance.delivery import service as delivery
from clearance.delivery.model import Pointer
from clearance.errors import ClearanceError, InvalidInput, NotFound, Unavailable
from clearance.gateway.loading import Loaded, Loader
from clearance.gateway.model import GatewayStatus, Refusal, RouteStatus, Variant, choose
from clearance.gateway.protocol import InferenceRequest
from clearance.registry.contract import violations
from clearance.sdk.recorder import Recorder
from clearance.storage.database import Transaction

if TYPE_CHECKING:
    from clearance.sdk.events import Event as TelemetryEvent
    from clearance.sdk.onnx import Predictions

logger = logging.getLogger(__name__)
RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
Key = tuple[str, str]

_RECHECK_SECONDS = 60.0
"""Admission can end with time alone (a waiver lapses), so it is checked again although the log says nothing new."""


@dataclass(frozen=True, slots=True)
class _Route:
    pointer: Pointer
    stable: Loaded | None
    candidate: Loaded | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What was predicted, by whom."""

    loaded: Loaded
    variant: Variant
    request_id: str
    predictions: Predictions


class Gateway:
    """Serves predictions of admitted versions.

    What serves is read from the database every `refresh_seconds` in a thread of its own; requests use the last picture
    and never wait for it. Loading fails closed: a version that is refused does not serve, the one before goes on while
    it is still admitted itself, and the refusal is audited and alarms once.
    """

    def __init__(
        self, loader: Loader, recorder: Recorder, raise_alarm: RaiseAlarm, clock: Clock, refresh_seconds: float
    ) -> None:
        self._loader = loader
        self._recorder = recorder
        self._raise_alarm = raise_alarm
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._routes: dict[Key, _Route] = {}
        self._refusals: dict[tuple[str, str, int], Refusal] = {}
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._log_size = -1
        self._checked = 0.0
        self._refreshed_at: datetime | None = None

    def start(self) -> None:
        """Read what serves, and keep reading it."""
        with self._refreshing:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._keep_refreshing, name="gateway-routes", daemon=True)
        self.refresh()
        self._thread.start()

    def close(self) -> None:
        """Stop reading, and send what was recorded."""
        self._closing.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()
        self._recorder.close()

    def refresh(self, *, anew: Key | None = None) -> None:
        """Bring what is loaded to what the pointers ask for.

        Args:
            anew: environment and model to load again from the store although they are loaded.
        """
        with self._refreshing:
            with self._loader.database.read() as tx:
                size = audit_store.size(tx)
                fresh = time.monotonic() - self._checked < _RECHECK_SECONDS
                if size == self._log_size and fresh and anew is None:
                    return
                wanted = [pointer for environment in delivery.environments(tx) for pointer in environment.pointers]
            routes: dict[Key, _Route] = {}
            for pointer in wanted:
                key = (pointer.environment, pointer.model)
                routes[key] = self._route(pointer, self._routes.get(key), again=key == anew)
            self._routes = routes
            self._log_size, self._checked, self._refreshed_at = size, time.monotonic(), self._clock.now()

    def status(self) -> GatewayStatus:
        """Return what is served and what is refused."""
        self.start()
        stats = self._recorder.stats()
        return GatewayStatus(
            routes=tuple(_status(route) for _, route in sorted(self._routes.items())),
            refusals=tuple(self._refusals[key] for key in sorted(self._refusals)),
            events_recorded=stats.recorded,
            events_dropped=stats.dropped,
            events_failed=stats.failed + stats.invalid,
            refreshed_at=self._refreshed_at,
        )

    def reload(self, model: str, environment: str) -> RouteStatus:
        """Load what serves again from the store, verifying every byte anew; what is refused leaves the old one serving.

        Raises:
            NotFound: nothing serves for the model there.
            ClearanceError: the version was refused, with the reason.
        """
        self.start()
        key = (environment, model)
        if key not in self._routes:
            self.refresh()
        self._find(model, environment)
        self.refresh(anew=key)
        route = self._find(model, environment)
        refusal = self._refusals.get((environment, model, route.pointer.stable))
        if refusal is not None:
            raise Unavailable(refusal.reason, code=refusal.code, hint=_goes_on(route), details={"refused": True})
        return _status(route)

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
            InvalidInput: the request breaks the model's contract (code `contract_violation`); recorded as rejected.
        """
        self.start()
        started = time.perf_counter()
        chosen_id = request_id or asked.id or f"req-{secrets.token_hex(12)}"
        loaded, variant = self._pick(model, environment, number, chosen_id)
        common: dict[str, Any] = {
            "ts": asked.at or self._clock.now(),
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
        route = self._find(model, environment)
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
            refusal = self._refusals.get((environment, model, route.pointer.stable))
            raise Unavailable(
                f"{model}/{route.pointer.stable} was refused: {refusal.reason if refusal else 'it is not loaded'}",
                code="version_refused",
                hint=f"`clearance rollback {model}` goes back to the last good version",
            )
        return loaded, variant

    def _find(self, model: str, environment: str) -> _Route:
        route = self._routes.get((environment, model))
        if route is None:
            raise NotFound(
                f"{model[:100]} does not serve in {environment[:100]}",
                code="model_not_serving",
                hint=f"`clearance promote {model[:100]} NUMBER --to {environment[:100]}` puts a version there",
            )
        return route

    def _route(self, pointer: Pointer, before: _Route | None, *, again: bool) -> _Route:
        known = {} if before is None else {each.number: each for each in (before.stable, before.candidate) if each}
        stable = self._take(pointer, pointer.stable, known, again=again)
        if stable is None and before is not None and before.stable is not None:
            stable = self._still_admitted(pointer, before.stable)
        candidate = None if pointer.candidate is None else self._take(pointer, pointer.candidate, known, again=again)
        return _Route(pointer, stable, candidate)

    def _take(self, pointer: Pointer, number: int, known: Mapping[int, Loaded], *, again: bool) -> Loaded | None:
        place = (pointer.environment, pointer.model, number)
        try:
            if number in known and not again:
                with self._loader.database.read() as tx:
                    self._loader.check(tx, pointer.model, number, pointer.environment)
                loaded = known[number]
            else:
                loaded = self._loader.load(pointer.model, number, pointer.environment)
        except ClearanceError as error:
            self._refuse(place, error)
            return None
        self._refusals.pop(place, None)
        return loaded

    def _still_admitted(self, pointer: Pointer, loaded: Loaded) -> Loaded | None:
        """Return what served before, if it may go on: its own decision holds, and it was verified when it was loaded."""
        try:
            with self._loader.database.read() as tx:
                self._loader.check(tx, pointer.model, loaded.number, pointer.environment)
        except ClearanceError:
            return None
        return loaded

    def _refuse(self, place: tuple[str, str, int], error: ClearanceError) -> None:
        known = self._refusals.get(place)
        if known is not None and (known.code, known.reason) == (error.code, error.message):
            return
        environment, model, number = place
        refusal = Refusal(
            model=model,
            number=number,
            environment=environment,
            code=error.code,
            reason=error.message,
            at=self._clock.now(),
        )
        self._refusals[place] = refusal
        logger.error("refused to load %s/%d in %s: %s", model, number, environment, error.message)
        with self._loader.database.write() as tx:
            log.record(
                tx,
                Event.LOAD_REFUSED,
                actor=SYSTEM.name,
                subject=f"model/{model}/{number}",
                data={"environment": environment, "code": error.code, "reason": error.message},
            )
            self._raise_alarm(tx, SYSTEM, _alarm(refusal))

    def _keep_refreshing(self) -> None:
        while not self._closing.wait(self._refresh_seconds):
            try:
                self.refresh()
            except Exception:  # the picture stays as it is, and predictions go on; the next turn tries again
                logger.exception("what serves could not be read")


def _check_contract(loaded: Loaded, asked: InferenceRequest) -> None:
    if loaded.contract is None:
        return
    broken = violations(loaded.contract, asked.columns)
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


def _status(route: _Route) -> RouteStatus:
    return RouteStatus(
        model=route.pointer.model,
        environment=route.pointer.environment,
        wanted=route.pointer.stable,
        serving=route.stable.number if route.stable else None,
        candidate_wanted=route.pointer.candidate,
        candidate_serving=route.candidate.number if route.candidate else None,
        weight=route.pointer.weight,
        digest=route.stable.digest if route.stable else None,
    )


def _goes_on(route: _Route) -> str:
    if route.stable is None:
        return f"nothing serves; `clearance rollback {route.pointer.model}` goes back to the last good version"
    return f"{route.stable.model}/{route.stable.number}, as it was loaded before, goes on serving"


def _alarm(refusal: Refusal) -> Alarm:
    name = f"{refusal.model}/{refusal.number}"
    return Alarm(
        kind="load.refused",
        model=refusal.model,
        environment=refusal.environment,
        severity=Severity.PAGE,
        title=f"The gateway refused to load {name}",
        summary=refusal.reason,
        subject=f"model/{name}",
        labels={"version": str(refusal.number), "code": refusal.code},
    )
