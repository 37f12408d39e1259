"""Memory for the data of all trainer ranks of a node, against a copy in each rank.

    python scripts/bench/bench_shared_data.py [DATA.h5] [--megabytes 500] [--ranks 8]

The same ranks run twice: once with the data set mapped, as in a search, once with the arrays read
into each rank's own memory. After the ranks have started, opened the data, touched every page and
trained on all rows (each alone, then all together) the resident data is the sum over the ranks of
the map's proportional share and of the growth of private memory since the start. A copy is the
size of the training and validation arrays. The page cache that a reader fills is not counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from agebo_hpc.data.dataset import open_dataset
from agebo_hpc.data.preparation import PrepareOptions, prepare_dataset

ROOT = Path(__file__).resolve().parents[2]
FEATURES = 64
MODES = ("shared", "own")
MIB = 2**20


def main() -> None:
    """Make the data, run both, print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("data", type=Path, nargs="?", help="prepared data set; default: made up")
    parser.add_argument("--megabytes", type=int, default=500, help="of the made up data set, MiB")
    parser.add_argument("--ranks", type=int, default=8, help="trainer ranks, without the manager")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = asked.data or make_dataset(Path(place) / "made_up.h5", asked.megabytes)
        stages = {mode: run_ranks(path, asked.ranks, mode, Path(place)) for mode in MODES}
        report(asked, array_bytes(path), stages)


def make_dataset(path: Path, megabytes: int) -> Path:
    """Prepare a table of random numbers with two classes; 90 % of it is searched on."""
    rows = megabytes * MIB // (4 * FEATURES)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, FEATURES), np.float32)
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(FEATURES)])
    frame["label"] = np.where(x[:, 0] > x[:, 1], "yes", "no")
    prepare_dataset(frame, "label", path, PrepareOptions(split=(0.8, 0.1, 0.1)))
    return path


def array_bytes(path: Path) -> int:
    """Return the size of what a search reads."""
    dataset = open_dataset(path)
    parts = (dataset.train, dataset.validation)
    return sum(part.x.nbytes + part.y.nbytes for part in parts)


def run_ranks(path: Path, ranks: int, mode: str, place: Path) -> list[list[dict]]:
    """Return the records of each stage, one for each rank."""
    out = place / f"{mode}.json"
    script = Path(__file__).with_name("shared_data_rank.py")
    command = [ROOT / "scripts" / "ranks.sh", ranks + 1, sys.executable, script, path, mode, out]
    subprocess.run([str(word) for word in command], check=True)
    return [list(stage) for stage in zip(*json.loads(out.read_text()), strict=True)]


def report(asked: argparse.Namespace, one_copy: int, stages: dict[str, list]) -> None:
    """Print what each stage holds, and the copies that makes."""
    figures = {
        mode: [summed(stages[mode][0], now, one_copy) for now in stages[mode]] for mode in MODES
    }
    print(f"{asked.ranks} trainer ranks, one copy of the data is {one_copy / MIB:.0f} MiB")
    head = (
        "map, Rss of a rank",
        "map, Pss sum",
        "private, growth",
        "private, peak",
        "copies",
        "seconds",
    )
    print(f"{'data':7} {'stage':16}" + "".join(f"{name:>20}" for name in head))
    for mode in MODES:
        for row in figures[mode]:
            cells = [
                row["map_rss_mib"],
                row["map_pss_mib"],
                row["private_growth_mib"],
                row["peak_mib"],
            ]
            text = "".join(f"{cell:16.0f} MiB" for cell in cells)
            text += f"{row['copies']:20.2f}{row['seconds']:20.2f}"
            print(f"{mode:7} {row['stage']:16}{text}")
    last = {mode: figures[mode][-1]["copies"] for mode in MODES}
    print(
        f"copies at the end: {last['shared']:.2f} shared, {last['own']:.2f} in ranks of their own"
        f" (ratio {last['shared'] / last['own']:.3f})"
    )
    print(json.dumps({"ranks": asked.ranks, "copy_mib": round(one_copy / MIB, 1), **figures}))


def summed(start: list[dict], now: list[dict], one_copy: int) -> dict:
    """Sum up one stage over the ranks."""
    pss = sum(rank["mapping_pss"] for rank in now)
    growth = sum(rank["private"] for rank in now) - sum(rank["private"] for rank in start)
    return {
        "stage": now[0]["stage"],
        "seconds": round(statistics.median(rank["seconds"] for rank in now), 3),
        "map_rss_mib": round(max(rank["mapping_rss"] for rank in now) / MIB, 1),
        "map_pss_mib": round(pss / MIB, 1),
        "map_copied_mib": round(sum(rank["mapping_copied"] for rank in now) / MIB, 1),
        "private_growth_mib": round(growth / MIB, 1),
        "peak_mib": round(sum(rank["peak"] for rank in now) / MIB, 1),
        "copies": round((pss + growth) / one_copy, 3),
    }


if __name__ == "__main__":
    main()
