"""Processes that know nothing of agebo_hpc and compute what exported models do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

ONNX = """
import onnxruntime

def compute(file, columns):
    return onnxruntime.InferenceSession(file).run(None, columns)

absent = "agebo_hpc", "tensorflow"
"""
KERAS = """
import keras, tensorflow

def compute(file, columns):
    inputs = {
        name.replace("/", "_"): tensorflow.constant(values) for name, values in columns.items()
    }
    if file.endswith(".keras"):
        outputs = keras.models.load_model(file)(inputs)
    else:
        model = tensorflow.saved_model.load(file)  # its variables live as long as it
        outputs = model.serve(inputs)
    return [outputs[name].numpy() for name in sorted(outputs)]

absent = ("agebo_hpc",)
"""
SERVE = """
import pickle, sys

for line in sys.stdin:
    file, place = line.rstrip().split("\t")
    with open(f"{place}/in.pkl", "rb") as told:
        columns = pickle.load(told)
    outputs = compute(file, columns)
    assert not [name for name in sys.modules if name.startswith(absent)]
    with open(f"{place}/out.pkl", "wb") as found:
        pickle.dump(outputs, found)
    print("done", flush=True)
"""


class Elsewhere:
    """A process that knows nothing of agebo_hpc and computes what exported models do.

    Parameters
    ----------
    code
        Python that defines `compute(file, columns)` and the packages that must be `absent`.
    home
        An empty directory.
    """

    def __init__(self, code: str, home: Path) -> None:
        self.said = home / "said.txt"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code + SERVE],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, cwd=home,
            )  # fmt: skip

    def compute(self, file: Path, columns: dict[str, Any], place: Path) -> Any:
        """Return the outputs of a model for columns; files for it go into a directory."""
        pd.to_pickle(columns, place / "in.pkl")
        self.process.stdin.write(f"{file}\t{place}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", self.said.read_text()
        return pd.read_pickle(place / "out.pkl")

    def close(self) -> None:
        """Let it end."""
        self.process.communicate(timeout=60)
