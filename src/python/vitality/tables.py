"""The program's commands as functions that return pandas DataFrames."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pathlib
import re
import tempfile
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence, Union

from .program import StrPath, call, option, options

if TYPE_CHECKING:
    import pandas

# A file, the name of one that ships, or its contents as a dict.
Document = Union[StrPath, Mapping[str, Any]]
Values = Mapping[str, object]

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def pandas_or_error() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("tables are pandas DataFrames: install Debian's package python3-pandas") from error
    return pandas


@contextlib.contextmanager
def file_of(document: Document, name: str) -> Iterator[str]:
    """The document's path. A dict is written to a file that is gone afterwards; the files that it names are looked for
    from the working directory."""
    if not isinstance(document, Mapping):
        yield os.fspath(document)
        return
    with tempfile.TemporaryDirectory(prefix="vitality_") as folder:
        path = os.path.join(folder, name + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        yield path


def set_options(values: "Values | None") -> list[str]:
    """`--set key=value` for each of them; True and False as in JSON."""
    words = {True: "true", False: "false"}
    return options("set", [f"{key}={words[value] if isinstance(value, bool) else value}"
                           for key, value in (values or {}).items()])


def read_table(path: StrPath) -> "pandas.DataFrame":
    """A CSV table of the program. A text that begins as a formula would has an apostrophe before it, which is removed;
    empty cells are missing values."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    columns = {name: _column([row[i] for row in rows[1:]]) for i, name in enumerate(rows[0])}
    return pandas_or_error().DataFrame(columns)


def _column(cells: "list[str]") -> "list[object]":
    if all(_INTEGER.fullmatch(cell) for cell in cells if cell):
        return [int(cell) if cell else None for cell in cells]
    if all(_NUMBER.fullmatch(cell) for cell in cells if cell):
        return [float(cell) if cell else None for cell in cells]
    return [cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell or None for cell in cells]


def _run_words(config: str, workload: str, set: "Values | None", mode: str, numerics: str, seed: int, batch: int,
               layers: "str | None", inputs: "StrPath | None", allow_seeded: bool, mapping: "StrPath | None",
               more: Sequence[str]) -> list[str]:
    return ["run", "--config", config, "--workload", workload, *set_options(set), "--mode", mode, "--numerics", numerics,
            "--seed", str(seed), "--batch", str(batch), *option("layers", layers), *option("inputs", inputs),
            *option("allow-seeded", allow_seeded), *option("mapping", mapping), "--quiet", "--progress", "never", *more]


def run_tables(config: Document, workload: Document, *, set: "Values | None" = None, mode: str = "inference",
               numerics: str = "check", seed: int = 1, batch: int = 1, layers: "str | None" = None,
               inputs: "StrPath | None" = None, allow_seeded: bool = False, mapping: "StrPath | None" = None,
               more: Sequence[str] = ()) -> "dict[str, pandas.DataFrame]":
    """Simulates a model on a machine once and returns all its tables: `totals`, `layers`, `units`, and of a training
    step `phases`. Parameters as in `run`."""
    pandas_or_error()
    with file_of(config, "config") as machine, file_of(workload, "workload") as model, \
            tempfile.TemporaryDirectory(prefix="vitality_") as folder:
        call(*_run_words(machine, model, set, mode, numerics, seed, batch, layers, inputs, allow_seeded, mapping,
                         ["--csv", folder, *more]))
        return {path.stem: read_table(path) for path in sorted(pathlib.Path(folder).glob("*.csv"))}


