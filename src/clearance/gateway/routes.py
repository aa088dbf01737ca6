"""What the gateway has loaded: brought to what the pointers ask for, in a thread of its own; refusals are told once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from clearance.access.model import SYSTEM, Principal
from clearance.alarm import Alarm, Severity
from clearance.audit import log
from clearance.audit import store as audit_store
from clearance.audit.events import Event
from clearance.clock import Clock
from clearance.delivery import service as delivery
from clearance.delivery.model import Pointer
from clearance.errors import ClearanceError, Denied, NotFound
from clearance.gateway.loading import Loaded, Loader
from clearance.gateway.model import Refusal, RouteStatus
from clearance.policy.model import Standing
from clearance.storage.complaints import Complaints
from clearance.storage.database import Transaction

logger = logging.getLogger(__name__)
RaiseAlarm = Callable[[Transaction, Principal, Alarm], object]
Key = tuple[str, str]
"""Environment and model."""
Place = tuple[str, str, int]
"""Environment, model and number of a version."""

_RECHECK_SECONDS = 60.0
"""Admission can end with time alone (a waiver lapses), so it is checked again although the log says nothing new."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where requests for a model go."""

    pointer: Pointer
    stable: Loaded | None
    candidate: Loaded | None
    elsewhere: str | None = None
    """Address of the version that the pointer asks for, when it is a black box that somebody else serves."""

    def status(self) -> RouteStatus:
        """Return what is asked for beside what is loaded."""
        return RouteStatus(
            model=self.pointer.model,
            environment=self.pointer.environment,
            wanted=self.pointer.stable,
            serving=self.stable.number if self.stable else None,
            candidate_wanted=self.pointer.candidate,
            candidate_serving=self.candidate.number if self.candidate else None,
            weight=self.pointer.weight,
            digest=self.stable.digest if self.stable else None,
            elsewhere=self.elsewhere,
        )


