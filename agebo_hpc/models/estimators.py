"""Where estimators that were pickled before look for their classes."""

from typing import Any

import agebo_hpc


def __getattr__(name: str) -> Any:
    if name not in ("AgEBOClassifier", "AgEBORegressor"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(agebo_hpc, name)
