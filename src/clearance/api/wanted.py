"""Which models a query of the API asks for: the fields of the filter are its parameters."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query

from clearance.registry.search_filter import ModelFilter
from clearance.values import takes_fields


@takes_fields(ModelFilter, lambda about: Query(description=about))
def wanted_models(**given: Any) -> ModelFilter:
    """Return which models a query asks for."""
    return ModelFilter(**given)


Wanted = Annotated[ModelFilter, Depends(wanted_models)]
