"""A model of a run, trained again in this program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import UsageError
from agebo_hpc.interface.searching import in_names_of_python
from agebo_hpc.interface.tensorflow import start_tensorflow
from agebo_hpc.run.keywords import refuse_unknown

if TYPE_CHECKING:
    from agebo_hpc.models.bundle import Model
    from agebo_hpc.models.choice import RetrainOptions


@in_names_of_python()
def retrained(
    run: Path,
    out: str | Path | None,
    size: int,
    threads: int | None,
    force: bool,
    given: Mapping[str, Any],
) -> Model:
    """Train the best configurations of a run; see `agebo_hpc.Run.retrain`. Collective."""
    from agebo_hpc.execution.mpi.rank_group import join_rank_group
    from agebo_hpc.models.choice import choose_best, open_data
    from agebo_hpc.models.places import check_model_place

    rank_group = join_rank_group()
    options = rank_group.agree(lambda: _options(given, size))
    last = options.rank + size - 1
    found = rank_group.first(lambda: choose_best(run, last, "size" if size > 1 else "rank"))
    found = found[options.rank - 1 :]
    place = None if out is None else Path(out)
    if place is not None:
        rank_group.first(lambda: check_model_place(place, force))
    is_first_here = rank_group.local_rank == 0
    data = rank_group.agree(lambda: open_data(found[0], options.data, is_first_here))
    rank_group.agree(lambda: start_tensorflow(threads, rank_group))
    way = rank_group.way(options.data_parallel or "auto").name
    from agebo_hpc.models.against_baselines import measure_missing
    from agebo_hpc.models.bundle import save_model
    from agebo_hpc.models.ensemble import make_ensemble
    from agebo_hpc.models.retraining import make_model, train_seeds

    rank_group.first(lambda: measure_missing(found[0], data))
    asked = replace(options, data_parallel=way)
    trainings = [train_seeds(one, data, asked, rank_group.comm) for one in found]

    def finish() -> Model:
        models = [
            make_model(one, data, asked, trained, rank_group.size, score=size == 1)
            for one, trained in zip(found, trainings, strict=True)
        ]
        model = models[0] if size == 1 else make_ensemble(models, data, found[0])
        if place is not None:
            save_model(model, place, force)
        return model

    return rank_group.first(finish)


def _options(given: Mapping[str, Any], size: int) -> RetrainOptions:
    from agebo_hpc.models.choice import RetrainOptions
    from agebo_hpc.versions import installed_versions

    refuse_unknown(given, [item.name for item in fields(RetrainOptions)])
    if size < 1:
        raise UsageError(f"size is {size}; give 1 or more.")
    asked = {"versions": installed_versions(), **given}
    if "seeds" in asked:
        asked["seeds"] = tuple(asked["seeds"] or ())
    return RetrainOptions(**asked)
