"""Damage a prepared data set again and again: same scores, or one line and code 65.

    python scripts/bench/damage_prepared_data.py [--number 300] [--seed 1]

Each damage starts from a sound file: a flipped bit (anywhere, in an array, in the codes, in what
HDF5 keeps between arrays), a zeroed or doubled block, a zeroed block of codes, two swapped blocks,
two swapped rows of codes, an end that is cut off, bytes too many, a changed description, an array
of another kind. Then the file is opened, described and
verified, and a fixed network scores each part. The work is done in a child, so that a crash of the
HDF5 library is a result too. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.description import describe
from agebo_hpc.data.file_format import read_prepared
from agebo_hpc.data.network_rows import network_rows
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset
from agebo_hpc.errors import AgeboError

HARMLESS = ("path", "name", "created", "agebo_hpc_version", "bytes")
"""Of a description: what no score depends on."""
PARTS = ("train", "validation", "test")


def make_table(rows: int = 3000) -> pd.DataFrame:
    """Return a table with a column for each kind of encoder and two targets."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=rows) for i in range(8)})
    frame.loc[rng.random(rows) < 0.1, "x0"] = np.nan
    frame["place"] = rng.choice(["north", "south", "east"], rows)
    frame["code"] = [f"c{i}" for i in rng.integers(0, 40, rows)]
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9000, rows), "h")
    frame["kind"] = rng.choice(["a", "b", "c"], rows)
    frame["price"] = frame["x1"] * 3 + rng.normal(size=rows)
    return frame


