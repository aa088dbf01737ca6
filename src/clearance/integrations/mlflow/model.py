"""Models and versions as MLflow's clients see them: stages, and the JSON of the protocol's messages; pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from clearance.integrations.mlflow.artifacts.model import SERVICE, location
from clearance.integrations.mlflow.errors import invalid
from clearance.registry.model import ModelKind, VersionStatus
from clearance.registry.source import SourceKind

PRODUCTION = "production"
STAGING = "staging"
PROMPT_TAG = "mlflow.prompt.is_prompt"
"""The tag by which MLflow tells its prompts from models."""


def is_prompt(tags: Mapping[str, str]) -> bool:
    """Whether tags are those of one of MLflow's prompts."""
    return tags.get(PROMPT_TAG, "false").lower() == "true"


def kind_of(tags: Mapping[str, str]) -> ModelKind:
    """Return what sort of model is created with these tags."""
    return ModelKind.PROMPT if is_prompt(tags) else ModelKind.PREDICTIVE


class Stage(StrEnum):
    """Where MLflow's clients say a version is; in the two that serve is what its environment's pointer names."""

    NONE = "None"
    STAGING = "Staging"
    PRODUCTION = "Production"
    ARCHIVED = "Archived"

    @property
    def environment(self) -> str | None:
        """The environment that the stage stands for, if it stands for one."""
        return {Stage.STAGING: STAGING, Stage.PRODUCTION: PRODUCTION}.get(self)


def parse_stage(text: str) -> Stage:
    """Return the stage that is meant, in whatever case."""
    for stage in Stage:
        if stage.value.lower() == text.lower():
            return stage
    raise invalid(f"Invalid Model Version stage: {text}. Value must be one of {', '.join(Stage)}.")


class ModelRow(NamedTuple):
    """What is read of a model, column by column."""

    name: str
    title: str
    kind: str
    description: str
    created_at: datetime
    updated_at: datetime


class VersionRow(NamedTuple):
    """What is read of a version, column by column; what only MLflow's clients say is None where none did."""

    model: str
    number: int
    title: str
    kind: str
    digest: str
    origin: str
    status: str
    status_reason: str
    created_at: datetime
    created_by: str
    source: str | None
    run_id: str | None
    run_link: str | None
    model_id: str | None
    description: str | None
    stage: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around models and versions: tags by (model, number), aliases and what serves by model."""

    tags: Mapping[tuple[str, int], Mapping[str, str]]
    aliases: Mapping[str, Mapping[str, int]]
    """The version that each alias names now, by model."""
    serving: Mapping[str, Mapping[str, int]]
    base_url: str


def aliases_now(
    given: Mapping[str, Mapping[str, int]],
    serving: Mapping[str, Mapping[str, int]],
    guards: Mapping[str, str],
    prompts: Collection[str],
) -> dict[str, dict[str, int]]:
    """Return what the aliases name that were given: a guarded one names what serves, and nothing where nothing does.

    Nothing is guarded of the models that are prompts.
    """
    found: dict[str, dict[str, int]] = {}
    for model, named in given.items():
        found[model] = now = {}
        for alias in sorted(named):
            guarded = alias in guards and model not in prompts
            number = serving[model].get(guards[alias]) if guarded else named[alias]
            if number is not None:
                now[alias] = number
    return found


def stage_of(row: VersionRow, serving: Mapping[str, int]) -> Stage:
    """Return the stage of a version; one that serves in both environments is in production."""
    if not serving:
        return Stage(row.stage or Stage.NONE)
    for environment, stage in ((PRODUCTION, Stage.PRODUCTION), (STAGING, Stage.STAGING)):
        if serving.get(environment) == row.number:
            return stage
    return Stage(row.stage or Stage.NONE)


def download_uri(row: VersionRow, base_url: str) -> str:
    """Return where a version's files are to be had: here, if they are here, else where it was said that they are.

    Of a copy, that was said of its original: what is told as its source names that, and may name nothing any more.
    It is an address under MLflow's artifact proxy, which its client reads whatever its tracking server is.
    """
    origin = json.loads(row.origin)
    if row.digest and origin["kind"] in {SourceKind.FILES, SourceKind.REFERENCE}:
        return f"{base_url}{SERVICE}/artifacts/{location(row.model, row.number)}"
    return str(origin["uri"]) or row.source or ""


def model_message(row: ModelRow, latest: Iterable[VersionRow], around: Around) -> dict[str, Any]:
    """Return the message of a model with the newest version in each stage."""
    message: dict[str, Any] = {
        "name": row.title,
        "creation_timestamp": milliseconds(row.created_at),
        "last_updated_timestamp": milliseconds(row.updated_at),
    }
    if row.description:
        message["description"] = row.description
    if newest := [version_message(each, around) for each in latest]:
        message["latest_versions"] = newest
    if found := around.tags.get((row.name, 0)):
        message["tags"] = tags_message(found)
    if named := around.aliases.get(row.name):
        message["aliases"] = [{"alias": alias, "version": str(number)} for alias, number in named.items()]
    return message


def version_message(row: VersionRow, around: Around) -> dict[str, Any]:
    """Return the message of a version."""
    message: dict[str, Any] = {
        "name": row.title,
        "version": str(row.number),
        "creation_timestamp": milliseconds(row.created_at),
        "last_updated_timestamp": milliseconds(row.updated_at),
        "user_id": row.created_by,
        "current_stage": stage_of(row, around.serving[row.model]).value,
        "source": row.source or download_uri(row, around.base_url),
        "run_id": row.run_id or "",
        "status": "READY",
        "run_link": row.run_link or "",
    }
    if row.description is not None:
        message["description"] = row.description
    if row.model_id:
        message["model_id"] = row.model_id
    if row.status != VersionStatus.REGISTERED:
        message["status_message"] = f"{row.status}: {row.status_reason}"
    if found := around.tags.get((row.model, row.number)):
        message["tags"] = tags_message(found)
    named = [alias for alias, number in around.aliases[row.model].items() if number == row.number]
    if named:
        message["aliases"] = named
    return message


def tags_message(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the protocol says them."""
    return [{"key": key, "value": text} for key, text in tags.items()]


def milliseconds(at: datetime) -> int:
    """Return milliseconds since 1970."""
    return int(at.timestamp() * 1000)
