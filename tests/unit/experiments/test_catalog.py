"""The experiments as data: each can be planned, and each search's words are the command line's."""

import json
from pathlib import Path

import pytest

from agebo_hpc.cli.experiment import experiment
from agebo_hpc.cli.search import search
from agebo_hpc.errors import InputMissingError, UsageError
from agebo_hpc.experiments.backing import Backing, parse_backings
from agebo_hpc.experiments.catalog import EXPERIMENTS, find_experiment
from agebo_hpc.experiments.extras import EXTRAS
from agebo_hpc.experiments.figures import FIGURES
from agebo_hpc.experiments.plan import plan, search_words, slug
from agebo_hpc.experiments.settings import Settings, keep_settings
from agebo_hpc.experiments.shared_options import OWN_SETTINGS, PASSED_ON, SET_FOR_EACH
from agebo_hpc.experiments.variants import VARIANTS, Variant, age
from agebo_hpc.run.options import OPTIONS
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.simulation.recorded.table import read_table

LOGNORMAL = Backing("lognormal", simulate="lognormal:mean=60")
SETTINGS = Settings(walltime=3600.0)


def request_of(words):
    """Return what `agebo-hpc search` would be asked."""
    options = search.make_context("search", [*words, "--out", "run"]).params
    fixed = options.pop("fixed")
    for name in ("resume", "force", "trust"):
        options.pop(name)
    given = {name: value for name, value in options.items() if value is not None}
    return SearchRequest(**{"data": None, **given}), fixed


@pytest.mark.parametrize("largest", [2, 8])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_can_be_planned_and_its_findings_are_about_its_methods(
    name, largest, tmp_path
):
    experiment = find_experiment(name).fitted(largest, workers=128)
    labels = [variant.name for variant in experiment.variants]
    assert len(set(labels)) == len(labels)
    assert not any("{" in label for label in labels)
    assert experiment.baseline in ("", *labels)
    for finding in experiment.findings:
        assert {finding.method, finding.other} <= set(labels)
    assert not find_experiment(name).findings or experiment.findings
    assert set(experiment.figures) <= set(FIGURES)
    assert experiment.extra in ("", *EXTRAS)
    planned = plan(experiment, [LOGNORMAL], SETTINGS, range(1, 4), tmp_path)
    assert len(planned) == 3 * len(labels)
    assert len({search.path for search in planned}) == len(planned)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_is_a_search_that_the_command_line_takes(variant):
    request, fixed = request_of(search_words(variant, LOGNORMAL, SETTINGS, seed=3))
    assert (request.method, request.seed) == (variant.method, 3)
    assert request.processes == variant.choices_of_n(8)
    assert (request.groups, request.slots_per_group) == (128, 8)
    for name, value in variant.options.items():
        assert getattr(request, name.replace("-", "_")) == value
    free = {"batch_size", "learning_rate"} - set(fixed)
    assert free == {"batch_size", "learning_rate"} & set(
        ("batch_size", "learning_rate") if variant.tuned is None else variant.tuned
    )


def test_what_is_not_tuned_has_the_defaults_of_the_backing():
    backing = Backing("x", simulate="lognormal:mean=60", defaults={"batch_size": 64})
    _, fixed = request_of(search_words(age(4), backing, SETTINGS, seed=1))
    assert fixed == {"batch_size": 64, "learning_rate": 0.01}


def test_what_is_fixed_is_fixed_for_every_method():
    settings = Settings(walltime=60.0, fixed={"batch_size": 32})
    for variant in (age(4), Variant("AgEBO")):
        _, fixed = request_of(search_words(variant, LOGNORMAL, settings, seed=1))
        assert fixed["batch_size"] == 32
        assert ("learning_rate" in fixed) == (variant.tuned is not None)


def test_methods_that_need_more_slots_than_a_worker_has_are_left_out():
    experiment = find_experiment("static-data-parallel").fitted(2, workers=1)
    assert [variant.name for variant in experiment.variants] == ["AgE-1", "AgE-2"]
    assert {(f.method, f.other) for f in experiment.findings} == {("AgE-2", "AgE-1")}
    with pytest.raises(UsageError, match="static-data-parallel compares methods.*only AgE-1"):
        find_experiment("static-data-parallel").fitted(1, workers=1)
    with pytest.raises(UsageError, match="--workers 1 .*only AgEBO can be run"):
        find_experiment("scaling").fitted(8, workers=1)


