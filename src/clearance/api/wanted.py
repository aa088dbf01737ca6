"""Which models a query of the API asks for, each parameter with what the API's description says of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from clearance.registry.model import Lifecycle, ModelKind, Risk
from clearance.registry.search_filter import ModelFilter, ModelSort


def wanted_models(
    search: Annotated[str | None, Query(description="words that must all be there, in part")] = None,
    owner: str | None = None,
    team: str | None = None,
    kind: ModelKind | None = None,
    use_case: str | None = None,
    template: str | None = None,
    risk: Risk | None = None,
    lifecycle: Lifecycle | None = None,
    tag: Annotated[str | None, Query(description="KEY, or KEY=VALUE")] = None,
    assessed: Annotated[bool | None, Query(description="whether the questionnaire was answered")] = None,
    incomplete: Annotated[bool | None, Query(description="whether its newest version lacks part of its story")] = None,
    serving: Annotated[str | None, Query(description="environment where a version serves")] = None,
    alias: Annotated[str | None, Query(description="alias that it has; * for any")] = None,
    sort: ModelSort = ModelSort.NAME,
) -> ModelFilter:
    """Return which models a query asks for."""
    return ModelFilter(
        search=search,
        owner=owner,
        team=team,
        kind=kind,
        use_case=use_case,
        template=template,
        risk=risk,
        lifecycle=lifecycle,
        tag=tag,
        assessed=assessed,
        incomplete=incomplete,
        serving=serving,
        alias=alias,
        sort=sort,
    )


Wanted = Annotated[ModelFilter, Depends(wanted_models)]
