"""What simple models reach stands beside the best network wherever that is shown."""

import json
import math
import re
import shutil

import pytest

from agebo_hpc import AgEBOClassifier
from agebo_hpc.baselines.kept import FILE_NAME as KEPT_NAME
from agebo_hpc.baselines.kept import read_kept
from agebo_hpc.baselines.record import FILE_NAME, NAMES, read_baselines

OF_SEARCH = ("baselines.json", "status.json", "log.txt", "journal.jsonl")


@pytest.fixture(scope="module")
def run(tmp_path_factory, agebo, tiny_dataset):
    """Return the directory of a search that measured them, with what it printed."""
    out = tmp_path_factory.mktemp("runs") / "run"
    done = agebo(
        "search", tiny_dataset, "--out", out, "--baselines", "--preset", "v1-small",
        "--max-evals", "2", "--epochs", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out, done.stderr


def test_the_last_progress_line_and_the_log_have_all_three(run):
    out, said = run
    scores = read_baselines(out).scores
    assert list(scores) == list(NAMES) and all(map(math.isfinite, scores.values()))
    text = ", ".join(f"{name} {score:.5g}" for name, score in scores.items())
    assert text in next(line for line in reversed(said.splitlines()) if "best" in line)
    assert f"baselines, accuracy on the validation rows: {text}" in (out / "log.txt").read_text()
    assert json.loads((out / "status.json").read_text())["baselines"] == text


def test_status_analyze_and_retrain_show_them(run, agebo, tmp_path):
    out, _ = run
    known = read_baselines(out)
    shown = agebo("status", out).stdout
    assert f"baselines    {known.text}" in shown
    assert json.loads(agebo("status", out, "--json").stdout)["baselines"] == known.scores
    analyzed = agebo("analyze", out, "--out", tmp_path / "report", "--figures", "none")
    assert f"baselines: {known.text}" in analyzed.stdout
    page = (tmp_path / "report" / "report.html").read_text()
    for name, score in known.scores.items():
        assert f"<em>{name}</em><b>{score:.5g}</b><span>a baseline" in page
    kept = read_kept(out, known.data_fingerprint, known.metric)
    for said in (shown, analyzed.stdout, page, *((out / n).read_text() for n in OF_SEARCH)):
        assert not any(f"{score:.5g}" in said for score in only_there(kept, known))
    trained = agebo("retrain", out, "--epochs", "1")
    assert f"baselines   {known.text}  (accuracy of the validation part)" in trained.stdout
    assert f"            {kept.text}  (accuracy of the test part)" in trained.stdout
    answer = re.search("better than boosting[?] (.*)", trained.stdout)[1]
    assert f"on the {kept.of_rows:,} test rows the network reaches accuracy" in answer
    agebo("analyze", out, "--out", tmp_path / "with", "--figures", "none")
    page = (tmp_path / "with" / "report.html").read_text()
    assert answer.replace(" %", "&nbsp;%") in page and "flatters" in page
    for name, score in kept.scores.items():
        assert f"<em>{name}</em><b>{score:.5g}</b><span>a baseline" in page


def only_there(kept, known):
    """Return the scores on the test rows that are none on the validation rows by chance."""
    shown = {f"{score:.5g}" for score in known.scores.values()}
    return [s for name, s in kept.scores.items() if f"{s:.5g}" not in shown and name != "constant"]


def test_retrain_measures_what_the_search_had_no_time_for(run, agebo, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(run[0], out)
    known, kept = read_baselines(out), (out / KEPT_NAME).read_bytes()
    (out / FILE_NAME).unlink()
    (out / KEPT_NAME).unlink()
    done = agebo("retrain", out, "--out", tmp_path / "model", "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["baselines"] == known.scores and told["verdict"]
    assert (out / KEPT_NAME).read_bytes() == kept
    told = told["scores"]["baselines"]
    assert told["part"] == "test" and told["boosting"]["boosting"] == told["scores"]["boosting"]


def test_a_resume_of_a_complete_search_measures_what_is_missing(run, agebo, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(run[0], out)
    known = read_baselines(out)
    (out / FILE_NAME).unlink()
    assert f"not measured yet: agebo-hpc resume {out}" in agebo("status", out).stdout
    done = agebo("resume", out)
    assert done.returncode == 0, done.stderr
    assert read_baselines(out).scores == known.scores
    assert "not measured" not in done.stderr + agebo("status", out).stdout


def test_a_resume_measures_nothing_anew(run, agebo):
    out, _ = run
    before = (out / FILE_NAME).stat()
    done = agebo("resume", out, "--max-evals", "3")
    assert done.returncode == 0, done.stderr
    after = (out / FILE_NAME).stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert read_baselines(out).text in done.stderr


def test_without_them_and_in_simulations_there_are_none(agebo, tmp_path, tiny_dataset):
    real = ["search", tiny_dataset, "--no-baselines", "--preset", "v1-small", "--epochs", "1"]
    made_up = ["search", "--simulate", "lognormal:mean=1,sigma=0.5", "--executor", "simulated",
               "--groups", "2", "--baselines"]  # fmt: skip
    for number, words in enumerate((real, made_up)):
        out = tmp_path / str(number)
        done = agebo(*words, "--out", out, "--max-evals", "1")
        assert done.returncode == 0, done.stderr
        assert not (out / FILE_NAME).exists()
        assert json.loads(agebo("status", out, "--json").stdout)["baselines"] is None
        assert "boosting" not in done.stderr


def test_the_estimator_has_them(tiny_table):
    import pandas as pd

    table = pd.read_csv(tiny_table).drop(columns="amount")[:600]
    asked = {"max_evals": 1, "epochs": 1, "preset": "v1-small", "threads": 1, "random_state": 1}
    fitted = AgEBOClassifier(**asked).fit(table.drop(columns="label"), table["label"])
    assert list(fitted.baselines_) == list(NAMES)
    assert fitted.baselines_["boosting"] > fitted.baselines_["constant"]