def test_parts_of_the_workers_are_machines_of_their_own(tmp_path):
    experiment = find_experiment("scaling").fitted(8, workers=64)
    planned = plan(experiment, [LOGNORMAL], SETTINGS, [1], tmp_path)
    assert [search.workers for search in planned] == [8, 16, 32, 64, 128]
    real = Settings("mpi", workers=4, max_processes=2, allocation="packed", max_evals=5)
    experiment = find_experiment("scaling").fitted(2, workers=4)
    planned = plan(experiment, [Backing("d", "d.h5")], real, [1], tmp_path)
    assert [search.launcher for search in planned] == [
        ("mpirun", "-n", "3"),
        ("mpirun", "-n", "5"),
        ("mpirun", "-n", "9"),
    ]


def test_the_slots_of_a_part_of_the_machine_are_those_of_the_whole(monkeypatch, tmp_path):
    def threads(cores, workers):
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: range(cores))
        real = Settings("mpi", workers=workers, max_processes=1, max_evals=5)
        experiment = find_experiment("scaling").fitted(1, workers)
        planned = plan(experiment, [Backing("d", "d.h5")], real, [1], tmp_path)
        words = [[*search.words, "--threads-per-slot", ""] for search in planned]
        return [w[w.index("--threads-per-slot") + 1] for w in words]

    assert threads(cores=2, workers=2) == ["1", ""]
    assert threads(cores=8, workers=4) == ["2", "2", ""]
    # Several nodes, or slots that share cores.
    assert threads(cores=2, workers=4) == ["", "", ""]


def test_the_smallest_part_of_few_workers_is_what_the_others_are_compared_with():
    experiment = find_experiment("scaling").fitted(1, workers=2)
    assert experiment.baseline == "AgEBO on 1/2"
    assert {(f.measure, f.method, f.other) for f in experiment.findings} == {
        ("evaluations", "AgEBO", "AgEBO on 1/2"),
        ("minutes_to_baseline", "AgEBO", "AgEBO on 1/2"),
        ("utilisation", "AgEBO", "AgEBO on 1/2"),
    }


def test_other_methods_can_be_compared():
    chosen = find_experiment("mixed").with_methods(["random", "AgEBO"])
    assert ([v.name for v in chosen.variants], chosen.baseline) == (["random", "AgEBO"], "random")
    assert chosen.fitted(8, 128).findings == ()
    with pytest.raises(UsageError, match="--methods has 'AgeBO'; choose among AgEBO, mixed AgE"):
        find_experiment("mixed").with_methods(["AgeBO"])


def test_an_experiment_that_is_not_known_is_refused():
    with pytest.raises(UsageError, match="no experiment 'mixd'; choose among static-data"):
        find_experiment("mixd")


def test_different_labels_have_different_directories():
    labels = [variant.name for variant in VARIANTS] + ["AgEBO on 1/2", "AgEBO on 1/16"]
    assert len({slug(label).lower() for label in labels}) == len(labels)
    assert slug("AgEBO kappa=1.96") == "AgEBO-kappa=1.96"


