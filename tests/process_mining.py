"""What pm4py makes of our exports, as JSON: python -W ignore -m tests.process_mining FOLDER STEP…

In a process of its own: it is a program under the AGPL that reads our files, and its imports warn.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pm4py  # type: ignore[import-untyped]
from pm4py.objects.log.obj import EventLog, Trace  # type: ignore[import-untyped]

NAME = "concept:name"


def mined(folder: Path, cut: Sequence[str]) -> dict[str, Any]:
    """The steps and the fitness of each history; the fitness of one without each step of ``cut``; the object-centric
    log's events and objects by type."""
    log = pm4py.read_xes(str(folder / "petitions.xes"), return_legacy_log_object=True)
    model = pm4py.read_pnml(str(folder / "course.pnml"))
    ocel = pm4py.read_ocel2_json(str(folder / "petitions.jsonocel"))
    names = [[event[NAME] for event in trace] for trace in log]
    shortened = []
    for step in cut:
        n = next(n for n, steps in enumerate(names) if step in steps and "petition.Closed" in steps)
        at = names[n].index(step)
        shortened.append(Trace([event for place, event in enumerate(log[n]) if place != at]))
    cases = [trace.attributes[NAME] for trace in log]
    return {
        "steps": dict(zip(cases, names, strict=True)),
        "fitness": dict(zip(cases, _fitness(log, model), strict=True)),
        "cut": dict(zip(cut, _fitness(EventLog(shortened), model), strict=True)),
        "events": ocel.events["ocel:activity"].value_counts().to_dict(),
        "objects": ocel.objects["ocel:type"].value_counts().to_dict(),
    }


def _fitness(log: Any, model: tuple[Any, Any, Any]) -> list[float]:
    aligned = pm4py.conformance_diagnostics_alignments(log, *model)
    return [one["fitness"] for one in aligned]


if __name__ == "__main__":
    print(json.dumps(mined(Path(sys.argv[1]), sys.argv[2:])))
