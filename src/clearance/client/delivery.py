"""Client of delivery: promotions, environments, rollbacks, rollouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from clearance.client.http import Http
from clearance.client.routes import route
from clearance.delivery.model import (
    Alias,
    AliasMove,
    AliasTarget,
    Analysis,
    Environment,
    Move,
    NewPromotion,
    NewRollout,
    Promotion,
    Rollback,
    RollbackRequest,
    Rollout,
    Serving,
    Step,
    Strategy,
    StrategySource,
)
from clearance.errors import InvalidInput
from clearance.registry.model import Reason


class Delivery:
    """What serves, and how it comes to."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def promote(self, model: str, number: int, environment: str = "production") -> Promotion:
        """Decide on a version and let it serve if it is allowed; `moved` is False while it waits, or where it serves already.

        Raises:
            Denied: with the rules that failed in `details`.
        """
        return self._http.post(
            "/promotions", Promotion, NewPromotion(model=model, number=number, environment=environment)
        )

    def environments(self) -> tuple[Environment, ...]:
        """Return the environments in the order of promotion, with what is asked for in each and whether that may serve."""
        return self._http.get("/environments", tuple[Environment, ...])

    def pointers(self, model: str) -> Iterator[Serving]:
        """Yield what is asked for of a model, by environment, and whether it may serve."""
        return self._http.pages(route("/models/{}/pointers", model), Serving)

    def moves(self, model: str, environment: str = "production") -> Iterator[Move]:
        """Yield what has served for a model in an environment, newest first."""
        return self._http.pages(route("/models/{}/moves", model), Move, environment=environment)

    def aliases(self, model: str) -> tuple[Alias, ...]:
        """Return the aliases that were given to versions of a model, by name."""
        return self._http.get(route("/models/{}/aliases", model), tuple[Alias, ...])

    def alias(self, model: str, alias: str) -> Alias:
        """Return what an alias names; a guarded one names what serves in its environment."""
        return self._http.get(route("/models/{}/aliases/{}", model, alias), Alias)

    def set_alias(self, model: str, alias: str, number: int) -> AliasMove:
        """Let an alias name a version; of a guarded one that is a promotion.

        Raises:
            Denied: with the rules that failed in `details`.
        """
        return self._http.put(route("/models/{}/aliases/{}", model, alias), AliasMove, AliasTarget(number=number))

    def delete_alias(self, model: str, alias: str) -> tuple[Alias, ...]:
        """Take an alias away; return those that are left."""
        return self._http.delete(route("/models/{}/aliases/{}", model, alias), tuple[Alias, ...])

    def rollback(self, model: str, reason: str, *, environment: str = "production", to: int | None = None) -> Rollback:
        """Go back to the last good version, or to the one named."""
        body = RollbackRequest(reason=reason, environment=environment, to=to)
        return self._http.post(route("/models/{}/rollback", model), Rollback, body)


class Rollouts:
    """Candidates on their way to all traffic."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def strategies(self) -> tuple[Strategy, ...]:
        """Return the built-in strategies."""
        return self._http.get("/strategies", tuple[Strategy, ...])

    def start(
        self,
        model: str,
        candidate: int,
        *,
        environment: str = "production",
        strategy: str | Path = "canary",
        steps: Sequence[Step] | None = None,
        events_from: datetime | None = None,
    ) -> Rollout:
        """Give an admitted candidate its first share of traffic.

        Args:
            model: name of the model.
            candidate: number of the version.
            environment: where.
            strategy: a built-in one by its name, or the path of a YAML file with one's own.
            steps: replace the strategy's own.
            events_from: analyse events from this time on, when a replay stamps them with the past; else from now on.
        """
        body = NewRollout(
            model=model,
            candidate=candidate,
            environment=environment,
            strategy=_source(strategy) if isinstance(strategy, Path) else strategy,
            steps=None if steps is None else tuple(steps),
            events_from=events_from,
        )
        return self._http.post("/rollouts", Rollout, body)

    def list(self, model: str | None = None, *, active: bool = False) -> Iterator[Rollout]:
        """Yield rollouts, newest first."""
        return self._http.pages("/rollouts", Rollout, model=model, active=active)

    def get(self, rollout_id: str) -> Rollout:
        """Return a rollout with its newest analysis."""
        return self._http.get(route("/rollouts/{}", rollout_id), Rollout)

    def analyses(self, rollout_id: str) -> Iterator[Analysis]:
        """Yield every look at the arms that saw something new, oldest first."""
        return self._http.pages(route("/rollouts/{}/analyses", rollout_id), Analysis)

    def pause(self, rollout_id: str, reason: str) -> Rollout:
        """Keep a rollout at its weight."""
        return self._http.post(route("/rollouts/{}/pause", rollout_id), Rollout, Reason(reason=reason))

    def resume(self, rollout_id: str, reason: str) -> Rollout:
        """Let a paused rollout go on."""
        return self._http.post(route("/rollouts/{}/resume", rollout_id), Rollout, Reason(reason=reason))

    def abort(self, rollout_id: str, reason: str) -> Rollout:
        """Take the candidate out of traffic."""
        return self._http.post(route("/rollouts/{}/abort", rollout_id), Rollout, Reason(reason=reason))

    def reconcile(self, rollout_id: str) -> Rollout:
        """Look at the arms now and do what follows; a server does so every second by itself."""
        return self._http.post(route("/rollouts/{}/reconcile", rollout_id), Rollout)


def _source(path: Path) -> StrategySource:
    try:
        return StrategySource(source=path.read_text(encoding="utf-8"), name=path.name)
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}", code="file_unreadable") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error}", code="file_unreadable") from error
