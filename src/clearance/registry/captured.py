"""What is asked of captured records, and what came of them; pure."""

from __future__ import annotations

from clearance.registry.contract import ModelContract
from clearance.values import request, value


@request
class NewCapture:
    """Captured records to infer a contract and a baseline from.

    Attributes:
        digest: of uploaded records: JSON lines, CSV or Parquet. Empty: what telemetry holds of the version.
        outputs: columns that the model gave; the others are what it took. Records with `inputs` (or `features`) and `outputs`,
            and events, say it themselves.
        environment: whose telemetry, where that is asked.
        accept: store what was inferred; without it, it is only proposed.
    """

    digest: str = ""
    outputs: tuple[str, ...] = ()
    environment: str = "production"
    accept: bool = False


@value
class Capture:
    """What was inferred from records; `dataset` is the digest of the baseline, empty while it is only proposed."""

    model: str
    number: int
    rows: int
    contract: ModelContract
    dataset: str
    accepted: bool