class Bench:
    """The sound files, and what is known of them."""

    def __init__(self, home: Path) -> None:
        table, self.home = make_table(), home
        self.sound = {}
        for target, other in (("kind", "price"), ("price", "kind")):
            path = home / f"{target}.h5"
            prepare_dataset(table, target, path, PrepareOptions(name="sound", drop=[other]))
            self.sound[target] = (path.read_bytes(), read_prepared(path)[1], look(path))

    def damage(self, number: int, seed: int) -> dict[str, Any]:
        """Do one damage and say what came of it."""
        rng = np.random.default_rng([seed, number])
        target = ("kind", "price")[number % 2]
        content, extents, expected = self.sound[target]
        path = self.home / "damaged.h5"
        path.write_bytes(content)
        kind = list(DAMAGES)[(number // 2) % len(DAMAGES)]
        DAMAGES[kind](path, content, extents, rng)
        return {"number": number, "kind": kind, **outcome(path, expected)}


def outcome(path: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """Return how a damaged file was taken: the same, refused, other scores, or a traceback."""
    try:
        found = look(path)
    except AgeboError as error:
        is_line = error.exit_code == 65 and "\n" not in str(error)
        return {"outcome": "refused" if is_line else "other error", "said": str(error)}
    except Exception:  # noqa: BLE001 (what this program looks for)
        return {"outcome": "traceback", "said": traceback.format_exc()}
    same = json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
    return {"outcome": "the same" if same else "silent", "said": ""}


def look(path: Path) -> dict[str, Any]:
    """Open, describe and verify a file, and score a fixed network on each part."""
    data = open_dataset(path)
    told = {key: value for key, value in describe(data).items() if key not in HARMLESS}
    data.verify(PARTS)
    inputs = data.num_features + len(data.preprocessing.codes)
    kernel = np.random.default_rng(9).normal(size=(inputs, data.num_outputs))
    for part in PARTS:
        rows = getattr(data, part)
        # Codes are whole numbers of any size, and each must count.
        raw = np.arcsinh(network_rows(rows, with_codes=True)[:].astype(np.float64)) @ kernel
        if data.class_labels is None:
            told[f"{part} score"] = float(((raw[:, 0] - rows.y) ** 2).mean())
        else:
            own = raw[np.arange(len(raw)), rows.y]
            told[f"{part} score"] = float((own - np.log(np.exp(raw).sum(axis=1))).mean())
    return told


def _flip(path: Path, content: bytes, extents: Any, rng: Any, place: int | None = None) -> None:
    place = int(rng.integers(len(content))) if place is None else place
    changed = bytes([content[place] ^ (1 << int(rng.integers(8)))])
    path.write_bytes(content[:place] + changed + content[place + 1 :])


def _flip_in_array(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    extent = list(extents.values())[rng.integers(len(extents))]
    _flip(path, content, extents, rng, extent.offset + int(rng.integers(extent.num_bytes)))


def _codes(extents: Any, rng: Any) -> Any:
    return extents[f"{PARTS[rng.integers(len(PARTS))]}/codes"]


def _flip_in_codes(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    extent = _codes(extents, rng)
    _flip(path, content, extents, rng, extent.offset + int(rng.integers(extent.num_bytes)))


def _zero_codes(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    extent = _codes(extents, rng)
    length = min(int(2 ** rng.integers(2, 13)), extent.num_bytes)
    start = extent.offset + int(rng.integers(extent.num_bytes - length + 1))
    path.write_bytes(content[:start] + bytes(length) + content[start + length :])


def _swap_codes(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    with h5py.File(path, "r+") as file:
        codes = file[f"{PARTS[rng.integers(len(PARTS))]}/codes"]
        first, second = (int(row) for row in rng.integers(len(codes), size=2))
        codes[first], codes[second] = codes[second], codes[first]


def _flip_between(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    taken = np.zeros(len(content), bool)
    for extent in extents.values():
        taken[extent.offset : extent.offset + extent.num_bytes] = True
    _flip(path, content, extents, rng, int(rng.choice(np.flatnonzero(~taken))))


def _block(content: bytes, rng: Any) -> tuple[int, int]:
    length = int(2 ** rng.integers(3, 15))
    return int(rng.integers(max(1, len(content) - length))), length


def _zero(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    start, length = _block(content, rng)
    length = min(length, len(content) - start)
    path.write_bytes(content[:start] + bytes(length) + content[start + length :])


def _swap(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    length = int(2 ** rng.integers(3, 13))
    first, second = sorted(int(i) for i in rng.integers(0, len(content) - length, 2))
    second = max(second, first + length)
    one, two = content[first : first + length], content[second : second + length]
    between, rest = content[first + length : second], content[second + length :]
    path.write_bytes(content[:first] + two + between + one + rest)


def _double(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    start, length = _block(content, rng)
    other, _ = _block(content, rng)
    piece = content[start : start + length]
    path.write_bytes((content[:other] + piece + content[other + len(piece) :])[: len(content)])


def _cut(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    path.write_bytes(content[: int(rng.integers(len(content)))])


def _append(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    path.write_bytes(content + rng.bytes(int(rng.integers(1, 9000))))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [path]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [path] * bool(path) + [p for key, item in items for p in _places(item, (*path, key))]


def _edit(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    with h5py.File(path, "r+") as file:
        schema = json.loads(file["schema"][()])
        found = [p for p in _places(schema) if p[0] != "name"]
        chosen = found[rng.integers(len(found))]
        owner = schema
        for key in chosen[:-1]:
            owner = owner[key]
        values = [None, 0, 1, -1, 0.5, "", "x", [], {}, True, 10**30]
        if rng.integers(3):
            owner[chosen[-1]] = values[rng.integers(len(values))]
        else:
            del owner[chosen[-1]]
        del file["schema"]
        file["schema"] = json.dumps(schema)


def _other_array(path: Path, content: bytes, extents: Any, rng: Any) -> None:
    name = list(extents)[rng.integers(len(extents))]
    with h5py.File(path, "r+") as file:
        values = file[name][()]
        others = [
            values[:-1],
            values[::-1],
            values.astype(np.float64),
            values.byteswap(),
            np.roll(values, 1, axis=0),
        ]
        del file[name]
        if rng.integers(6):
            file[name] = others[rng.integers(len(others))]


DAMAGES = {
    "a flipped bit": _flip,
    "a flipped bit in an array": _flip_in_array,
    "a flipped bit in codes": _flip_in_codes,
    "a zeroed block of codes": _zero_codes,
    "two swapped rows of codes": _swap_codes,
    "a flipped bit between arrays": _flip_between,
    "a zeroed block": _zero,
    "two swapped blocks": _swap,
    "a doubled block": _double,
    "an end cut off": _cut,
    "bytes too many": _append,
    "a changed description": _edit,
    "another array": _other_array,
}


def work(first: int, stop: int, seed: int) -> None:
    """Do some damages; a line of JSON for each, at once."""
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(Path(home))
        for number in range(first, stop):
            sys.stdout.write(json.dumps(bench.damage(number, seed)) + "\n")
            sys.stdout.flush()


def run_all(number: int, seed: int) -> list[dict[str, Any]]:
    """Do all damages in children; one that dies has found a crash and is followed by another."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        words = [sys.executable, __file__, "--worker", str(len(found)), str(number), str(seed)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.endswith("}")]
        found += lines
        if len(found) < number:
            crash = {"number": len(found), "kind": "", "outcome": "crash"}
            found.append({**crash, "said": f"code {done.returncode}"})
    return found


def main() -> int:
    """Print the counts; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", type=int, nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(*asked.worker)
        return 0
    began = time.monotonic()
    found = run_all(asked.number, asked.seed)
    sound = ("the same", "refused")
    wrong = [entry for entry in found if entry["outcome"] not in sound]
    for entry in wrong:
        print(f"damage {entry['number']} ({entry['kind']}): {entry['outcome']}\n{entry['said']}")
    counts = Counter((entry["kind"], entry["outcome"]) for entry in found)
    for (kind, end), count in sorted(counts.items()):
        print(f"{kind:<30} {end:<12} {count:>5}")
    ends = Counter(entry["outcome"] for entry in found)
    seconds = time.monotonic() - began
    print(json.dumps({"damages": len(found), **ends, "wrong": len(wrong), "seconds": seconds}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
