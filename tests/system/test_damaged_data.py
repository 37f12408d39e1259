"""Commands on a damaged data set: one line that names the part, code 65, and nothing made."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from agebo_hpc.data.file_format import read_prepared

TINY = ["--preset", "v1-small", "--epochs", "1", "--max-evals", "1", "--processes", "1"]


@pytest.fixture
def damaged(tiny_dataset, tmp_path):
    """Return a function that gives a copy with one bit of an array flipped."""

    def flip(name):
        path = tmp_path / "damaged.h5"
        shutil.copy(tiny_dataset, path)
        extent = read_prepared(path)[1][name]
        content = bytearray(path.read_bytes())
        content[extent.offset + extent.num_bytes // 2] ^= 1
        path.write_bytes(bytes(content))
        return path

    return flip


def check(done, part):
    assert done.returncode == 65, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and f"is damaged: {part} " in errors[0], done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("executor", ["serial", "steps"])
def test_a_search_is_refused(agebo, damaged, tmp_path, executor):
    data = damaged("train/x")
    check(
        agebo("search", data, "--out", tmp_path / "run", *TINY, "--executor", executor), "train/x"
    )
    assert not (tmp_path / "run").exists()


def test_ranks_of_mpirun_refuse_it_together(mpirun, damaged, tmp_path):
    words = ["search", damaged("validation/x"), "--out", tmp_path / "run", *TINY]
    check(mpirun(3, ["-m", "agebo_hpc", *words]), "validation/x")


def test_validation_labels_are_looked_at_before_anything_else(agebo, damaged, tmp_path):
    check(
        agebo("search", damaged("validation/y"), "--out", tmp_path / "run", *TINY), "validation/y"
    )
    check(agebo("data", "info", damaged("validation/y")), "validation/y")


def test_a_search_of_a_part_that_it_never_reads_goes_on_and_retrain_tells(
    agebo, damaged, tmp_path
):
    data, run = damaged("test/x"), tmp_path / "run"
    done = agebo("search", data, "--out", run, *TINY)
    assert done.returncode == 0, done.stderr
    check(agebo("retrain", run, "--out", tmp_path / "model"), "test/x")
    assert not (tmp_path / "model").exists()
    with h5py.File(data, "r+") as file:
        schema = json.loads(file["schema"][()])
        schema["seed"] += 1
        del file["schema"]
        file["schema"] = json.dumps(schema)
    done = agebo("resume", run, "--max-evals", "2")
    assert done.returncode == 65 and "description is not what was written" in done.stderr


def test_a_constant_validation_target_is_said_and_no_search_starts(agebo, tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": rng.normal(size=60), "y": 0.0})
    frame.loc[:3, "y"] = [1.0, 2.0, 3.0, 4.0]
    frame.to_csv(tmp_path / "t.csv", index=False)
    for seed in range(30):
        words = ["--target", "y", "--task", "regression", "--seed", seed, "--force"]
        out = tmp_path / "d.h5"
        done = agebo("data", "prepare", tmp_path / "t.csv", *map(str, words), "--out", out)
        if "'y' is constant in the validation part" in done.stderr:
            break
    assert done.returncode == 0 and done.stderr.count("\n") == 1
    done = agebo("search", out, "--out", tmp_path / "run", *TINY)
    assert done.returncode == 65 and "constant in the validation part" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_file_without_checksums_is_used_with_a_note(agebo, tiny_dataset, tmp_path):
    path = tmp_path / "old.h5"
    shutil.copy(tiny_dataset, path)
    with h5py.File(path, "r+") as file:
        schema = json.loads(file["schema"][()])
        del schema["checksums"]
        del file["schema"]
        file["schema"] = json.dumps(schema)
    done = agebo("search", path, "--out", tmp_path / "run", *TINY)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("carries no checksums") == 1
