"""A run directory with right checksums and nonsense inside: one line, or a sensible answer."""

import copy
import json
import shutil
import tomllib
from collections import Counter

import numpy as np
import pytest

from agebo_hpc.baselines.kept import Kept, packed
from agebo_hpc.baselines.record import Baseline, Baselines
from agebo_hpc.storage.run_directory import config_text, crc32_of
from agebo_hpc.storage.seal import seal, unseal

VALUES = (
    *(None, True, False, 0, 1, -1, 10**30, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "done", "running", "\ud800", "\x1b[2J", "line\nbreak"),
    *([], [None], [[]], {}, {"a": 1}, [0, 1, 2]),
)
SEARCH = ("--executor", "serial", "--simulate", "lognormal:mean=0.001", "--seed", "3")
COMMANDS = (["status"], ["status", "--json"], ["history"])


def places(value, path=()):
    """Yield the path of every value in plain data but the whole."""
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in list(items):
            yield from places(item, (*path, key))


def mutate(data, rng):
    """Change plain data at one place; return what was done."""
    found = list(places(data))
    path = found[rng.integers(len(found))]
    owner = data
    for key in path[:-1]:
        owner = owner[key]
    if rng.integers(5) == 0:
        del owner[path[-1]]
        return f"{path} gone"
    owner[path[-1]] = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return f"{path} is {owner[path[-1]]!r:.40}"


def change_sealed(file, rng):
    """Change one line of sealed JSON, and seal it again."""
    lines = file.read_bytes().splitlines()
    number = rng.integers(len(lines))
    event = unseal(lines[number])
    done = mutate(event, rng)
    lines[number] = seal(event).rstrip(b"\n")
    file.write_bytes(b"\n".join(lines) + b"\n")
    return f"line {number + 1} {done}"


def change_config(run, rng):
    """Change the configuration, also as the journal knows it."""
    config = tomllib.loads((run / "config.toml").read_text())
    done = mutate(config, rng)
    try:
        text = config_text(config)
    except (TypeError, ValueError, OverflowError):
        return change_config(run, rng)
    (run / "config.toml").write_bytes(text)
    events = [unseal(line) for line in (run / "journal.jsonl").read_bytes().splitlines()]
    for event in events:
        event |= {"config_crc32": crc32_of(text)} if "config_crc32" in event else {}
    (run / "journal.jsonl").write_bytes(b"".join(map(seal, events)))
    return done


FILES = (
    "journal.jsonl",
    "journal.jsonl",
    "status.json",
    "baselines.json",
    "baselines_predictions.json",
    "config.toml",
)


def change(run, rng):
    name = FILES[rng.integers(len(FILES))]
    (run / "journal.copy.jsonl").unlink()
    (run / "history.h5").unlink()
    done = change_config(run, rng) if name == "config.toml" else change_sealed(run / name, rng)
    if rng.integers(6) == 0:
        (run / "config.toml").unlink()
        done += ", without config.toml"
    return f"{name}: {done}"


@pytest.fixture(scope="module")
def made(agebo, tmp_path_factory):
    run = tmp_path_factory.mktemp("made") / "run"
    done = agebo("search", "--out", run, *SEARCH, "--max-evals", "8")
    assert done.returncode == 0, done.stderr
    problem = tomllib.loads((run / "config.toml").read_text())["problem"]
    found = [Baseline(n, 0.5, 1.0, "bounded") for n in ("constant", "linear", "boosting")]
    facts = problem.get("data_fingerprint", ""), problem.get("metric", "")
    Baselines(*facts, tuple(found)).write(run)
    kept = Kept(*facts, "test", 4)
    for each in found:
        kept = kept.with_model(each.name, 0.5, packed(np.zeros((4, 1), np.float32)))
    kept.write(run)
    return run


def check(done, words, what):
    """A sensible end, or one line that says what is wrong."""
    said = f"{what}: {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr, said
    assert "\x1b" not in done.stdout + done.stderr, said
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == bool(done.returncode), said
    assert done.returncode in (0, 65, 78), said
    assert "--json" not in words or done.returncode or json.loads(done.stdout), said


def fuzz(agebo, made, place, number, seed, every):
    ends = Counter()
    for count in range(number):
        rng = np.random.default_rng([seed, count])
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(made, place)
        what = f"case {count}, {change(place, rng)}"
        commands = [*COMMANDS]
        if count % every == 0:
            commands += [["analyze", "--figures", "none", "--out", str(place / "analysis")]]
            commands += [["resume", "--max-evals", "9", "--executor", "serial"]]
        for command, *options in commands:
            words = [command, str(place), *options]
            done = agebo(*words)
            check(done, words, what)
            ends[command, done.returncode] += 1
    return ends


@pytest.mark.parametrize(
    ("number", "every"), [(40, 12), pytest.param(1500, 3, marks=pytest.mark.long)]
)
def test_a_changed_run_is_refused_in_one_line_or_read(agebo, made, tmp_path, number, every):
    ends = fuzz(agebo, made, tmp_path / "run", number, 5, every)
    assert ends["status", 65] > number // 20 and ends["status", 0] > number // 5, ends
