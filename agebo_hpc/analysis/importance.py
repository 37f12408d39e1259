"""Which decisions and hyperparameters the objective depends on, and a map of the best."""

from __future__ import annotations

import numpy as np
import pandas as pd

from agebo_hpc.analysis.best_share import TOP_SHARE, best_share
from agebo_hpc.analysis.features import features
from agebo_hpc.analysis.tables import scored
from agebo_hpc.search.surrogates.objectives import finite_objectives
from agebo_hpc.space.architecture import ArchitectureSpace

MIN_EVALUATIONS = 30
MAX_EVALUATIONS = 2000
"""More of them make the answer slower but no other; a random part is taken."""
NUM_REPEATS = 5


def importance(frame: pd.DataFrame, space: ArchitectureSpace | None = None) -> pd.DataFrame:
    """Estimate how much the objective depends on each variable of a configuration.

    A forest learns the objective from three quarters of the evaluations. On the rest, the values
    of one variable are shuffled among the evaluations: how much of the variance that the forest
    explains is lost is the variable's importance (permutation importance). A search looks at
    good regions only, so this speaks of these, and a choice that the search soon settled can
    seem unimportant.

    Parameters
    ----------
    frame
        History of one run, as `agebo_hpc.read_history` gives it.
    space
        See `agebo_hpc.analysis.features.features`.

    Returns
    -------
    DataFrame
        ``variable``, ``importance`` (loss of explained variance, 1 = all of the variance; about
        0 or below where there is none), ``deviation`` over the shuffles, ``explained`` (share of
        the variance that the forest explains, the same in all rows: little explained means that
        the rest says little); the most important first. No rows with fewer than 30 scored
        evaluations or if all objectives are equal.
    """
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    rows = scored(frame)
    chosen = rng.permutation(len(rows))[:MAX_EVALUATIONS]
    objectives = finite_objectives(rows["objective"].to_numpy()[chosen])
    columns = ["variable", "importance", "deviation", "explained"]
    if len(chosen) < MIN_EVALUATIONS or np.ptp(objectives) == 0:
        return pd.DataFrame(columns=columns)
    found = features(rows.iloc[chosen], space)
    cut = len(chosen) // 4
    forest = ExtraTreesRegressor(100, min_samples_leaf=2, random_state=0)
    forest.fit(found.matrix[cut:], objectives[cut:])
    held, truth = found.matrix[:cut], objectives[:cut]
    explained = r2_score(truth, forest.predict(held))
    table = []
    for name, group in found.groups.items():
        losses = []
        for _ in range(NUM_REPEATS):
            shuffled = held.copy()
            shuffled[:, group] = held[rng.permutation(cut)][:, group]
            losses.append(explained - r2_score(truth, forest.predict(shuffled)))
        table.append((name, float(np.mean(losses)), float(np.std(losses)), explained))
    return pd.DataFrame(table, columns=columns).sort_values(
        "importance", ascending=False, ignore_index=True
    )


def map_of_best(
    runs: dict[str, pd.DataFrame],
    space: ArchitectureSpace | None = None,
    share: float = TOP_SHARE,
    at_least: int = 10,
) -> pd.DataFrame:
    """Lay the best configurations of runs out in a plane (principal components).

    Parameters
    ----------
    runs
        Histories over the same space, by label.
    space
        See `agebo_hpc.analysis.features.features`.
    share, at_least
        See `agebo_hpc.analysis.best_share.best_share`.

    Returns
    -------
    DataFrame
        ``run``, ``evaluation_id``, ``objective``, ``first`` and ``second`` component,
        ``first_share`` and ``second_share`` of the variance (the same in all rows). No rows
        with fewer than three different configurations.
    """
    from sklearn.decomposition import PCA

    best = {label: best_share(frame, share, at_least) for label, frame in runs.items()}
    rows = pd.concat(best, names=["run"]).reset_index("run")
    columns = ["run", "evaluation_id", "objective"]
    matrix = features(rows, space).matrix
    spread = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if len(np.unique(matrix, axis=0)) < 3 or matrix.shape[1] < 2:
        return pd.DataFrame(columns=[*columns, "first", "second", "first_share", "second_share"])
    model = PCA(2, svd_solver="full")
    places = model.fit_transform(matrix)
    return rows[columns].assign(
        first=places[:, 0],
        second=places[:, 1],
        first_share=model.explained_variance_ratio_[0],
        second_share=model.explained_variance_ratio_[1],
    )
