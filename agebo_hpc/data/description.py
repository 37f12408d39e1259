"""What a prepared data set holds, as plain data: for `data info`, its JSON and other readers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from agebo_hpc.data.dataset import DataSet
from agebo_hpc.data.encoders import DateEncoder, Encoder, NumericEncoder
from agebo_hpc.data.file_format import FORMAT
from agebo_hpc.data.splits import PARTS
from agebo_hpc.data.target import RealCoding


def describe(data: DataSet) -> dict[str, Any]:
    """Return everything `data info` shows.

    Returns
    -------
    dict
        Plain JSON data: file and format, task and target, rows of each part, inputs as ranges
        of features, columns with kind, encoding and features, columns of codes with the number of
        codes and of levels that are too rare for one, columns that are not used and why,
        what each column of the table is (None in files of older versions), classes with rows of
        each part or mean and deviation of a real target, whether the arrays have checksums, and
        what should be known before the data are used.
    """
    return {
        "path": str(data.path),
        "bytes": data.path.stat().st_size,
        "format": FORMAT,
        "format_version": data.schema["format_version"],
        "agebo_hpc_version": data.agebo_hpc_version,
        "created": data.created,
        "fingerprint": data.fingerprint,
        "name": data.name,
        "task": data.task,
        "target": data.target,
        "rows": dict(data.num_rows),
        "split": data.schema["split"],
        "split_by": data.split.to_dict(),
        "split_text": data.split_text,
        "split_details": data.split.details(),
        "seed": data.schema["seed"],
        "num_features": data.num_features,
        "inputs": [asdict(item) for item in data.inputs],
        "num_outputs": data.num_outputs,
        "columns": [_column(encoder) for encoder in data.preprocessing.encoders],
        "codes": [
            {
                "name": code.name,
                "column": code.column,
                "codes": code.size,
                "levels_without_code": code.num_shared,
            }
            for code in data.preprocessing.codes
        ],
        "not_used": dict(data.preprocessing.dropped),
        "table": data.schema.get("columns"),
        **_target(data),
        "checksums": data.has_checksums,
        "remarks": data.remarks,
    }


def _column(encoder: Encoder) -> dict[str, Any]:
    levels = getattr(encoder, "levels", None)
    return {
        "name": encoder.column,
        "kind": encoder.kind,
        "encoding": encoder.encoding,
        "features": len(encoder.features),
        "levels": len(levels) if levels is not None else None,
        "missing_in_training": _missing(encoder),
    }


def _missing(encoder: Encoder) -> bool:
    if isinstance(encoder, NumericEncoder):
        return encoder.indicator
    if isinstance(encoder, DateEncoder):
        return any(part.indicator for part in encoder.parts.values())
    return None in encoder.levels


def _target(data: DataSet) -> dict[str, Any]:
    coding = data.preprocessing.target
    if isinstance(coding, RealCoding):
        return {"target_mean": coding.mean, "target_deviation": coding.scale}
    counts = data.schema["class_counts"]
    return {
        "classes": [
            {"label": label, **{part: counts[part][i] for part in PARTS}}
            for i, label in enumerate(coding.labels)
        ]
    }
