"""What an alert means and what to do about it, by its kind: the pages, the console and the docs say the same; pure."""

from __future__ import annotations

import shlex
from dataclasses import replace

from clearance.response.model import Alert
from clearance.values import value


@value
class Guidance:
    """What to do about alerts of one kind."""

    kind: str
    says: str
    """What the alert says, in general."""
    means: str
    do: str
    commands: tuple[str, ...] = ()
    """What helps; `{…}` is a fact of the alert."""


RUNBOOK = (
    Guidance(
        kind="rollout_rolled_back",
        says="a rollout was rolled back",
        means="a canary was worse; traffic is back on the stable version already",
        do="nothing is burning: read why, and quarantine the candidate",
        commands=(
            "clearance rollouts show {rollout}",
            'clearance versions quarantine {model} {candidate} --reason "page {alert}"',
        ),
    ),
    Guidance(
        kind="rollout_paused",
        says="a rollout is paused",
        means="the error budget burns too fast",
        do="resume or abort",
        commands=("clearance rollouts resume {rollout}", 'clearance rollouts abort {rollout} --reason "page {alert}"'),
    ),
    Guidance(
        kind="load.refused",
        says="the gateway refused to load a version",
        means=(
            "a byte, signature or decision does not hold; what was loaded before goes on serving, "
            "unless it was quarantined or retired"
        ),
        do="do not restart the server; verify the log; load again after mending, or go back",
        commands=(
            "clearance audit verify",
            "clearance gateway reload {model}{where}",
            'clearance rollback {model}{where} --reason "page {alert}"',
        ),
    ),
    Guidance(
        kind="admission.lapsed",
        says="a version serves, but no decision admits it any more",
        means="it goes on where it is loaded; a server that starts anew refuses it",
        do="decide on it again; roll back if it is denied",
        commands=(
            "clearance policy decide {model} {version}{where}",
            'clearance rollback {model}{where} --reason "page {alert}"',
        ),
    ),
    Guidance(
        kind="drift",
        says="a feature or score has drifted",
        means="the world or a pipeline changed",
        do="look upstream first; in the morning",
        commands=("clearance monitor figures {model} --subject {subject}{where}",),
    ),
    Guidance(
        kind="missing_values",
        says="a feature is missing more often",
        means="a caller stopped sending it, or a join fails",
        do="find the caller",
        commands=("clearance monitor figures {model} --subject {subject}{where}",),
    ),
    Guidance(
        kind="quality",
        says="quality has fallen",
        means="labels say so",
        do="roll back if an older version is better on them",
        commands=(
            "clearance monitor figures {model}{where}",
            'clearance rollback {model}{where} --reason "page {alert}"',
        ),
    ),
    Guidance(
        kind="lineage_schema_changed",
        says="columns that a version uses changed",
        means="a pipeline renamed, removed or retyped what the version was trained on",
        do="ask whoever runs the pipeline; have the column brought back, or retrain",
        commands=("clearance lineage changes",),
    ),
)


class _Facts(dict[str, str]):
    """Facts of an alert, fit for a shell; one that it lacks is left for the reader, as `VERSION`."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def guidance(alert: Alert) -> Guidance | None:
    """Return what to do about an alert, its commands filled in; None for a kind that somebody else raised."""
    found = next((each for each in RUNBOOK if each.kind == alert.kind), None)
    if found is None:
        return None
    named = {**alert.labels, "model": alert.model, "alert": alert.id}
    facts = _Facts({name: shlex.quote(text) for name, text in named.items()})
    facts["where"] = "" if alert.environment == "production" else f" --environment {shlex.quote(alert.environment)}"
    return replace(found, commands=tuple(command.format_map(facts) for command in found.commands))
