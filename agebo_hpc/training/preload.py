"""All that a training imports, at once: for a process that others are forked from."""

from __future__ import annotations

import gc


def load_libraries() -> None:
    """Import what a training needs, and run nothing. Local."""
    import horovod.tensorflow  # noqa: F401

    import agebo_hpc.data.dataset
    import agebo_hpc.training.data_parallel
    import agebo_hpc.training.engine
    import agebo_hpc.training.rows
    import agebo_hpc.training.runtime  # noqa: F401

    # What was loaded need not be looked through in each child.
    gc.collect()
    gc.freeze()