def test_a_directory_keeps_its_settings(tmp_path):
    keep_settings(tmp_path / "out", SETTINGS)
    keep_settings(tmp_path / "out", SETTINGS)
    with pytest.raises(UsageError, match="have walltime 3600.0; now it is 60.0"):
        keep_settings(tmp_path / "out", Settings(walltime=60.0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"walltime": None}, "need an end"),
        ({"executor": "slurm"}, "--executor is slurm"),
        ({"executor": "serial"}, "--executor serial trains one network"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        Settings(**{"walltime": 60.0, **changes})


def test_a_backing_is_a_data_set_or_a_table_with_its_problems(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("dataset\nprotein_structure\nnew\nnew\n")
    both = parse_backings(f"fcnet:{table}")
    assert [(b.label, b.simulate) for b in both] == [
        ("new", f"fcnet:{table}:new,factor=1"),
        ("protein_structure", f"fcnet:{table}:protein_structure,factor=3"),
    ]
    [one] = parse_backings(f"fcnet:{table}:new,factor=9")
    assert (one.label, one.simulate) == ("new", f"fcnet:{table}:new,factor=9")
    [other] = parse_backings("lognormal:mean=3")
    assert (other.label, other.data) == ("lognormal", None)
    data = tmp_path / "covertype16.h5"
    data.touch()
    [real] = parse_backings(str(data), "v1-small")
    assert (real.label, real.words) == ("covertype16", [str(data), "--preset", "v1-small"])
    recorded = Path(__file__).parents[3] / "scripts" / "tables" / "covertype16.parquet"
    [replayed] = parse_backings(f"recorded:{recorded}")
    words, _, factor = str(replayed.simulate).partition(",factor=")
    assert (replayed.label, words) == ("covertype16", f"recorded:{recorded}")
    seconds = [t.seconds_before + sum(t.seconds) for t in read_table(recorded).trainings]
    assert 27 * 60 / max(seconds) < float(factor) < 27 * 60 / min(seconds)
    [replayed] = parse_backings(f"recorded:{recorded},factor=2")
    assert replayed.simulate == f"recorded:{recorded},factor=2"
    with pytest.raises(InputMissingError, match="no such data set"):
        parse_backings("nowhere.h5")
    with pytest.raises(InputMissingError, match="no table"):
        parse_backings("fcnet:nowhere.parquet")
    with pytest.raises(UsageError, match="name the table's file"):
        parse_backings("fcnet:")


def a_value(record):
    """Return a value of an option that is not its default, as a word."""
    if record.kind is bool:
        return []
    if record.choices:
        return [next(name for name in record.names if name != record.default)]
    texts = {"class_weights": "balanced", "label_smoothing": "0.25", "dropout": "0.25"}
    return [texts.get(record.name, "3")]


@pytest.mark.parametrize("name", PASSED_ON)
def test_what_a_search_accepts_an_experiment_hands_on(name):
    record = OPTIONS[name]
    data = experiment.make_context("experiment", [record.spelling, *a_value(record)]).params
    settings = Settings(walltime=60.0, options={name: data[name]})
    words = search_words(Variant("AgEBO"), LOGNORMAL, settings, seed=1)
    handed_on = search.make_context("search", [*words, "--out", "run"]).params[name]
    assert handed_on == data[name] != record.default


def test_every_option_of_a_search_is_an_experiments_or_follows_from_it():
    assert {*OWN_SETTINGS, *PASSED_ON, *SET_FOR_EACH} == set(OPTIONS)
    known = {each.name for each in experiment.params}
    assert {*OWN_SETTINGS, *PASSED_ON} <= known


def test_a_method_keeps_the_option_that_makes_it():
    settings = Settings(walltime=60.0, options={"kappa": 0.5})
    variant = next(each for each in VARIANTS if each.name == "AgEBO kappa=19.6")
    request, _ = request_of(search_words(variant, LOGNORMAL, settings, seed=1))
    assert request.kappa == 19.6


@pytest.mark.parametrize(
    ("options", "said"),
    [({"kappa": -1.0}, "--kappa is -1.0; give 0 or more"), ({"rank_lifetime": 9.0}, "simulated")],
)
def test_an_option_that_no_search_would_take_is_refused_before_the_first(options, said):
    with pytest.raises(UsageError, match=said):
        Settings(executor="mpi", walltime=60.0, options=options)


def test_searches_of_a_directory_are_alike_in_what_is_handed_on_too(tmp_path):
    keep_settings(tmp_path, Settings(walltime=60.0, options={"kappa": 0.5}))
    keep_settings(tmp_path, Settings(walltime=60.0, options={"kappa": 0.5, "max_memory": 4.0}))
    with pytest.raises(UsageError, match=r"kappa 0.5; now it is 0.001"):
        keep_settings(tmp_path, Settings(walltime=60.0))


def test_settings_of_an_earlier_version_are_read(tmp_path):
    old = {"executor": "simulated", "workers": 128, "walltime": 60.0}
    (tmp_path / "settings.json").write_text(json.dumps(old))
    keep_settings(tmp_path, Settings(walltime=60.0))
    with pytest.raises(UsageError, match="trees 10; now it is 3"):
        keep_settings(tmp_path, Settings(walltime=60.0, options={"trees": 3}))