def run(config: Document, workload: Document, *, table: str = "totals", set: "Values | None" = None,
        mode: str = "inference", numerics: str = "check", seed: int = 1, batch: int = 1, layers: "str | None" = None,
        inputs: "StrPath | None" = None, allow_seeded: bool = False, mapping: "StrPath | None" = None,
        more: Sequence[str] = ()) -> "pandas.DataFrame":
    """Simulates a model on a machine: `vitality run`.

    config, workload  a file, a name that ships ("vitality", "deit_tiny"), or the JSON as a dict
    table             "totals" (rows: total, attention), "layers" or "units" (a row each), "phases" (mode "training")
    set               changed values of the config: {"matrix_engine.rows": 32}
    mode              "inference", or "training": one step of forward, backward and update
    numerics          "check": every value is computed on the machine and compared with the reference; "off": time alone
    seed, batch       of random weights and images; images of the run
    layers            only layers whose name matches this pattern
    inputs            folder of .npy tensors; allow_seeded: what it lacks comes from the seed
    mapping           a mapping file
    more              further options of `vitality run`: ["--what-if"]

    Raises BadInput, Infeasible, OutsideTolerance."""
    tables = run_tables(config, workload, set=set, mode=mode, numerics=numerics, seed=seed, batch=batch, layers=layers,
                        inputs=inputs, allow_seeded=allow_seeded, mapping=mapping, more=more)
    if table not in tables:
        raise ValueError(f"table: expected one of {', '.join(tables)}; found {table!r}")
    return tables[table]


def run_result(config: Document, workload: Document, *, set: "Values | None" = None, mode: str = "inference",
               numerics: str = "check", seed: int = 1, batch: int = 1, layers: "str | None" = None,
               inputs: "StrPath | None" = None, allow_seeded: bool = False, mapping: "StrPath | None" = None,
               more: Sequence[str] = ()) -> "dict[str, Any]":
    """The same run's whole result as a dict: the JSON of `run --result` (`vitality schema result`). Needs no pandas."""
    with file_of(config, "config") as machine, file_of(workload, "workload") as model:
        result: dict[str, Any] = json.loads(call(*_run_words(machine, model, set, mode, numerics, seed, batch, layers,
                                                             inputs, allow_seeded, mapping, ["--result", "-", *more])))
        return result


def compare(configs: Sequence[Document], workloads: Sequence[Document], *, set: "Values | None" = None,
            normalize: str = "none", dram: str = "auto", clock: str = "auto", numerics: str = "check", seed: int = 1,
            inputs: Sequence[StrPath] = (), jobs: "int | None" = None, more: Sequence[str] = ()) -> "pandas.DataFrame":
    """Machines side by side, the first is 1.0: `vitality compare`. One row for each workload, machine and scope
    (`attention`, `end_to_end`); a pair that does not fit has its `status` and `reason`.

    normalize    "none", "macs", "area" or "power": resizes the others to the first one's budget
    dram, clock  "own", "first" or "auto": whose memory and clock
    inputs       a folder of tensors for each workload
    jobs         pairs at a time; None: one a core
    Other parameters as in `run`."""
    pandas_or_error()
    with contextlib.ExitStack() as stack:
        machines = [stack.enter_context(file_of(config, "config")) for config in configs]
        models = [stack.enter_context(file_of(workload, "workload")) for workload in workloads]
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vitality_"))
        table = os.path.join(folder, "compare.csv")
        call("compare", *options("config", machines), *options("workload", models), *set_options(set), "--normalize",
             normalize, "--dram", dram, "--clock", clock, "--numerics", numerics, "--seed", str(seed),
             *options("inputs", inputs), *option("jobs", jobs), "--quiet", "--csv", table, *more)
        return read_table(table)


def run_sweep(spec: Document, out: StrPath, *, set: "Values | None" = None, jobs: "int | None" = None,
              more: Sequence[str] = ()) -> None:
    """Runs `vitality sweep`; its tables stand in the folder."""
    with file_of(spec, "spec") as file:
        call("sweep", "--spec", file, "--out", os.fspath(out), *set_options(set), *option("jobs", jobs), "--quiet",
             "--progress", "never", *more)


def stored_sweep(out: StrPath) -> "tuple[dict[str, Any], list[dict[str, Any]]]":
    """What a sweep wrote in its folder: the spec, with ranges expanded, and a dict for each row, in the spec's order."""
    with open(os.path.join(out, "results.json"), encoding="utf-8") as file:
        stored = json.load(file)
    names = ("workload", "status", "reason", "pareto")
    return stored["spec"], [{**point["axes"], **{name: point[name] for name in names if name in point},
                             **point.get("totals", {})} for point in stored["points"]]


