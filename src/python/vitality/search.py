"""Design points for searchers outside of the program: ask and tell over a sweep's store."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Protocol, Sequence

from .program import Infeasible, StrPath
from .tables import Document, pandas_or_error, run_sweep, stored_sweep

if TYPE_CHECKING:
    import pandas

Point = Mapping[str, Any]
"""One value for each axis: {"matrix_engine.rows": 32, "precision": "int8"}."""

Row = Dict[str, Any]
"""A point's axes, `workload`, `status`, `reason`, `pareto`, and the totals where it was simulated."""

_NOTHING_FITS = "clock_mhz < 0"  # read from the config alone, so that no point is simulated


class Searcher(Protocol):
    """Whatever proposes design points."""

    def ask(self, count: int) -> Sequence[Point]:
        """At most `count` points to try next; none ends the search."""

    def tell(self, rows: Sequence[Row]) -> None:
        """What came of the points that were asked for: for each of them, in their order, a row for each workload."""


class Search:
    """A space of designs, and the folder of a sweep that keeps what was simulated of it.

    spec  a sweep spec as a file or a dict. Its sampler does not count, because the searcher takes its place
    out   the folder. After each evaluation its tables hold all points of this search, so that `vitality report` and
          `vitality sweep --export-only` know it. No point is simulated twice: a search begun anew in the same folder,
          with the same seed, goes through what is known and on from there
    jobs  points at a time; None: one a core

    axes        each key's values, of which a searcher chooses; ranges are expanded
    objectives  each objective's name, and "min" or "max"
    rows        all rows so far"""

    def __init__(self, spec: Document, out: StrPath, *, jobs: "int | None" = None) -> None:
        self._spec = _resolved(spec)
        self._out = pathlib.Path(out)
        self._jobs = jobs
        self._designs: list[list[Any]] = []
        self.rows: list[Row] = []
        stored = _read_space(self._spec)
        self.axes: dict[str, list[Any]] = stored["axes"]
        self.objectives: dict[str, str] = stored["objectives"]

    def evaluate(self, points: Iterable[Point]) -> list[Row]:
        """Simulates points, in parallel, and returns for each of them, in their order, a row for each workload. A point
        that does not fit has its `status` and `reason`.

        KeyError for a point that lacks an axis or has one too many; BadInput for a value that the axis does not have."""
        designs = []
        for point in points:
            if set(point) != set(self.axes):
                raise KeyError(f"expected a value for each of {', '.join(self.axes)}; found {', '.join(point) or 'none'}")
            designs.append([point[key] for key in self.axes])
        if not designs:
            return []
        every = self._designs + designs
        with contextlib.suppress(Infeasible):  # none fits: the rows say why
            run_sweep({**self._spec, "sampler": {"kind": "given", "designs": every}}, self._out, jobs=self._jobs)
        self._designs, before = every, len(self.rows)
        self.rows = stored_sweep(self._out)[1]
        return self.rows[before:]

    def run(self, searcher: Searcher, points: int, *, batch: int = 1) -> list[Row]:
        """Asks the searcher for `batch` points at a time, simulates them and tells it their rows, until `points` points
        were asked for or there are no more. Returns all rows so far."""
        left = points
        while left > 0:
            asked = list(searcher.ask(min(batch, left)))
            if not asked:
                break
            searcher.tell(self.evaluate(asked))
            left -= len(asked)
        return self.rows

    def table(self) -> "pandas.DataFrame":
        """All rows so far as a DataFrame."""
        frame: "pandas.DataFrame" = pandas_or_error().DataFrame(self.rows)
        return frame


def _resolved(spec: Document) -> dict[str, Any]:
    """The spec as a dict that is right in any folder: files beside the spec get their whole path."""
    if isinstance(spec, Mapping):
        return dict(spec)
    file = pathlib.Path(spec)
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))

    def place(name: Any) -> Any:
        beside = file.resolve().parent / str(name)
        return os.fspath(beside) if not os.path.exists(str(name)) and beside.is_file() else name

    if "base" in document:
        document["base"] = place(document["base"])
    if isinstance(document.get("workloads"), list):
        document["workloads"] = [place(name) for name in document["workloads"]]
    return document


def _read_space(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec as the program reads it: checked, ranges expanded, defaults filled in."""
    probe = {**spec, "sampler": {"kind": "random", "points": 1}, "constraints": [*spec.get("constraints", []), _NOTHING_FITS]}
    with tempfile.TemporaryDirectory(prefix="vitality_") as folder:
        with contextlib.suppress(Infeasible):
            run_sweep(probe, folder)
        return stored_sweep(folder)[0]
