"""Where models were when that was asked last, for whoever has to tell while the database is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from clearance.access.model import Place
from clearance.access.sessions import AWAY_SECONDS

_MOST = 10_000


class Places:
    """Places of models by name, each for as long as a token is taken for good unasked.

    Args:
        monotonic: the clock by which they grow old.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: dict[str, tuple[Place, float]] = {}
        self._keeping = threading.Lock()

    def keep(self, place: Place) -> None:
        """Note where a model is now."""
        if place.model is not None:
            with self._keeping:
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                self._kept[place.model] = (place, self._monotonic())

    def recall(self, model: str) -> Place | None:
        """Return where a model was, None if that was too long ago or never asked."""
        found = self._kept.get(model)
        return found[0] if found is not None and self._monotonic() - found[1] < AWAY_SECONDS else None
