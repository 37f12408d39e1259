"""The experiments by name: methods, the table's columns, figures and what was published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agebo_hpc.errors import UsageError
from agebo_hpc.experiments.findings import ABOVE, BELOW, EQUAL, Finding
from agebo_hpc.experiments.variants import (
    AGE_LARGEST,
    AGEBO,
    AGEBO_LR,
    AGEBO_LR_BS,
    MIXED_AGE,
    MIXED_BO,
    RANDOM,
    SYNCHRONOUS,
    VARIANTS,
    Variant,
    age,
    kappa,
    on_part,
)

BEST, EVALUATIONS, UTILISATION = "best_together", "evaluations", "utilisation"
MINUTES, HIGH, REACHED = "minutes", "high_performers", "minutes_to_baseline"
OF_RUNS = (EVALUATIONS, MINUTES, BEST, UTILISATION)


@dataclass(frozen=True)
class Experiment:
    """A comparison of the papers.

    Attributes
    ----------
    name
        Name on the command line.
    title, shows
        Its heading, and what of the papers it repeats.
    variants
        What is run.
    baseline
        Name of the variant whose median result the others have to reach; empty: none.
    columns
        Columns of the table of methods: measures of runs.
    findings
        What was published.
    figures
        Names in `agebo_hpc.experiments.figures.FIGURES`.
    extra
        Name in `agebo_hpc.experiments.extras.EXTRAS` of what else is done; empty: nothing.
    """

    name: str
    title: str
    shows: str
    variants: tuple[Variant, ...]
    baseline: str = ""
    columns: tuple[str, ...] = OF_RUNS
    findings: tuple[Finding, ...] = ()
    figures: tuple[str, ...] = ("comparison",)
    extra: str = ""

    def with_methods(self, names: Sequence[str]) -> Experiment:
        """Return the experiment with other methods than its own.

        Parameters
        ----------
        names
            Names of its own variants or of `VARIANTS`; the first is the baseline where the
            experiment's is not among them.

        Raises
        ------
        UsageError
            If one is not known.
        """
        by_name = {v.name: v for v in (*self.variants, *VARIANTS)}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise UsageError(f"--methods has {unknown[0]!r}; choose among {', '.join(by_name)}.")
        kept = not self.baseline or self.baseline in names
        return replace(
            self,
            variants=tuple(by_name[name] for name in dict.fromkeys(names)),
            baseline=self.baseline if kept else names[0],
        )

    def fitted(self, largest: int, workers: int) -> Experiment:
        """Return the experiment with every label filled in and what cannot be run left out.

        Parameters
        ----------
        largest
            Slots of a worker, the largest n.
        workers
            Number of workers of the experiment, >= 1.

        Raises
        ------
        UsageError
            If fewer methods are left than are to be compared.
        """
        able = [v for v in self.variants if v.choices_of_n(largest) and v.workers(workers)]
        named = {v.label(largest): v for v in able}
        if len(named) < min(2, len(self.variants)):
            raise UsageError(
                f"{self.name} compares methods, and with --workers {workers} and "
                f"--max-processes {largest} only {', '.join(named) or 'none'} can be run; "
                "give more."
            )
        labels = {v.name: label for label, v in named.items()}
        if self.baseline:
            # Few workers have no sixteenth part; the smallest there is takes its place.
            labels.setdefault(self.baseline, next(iter(named)))
        findings = {
            (f.text, f.measure): replace(f, method=labels[f.method], other=labels[f.other])
            for f in self.findings
            if f.method in labels and f.other in labels and labels[f.method] != labels[f.other]
        }
        return replace(
            self,
            variants=tuple(replace(v, name=label) for label, v in named.items()),
            baseline=labels.get(self.baseline, ""),
            findings=tuple(findings.values()),
        )


_EXPERIMENTS = (
    Experiment(
        "static-data-parallel",
        "Data parallelism without tuning",
        "AgEBO-Tabular, Table 1 and Figure 3",
        (age(1), age(2), age(4), AGE_LARGEST),
        baseline="AgE-1",
        columns=(*OF_RUNS, REACHED),
        findings=(
            Finding(
                "more processes make evaluations shorter",
                *(MINUTES, "AgE-{n}", "AgE-1", BELOW),
                paper="26.5 min with n = 1, 3.2 min with n = 8",
            ),
            Finding(
                "and a search evaluates more networks",
                *(EVALUATIONS, "AgE-{n}", "AgE-1", ABOVE),
                paper="632 with n = 1, 4,221 with n = 8",
            ),
            Finding(
                "but with untuned hyperparameters the accuracy suffers at the largest n",
                *(BEST, "AgE-{n}", "AgE-1", BELOW),
                paper="0.918 with n = 1, 0.902 with n = 8",
            ),
            Finding(
                "while a moderate n does no harm",
                *(BEST, "AgE-2", "AgE-1", ABOVE),
                paper="0.918 with n = 1, 0.925 with n = 2 and 4",
            ),
        ),
        figures=("comparison", "evaluations"),
    ),
    Experiment(
        "autotuning",
        "Tuning the data-parallel training",
        "AgEBO-Tabular, Figures 4 and 5",
        (age(1), AGE_LARGEST, AGEBO_LR, AGEBO_LR_BS, AGEBO, RANDOM),
        baseline="AgE-1",
        columns=(*OF_RUNS, HIGH, REACHED),
        findings=(
            Finding(
                "AgEBO ends above AgE-1",
                *(BEST, "AgEBO", "AgE-1", ABOVE),
                paper="0.927 and 0.918",
            ),
            Finding(
                "AgEBO ends above AgE with the largest n",
                *(BEST, "AgEBO", "AgE-{n}", ABOVE),
                paper="0.927 and 0.902",
            ),
            Finding(
                "AgEBO reaches AgE-1's best in a fraction of its time",
                *(REACHED, "AgEBO", "AgE-1", BELOW),
                paper="after 20 of 164 minutes",
            ),
            Finding(
                "AgEBO finds more high-performing architectures than AgE-1",
                *(HIGH, "AgEBO", "AgE-1", ABOVE),
                paper="twice as fast as AgE-n",
            ),
            Finding(
                "tuning the learning rate alone mends much of AgE with the largest n",
                *(BEST, "AgEBO-{n}-LR", "AgE-{n}", ABOVE),
            ),
            Finding(
                "the batch size as well is better than the learning rate alone",
                *(BEST, "AgEBO-{n}-LR-BS", "AgEBO-{n}-LR", ABOVE),
            ),
            Finding(
                "and n as well is better still",
                *(BEST, "AgEBO", "AgEBO-{n}-LR-BS", ABOVE),
            ),
            Finding("AgEBO ends above random search", *(BEST, "AgEBO", "random", ABOVE)),
        ),
        figures=("comparison", "high_performers"),
    ),
    Experiment(
        "vs-automl",
        "One network against gradient boosting",
        "AgEBO-Tabular: AgEBO against AutoGluon",
        (AGEBO,),
        extra="boosting",
    ),
    Experiment(
        "scaling",
        "More workers",
        "AgEBO on 1 to 16 nodes (the second paper's Table 3)",
        (on_part(16), on_part(8), on_part(4), on_part(2), AGEBO),
        baseline="AgEBO on 1/16",
        columns=("workers", *OF_RUNS, REACHED),
        findings=(
            Finding(
                "more workers evaluate more networks",
                *(EVALUATIONS, "AgEBO", "AgEBO on 1/16", ABOVE),
                paper="88 on 1 node, 1,196 on 16",
            ),
            Finding(
                "and reach the small machine's result sooner",
                *(REACHED, "AgEBO", "AgEBO on 1/16", BELOW),
                paper="110 min on 1 node, 6.4 min on 16",
            ),
            Finding(
                "from a quarter of the machine to all of it that time hardly falls",
                *(REACHED, "AgEBO", "AgEBO on 1/4", EQUAL),
                paper="7.0 min on 4 nodes, 6.4 min on 16",
            ),
            Finding(
                "the workers of a large machine are as busy",
                *(UTILISATION, "AgEBO", "AgEBO on 1/16", EQUAL),
                paper="about 94 %",
            ),
        ),
        figures=("comparison", "scaling"),
    ),
    Experiment(
        "mixed",
        "One search for both, or two that work together",
        "the second paper's Figure 7",
        (AGEBO, MIXED_AGE, MIXED_BO),
        baseline="mixed BO",
        columns=(*OF_RUNS, HIGH, REACHED),
        findings=(
            Finding(
                "mixed BO ends below AgEBO",
                *(BEST, "mixed BO", "AgEBO", BELOW),
                paper="0.925 and 0.931",
            ),
            Finding(
                "mixed AgE ends about where AgEBO does",
                *(BEST, "AgEBO", "mixed AgE", EQUAL),
                paper="0.931 both",
            ),
            Finding(
                "AgEBO finds more high-performing architectures than mixed BO",
                *(HIGH, "AgEBO", "mixed BO", ABOVE),
            ),
        ),
        figures=("comparison", "high_performers"),
    ),
    Experiment(
        "exploration",
        "How much the optimiser explores",
        "kappa 0.001 against 1.96 and 19.6 (AgEBO-Tabular, Figure 8)",
        (AGEBO, kappa(1.96), kappa(19.6)),
        baseline="AgEBO kappa=19.6",
        columns=(*OF_RUNS, HIGH, REACHED),
        findings=(
            Finding(
                "kappa 0.001 finds more high-performing architectures than 1.96",
                *(HIGH, "AgEBO", "AgEBO kappa=1.96", ABOVE),
                paper="by one to two orders of magnitude",
            ),
            Finding(
                "kappa 0.001 finds more high-performing architectures than 19.6",
                *(HIGH, "AgEBO", "AgEBO kappa=19.6", ABOVE),
                paper="by one to two orders of magnitude",
            ),
            Finding(
                "kappa 0.001 ends above 19.6",
                *(BEST, "AgEBO", "AgEBO kappa=19.6", ABOVE),
            ),
        ),
        figures=("comparison", "high_performers"),
    ),
    Experiment(
        "sync-async",
        "Waiting for the batch, or for nobody",
        "the second paper's Figure 9",
        (AGEBO, SYNCHRONOUS),
        baseline="AgEBO synchronous",
        columns=(*OF_RUNS, REACHED),
        findings=(
            Finding(
                "asynchronous search keeps the workers busy",
                *(UTILISATION, "AgEBO", "AgEBO synchronous", ABOVE),
                paper="95 % and 26 %",
            ),
            Finding(
                "so it evaluates more networks",
                *(EVALUATIONS, "AgEBO", "AgEBO synchronous", ABOVE),
                paper="759 and 159",
            ),
            Finding(
                "and ends higher",
                *(BEST, "AgEBO", "AgEBO synchronous", ABOVE),
                paper="0.936 and 0.926",
            ),
        ),
        figures=("comparison", "utilisation"),
    ),
    Experiment(
        "hyperparameters",
        "The hyperparameters that are found, by data set",
        "AgEBO-Tabular, Table 3 and the principal components of the best",
        (AGEBO,),
        columns=(*OF_RUNS, "n", "batch_size", "learning_rate"),
        extra="separation",
    ),
)
EXPERIMENTS = {experiment.name: experiment for experiment in _EXPERIMENTS}
"""Every experiment by the name that the command line knows."""


def find_experiment(name: str) -> Experiment:
    """Return an experiment by its name.

    Raises
    ------
    UsageError
        If there is none; the message lists them all.
    """
    if name not in EXPERIMENTS:
        raise UsageError(
            f"There is no experiment {name!r}; choose among {', '.join(EXPERIMENTS)}."
        )
    return EXPERIMENTS[name]
