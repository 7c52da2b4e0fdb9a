"""The ViTALiTy simulator from Python: a thin layer over the program `vitality`, in the names of its options.

    import vitality
    vitality.run("vitality", "deit_tiny", numerics="off")                        # totals, as a DataFrame
    vitality.run("vitality", "tiny_vit", table="layers", set={"precision": "int8"})
    vitality.compare(["vitality", "sanger"], ["tiny_vit"])
    vitality.sweep("spec.json", "out/points")
    vitality.evaluate("fashion_vit", weights, images, labels)
    search = vitality.Search(spec, "out/search")                                 # ask and tell

Errors of the program are exceptions with its message and exit code (VitalityError). docs/python.md has the whole story.
"""

from .program import (BadInput, Failed, Infeasible, Interrupted, OutsideTolerance, VitalityError, find_program, version)
from .search import Point, Row, Search, Searcher
from .tables import compare, evaluate, read_table, report, run, run_result, run_tables, sweep

__all__ = [
    "BadInput", "Failed", "Infeasible", "Interrupted", "OutsideTolerance", "Point", "Row", "Search", "Searcher",
    "VitalityError", "compare", "evaluate", "find_program", "read_table", "report", "run", "run_result", "run_tables", "sweep",
    "version",
]