def sweep(spec: Document, out: StrPath, *, set: "Values | None" = None, jobs: "int | None" = None,
          more: Sequence[str] = ()) -> "pandas.DataFrame":
    """Simulates the design points of a spec: `vitality sweep`. One row for each design and workload in the spec's order:
    axes, `workload`, `status` ("ok", "infeasible", "failed", "timeout"), `reason`, `pareto`, totals.

    spec  a file, a name that ships, or the spec as a dict (docs/sweeps.md)
    out   folder of the store: points that it has are not simulated again, also after an interruption
    set   changed values of the base config
    jobs  points at a time; None: one a core

    Raises Infeasible where no point is ok, Failed where the environment stopped points."""
    library = pandas_or_error()
    run_sweep(spec, out, set=set, jobs=jobs, more=more)
    frame: "pandas.DataFrame" = library.DataFrame(stored_sweep(out)[1])
    return frame


def evaluate(workload: Document, weights: StrPath, images: StrPath, labels: "StrPath | None" = None, *,
             config: "Document | None" = None, set: "Values | None" = None, attention: Sequence[str] = (),
             mean: "Sequence[float] | float" = 0, std: "Sequence[float] | float" = 1, limit: "int | None" = None,
             machine_images: "int | None" = None, calibrate: "int | None" = None, jobs: "int | None" = None,
             more: Sequence[str] = ()) -> "pandas.DataFrame":
    """Accuracy of a trained model: `vitality evaluate`. One row for each kind of attention in the double reference
    (`where` is "reference"), and with `config` one for the machine ("machine", with cycles and energy).

    weights         folder of the model's tensors
    images, labels  .npy or IDX; without labels there is no accuracy, only agreement
    attention       kinds; none: softmax and the config's
    mean, std       one number, or one a channel
    limit, machine_images, calibrate  how many images: in all, on the machine, for the scales of fixed formats
    Other parameters as in `run`."""
    library = pandas_or_error()

    def channels(values: "Sequence[float] | float") -> str:
        return ",".join(map(repr, values)) if isinstance(values, Sequence) else repr(values)

    with contextlib.ExitStack() as stack:
        model = stack.enter_context(file_of(workload, "workload"))
        machine = None if config is None else stack.enter_context(file_of(config, "config"))
        printed = call("evaluate", "--workload", model, "--weights", os.fspath(weights), "--images", os.fspath(images),
                       *option("labels", labels), *option("config", machine), *set_options(set),
                       *options("attention", attention), "--mean", channels(mean), "--std", channels(std),
                       *option("limit", limit), *option("machine-images", machine_images),
                       *option("calibrate", calibrate), *option("jobs", jobs), "--quiet", "--progress", "never",
                       "--result", "-", *more)
    evaluation = json.loads(printed)["evaluation"]
    rows = [{"where": "reference", "images": evaluation["images"], **kind} for kind in evaluation["kinds"]]
    if "machine" in evaluation:
        rows.append({"where": "machine", **evaluation["machine"]})
    frame: "pandas.DataFrame" = library.DataFrame(
        [{key: value for key, value in row.items() if not isinstance(value, (dict, list))} for row in rows])
    return frame


def report(inputs: Sequence[StrPath], *, html: "StrPath | None" = None, svg: "StrPath | None" = None,
           title: "str | None" = None) -> "list[pathlib.Path]":
    """A page and figures of results, comparisons and folders of sweeps: `vitality report`. Needs no pandas.

    html  the page's file
    svg   a folder for the charts, each as SVG and as PDF (needs gnuplot and pdftocairo); the SVG files are returned"""
    call("report", *[os.fspath(path) for path in inputs], *option("html", html), *option("svg", svg), *option("title", title), "--quiet")
    return [] if svg is None else sorted(pathlib.Path(svg).glob("*.svg"))