class Routes:
    """The routes of one gateway.

    What serves is read from the database every `refresh_seconds`; requests use the last picture and never wait for it.
    Loading fails closed: a version that is refused does not serve, and the one before goes on while nobody stopped it.
    What is loaded goes on when only its admission lapses; both are alarms, a refusal is audited too.
    """

    def __init__(self, loader: Loader, raise_alarm: RaiseAlarm, clock: Clock, refresh_seconds: float) -> None:
        self._loader = loader
        self._raise_alarm = raise_alarm
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._routes: dict[Key, Route] = {}
        self._refusals: dict[Place, Refusal] = {}
        self._told: dict[Place, tuple[str, str, datetime]] = {}
        """Code, reason and the move of the pointer that a refusal was written down for."""
        self._began: datetime | None = None
        """When requests were answered by the first picture."""
        self._left: dict[Place, datetime] = {}
        """Since when a version that answered answers no more."""
        self._refreshing = threading.Lock()
        self._closing = threading.Event()
        self._complaints = Complaints()
        self._thread: threading.Thread | None = None
        self._log_size = -1
        self._checked = 0.0
        self.refreshed_at: datetime | None = None

    def start(self) -> None:
        """Read what serves, and keep reading it."""
        with self._refreshing:
            if self._thread is not None:
                return
            self._thread = threading.Thread(target=self._keep_refreshing, name="gateway-routes", daemon=True)
        self.refresh()
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def all(self) -> tuple[Route, ...]:
        """Return every route, in order."""
        return tuple(route for _, route in sorted(self._routes.items(), key=lambda item: item[0]))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return what was refused and is not mended."""
        return tuple(self._refusals[key] for key in sorted(self._refusals))

    def refusal_of(self, route: Route) -> Refusal | None:
        """Return why the version that a route asks for was refused, if it was."""
        return self._refusals.get((route.pointer.environment, route.pointer.model, route.pointer.stable))

    def find(self, model: str, environment: str) -> Route:
        """Return where requests go.

        Raises:
            NotFound: nothing serves for the model there.
        """
        route = self._routes.get((environment, model))
        if route is None:
            raise NotFound(
                f"{model[:100]} does not serve in {environment[:100]}",
                code="model_not_serving",
                hint=f"`clearance promote {model[:100]} NUMBER --to {environment[:100]}` puts a version there",
            )
        return route

    def refresh(self, *, anew: Key | None = None) -> None:
        """Bring what is loaded to what the pointers ask for.

        Args:
            anew: what to load again from the store although it is loaded.
        """
        with self._refreshing:
            with self._loader.database.read() as tx:
                size = audit_store.size(tx)
                fresh = time.monotonic() - self._checked < _RECHECK_SECONDS
                if size == self._log_size and fresh and anew is None:
                    return
                wanted = delivery.all_pointers(tx)
            routes: dict[Key, Route] = {}
            for pointer in wanted:
                key = (pointer.environment, pointer.model)
                routes[key] = self._route(pointer, self._routes.get(key), again=key == anew)
            answered, self._routes = set(_answering(self._routes)), routes
            now = self._clock.now()
            self._left |= dict.fromkeys(answered.difference(_answering(routes)), now)
            self._log_size, self._checked, self.refreshed_at = size, time.monotonic(), now
            self._began = self._began or now

    def _route(self, pointer: Pointer, before: Route | None, *, again: bool) -> Route:
        known = {} if before is None else {each.number: each for each in (before.stable, before.candidate) if each}
        stable = candidate = None
        elsewhere = self._loader.elsewhere(pointer.model, pointer.stable)
        if elsewhere is None:
            stable = self._take(pointer, pointer.stable, known, lambda: self._kept(pointer, before), again=again)
        if pointer.candidate is not None and self._loader.elsewhere(pointer.model, pointer.candidate) is None:
            taken = self._take(pointer, pointer.candidate, known, lambda: stable, again=again)
            candidate = taken if taken is not None and taken.number == pointer.candidate else None
        return Route(pointer, stable, candidate, elsewhere)

    def _take(
        self,
        pointer: Pointer,
        number: int,
        known: Mapping[int, Loaded],
        instead: Callable[[], Loaded | None],
        *,
        again: bool,
    ) -> Loaded | None:
        """Return what answers where a version is asked for: that one, or where it is refused what serves `instead`."""
        try:
            if number in known and not again:
                return self._unless_stopped(pointer, known[number])
            loaded = self._loader.load(pointer.model, number, pointer.environment)
        except ClearanceError as error:
            serving = instead()
            self._refuse(pointer, number, error.code, error.message, serving)
            return serving
        self._accept(pointer, number)
        return loaded

    def _kept(self, pointer: Pointer, before: Route | None) -> Loaded | None:
        """Return what served until now, if it may go on."""
        if before is None or before.stable is None:
            return None
        try:
            return self._unless_stopped(pointer, before.stable)
        except Denied as error:
            self._refuse(pointer, before.stable.number, error.code, error.message, None)
            return None

    def _unless_stopped(self, pointer: Pointer, loaded: Loaded) -> Loaded:
        """Return what was verified when it was loaded.

        Raises:
            Denied: somebody stopped it since.
        """
        with self._loader.database.read() as tx:
            found = self._loader.admit(tx, pointer.model, loaded.number, pointer.environment)
        if found.standing is Standing.STOPPED:
            raise Denied(
                found.reason,
                code="not_admitted",
                hint=f"`clearance rollback {pointer.model}` goes to the last good one",
            )
        if found.standing is Standing.LAPSED:
            with self._loader.database.write() as tx:
                self._raise_alarm(tx, SYSTEM, _lapsed(pointer, loaded.number, found.reason))
        return loaded

    def _refuse(self, pointer: Pointer, number: int, code: str, reason: str, serving: Loaded | None) -> None:
        """Tell that a version was refused, once for each reason and each move of the pointer."""
        place = (pointer.environment, pointer.model, number)
        now = self._clock.now()
        if self._told.get(place) == (told := (code, reason, pointer.moved_at)):
            return
        self._told[place] = told
        refusal = Refusal(
            model=pointer.model,
            number=number,
            environment=pointer.environment,
            code=code,
            reason=reason,
            at=now,
        )
        self._refusals[place] = refusal
        logger.error("refused to load %s/%d in %s: %s", pointer.model, number, pointer.environment, reason)
        with self._loader.database.write() as tx:
            log.record(
                tx,
                Event.LOAD_REFUSED,
                actor=SYSTEM.name,
                subject=f"model/{pointer.model}/{number}",
                data={
                    "environment": pointer.environment,
                    "code": code,
                    "reason": reason,
                    "serving": serving.number if serving else None,
                    "not_since": self._not_since(place) or now,
                },
            )
            self._raise_alarm(tx, SYSTEM, _refused(refusal))

    def _not_since(self, place: Place) -> datetime | None:
        """Return since when this gateway has not answered with a version; None where it did until now, or just begins."""
        return None if place in _answering(self._routes) else self._left.get(place, self._began)

    def _accept(self, pointer: Pointer, number: int) -> None:
        """Tell that a version which was refused before is loaded now: what the log says of its serving goes on from there."""
        place = (pointer.environment, pointer.model, number)
        self._refusals.pop(place, None)
        self._told.pop(place, None)
        subject = f"model/{pointer.model}/{number}"
        with self._loader.database.read() as tx:
            refused = _newest(tx, Event.LOAD_REFUSED, subject, pointer.environment)
            if refused is None or refused < (_newest(tx, Event.LOAD_ACCEPTED, subject, pointer.environment) or 0):
                return
        with self._loader.database.write() as tx:
            data = {"environment": pointer.environment, "refused": refused}
            log.record(tx, Event.LOAD_ACCEPTED, actor=SYSTEM.name, subject=subject, data=data)

    def _keep_refreshing(self) -> None:
        while not self._closing.wait(self._refresh_seconds):
            try:
                self.refresh()
            except Exception as error:  # the picture stays as it is, and predictions go on; the next turn tries again
                if self._complaints.is_new("routes", error):
                    logger.exception("what serves could not be read")


def _answering(routes: Mapping[Key, Route]) -> Iterator[Place]:
    """Yield what is loaded, wherever it answers."""
    for (environment, model), route in routes.items():
        for loaded in filter(None, (route.stable, route.candidate)):
            yield environment, model, loaded.number


def _newest(tx: Transaction, event: Event, subject: str, environment: str) -> int | None:
    """Return the newest leaf of an event about a version in an environment, None if there is none."""
    found = log.entries(tx, subject=subject, event=event, limit=100).items
    return next((entry.index for entry in found if entry.data["environment"] == environment), None)


def _refused(refusal: Refusal) -> Alarm:
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


def _lapsed(pointer: Pointer, number: int, reason: str) -> Alarm:
    name = f"{pointer.model}/{number}"
    return Alarm(
        kind="admission.lapsed",
        model=pointer.model,
        environment=pointer.environment,
        severity=Severity.PAGE,
        title=f"{name} serves, but no decision admits it any more",
        summary=f"{reason}. It goes on until it is rolled back or stopped; after a restart it would be refused.",
        subject=f"model/{name}",
        labels={"version": str(number)},
    )
