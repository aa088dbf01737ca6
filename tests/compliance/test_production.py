"""What production says of a model is the same whether all of it is read or the end of it."""

from __future__ import annotations

from clearance.compliance import production
from tests.web.showcase import Showcase


def test_the_newest_windows_are_told_as_they_are_among_all(showcase: Showcase) -> None:
    with showcase.parts.database.read() as tx:
        whole = production.read(tx, "car-loan")
        newest = production.read(tx, "car-loan", newest=3)
        more = production.read(tx, "car-loan", newest=1000)
    assert whole is not None
    assert newest is not None
    assert more == whole
    assert len(whole.windows) == whole.total > 3
    assert (newest.windows, newest.total) == (whole.windows[:3], whole.total)
    since = newest.windows[-1].window.start
    for name in ("drift", "auc", "accuracy"):
        late = tuple(each for each in getattr(whole, name) if each.window.start >= since)
        assert getattr(newest, name) == late
    assert newest.drift
    assert whole.drifted
    assert [row.failed for row in whole.windows if row.failed]
