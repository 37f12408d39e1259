"""All that a training imports, at once: for a process that others are forked from."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agebo_hpc.training.ways import load_horovod

OF_KERAS = ("pandas", "sklearn", "scipy", "joblib", "matplotlib", "PIL")
"""What Keras imports if it is there, for uses that a training has none of."""


def load_libraries(with_horovod: bool) -> None:
    """Import what a training needs, and run nothing. Local.

    Raises
    ------
    LaunchError
        If Horovod cannot be imported.
    """
    load_tensorflow(with_horovod)
    import agebo_hpc.data.dataset
    import agebo_hpc.training.data_parallel
    import agebo_hpc.training.engine
    import agebo_hpc.training.rows
    import agebo_hpc.training.runtime  # noqa: F401

    _keep()


def load_keras() -> None:
    """Import Keras, and what it looks for, for trainers of users. Local."""
    from tensorflow import keras

    # It is imported when it is looked at.
    assert keras.__version__
    _keep()


def _keep() -> None:
    """Let what was loaded not be looked through in each child."""
    gc.collect()
    gc.freeze()


def load_tensorflow(with_horovod: bool) -> None:
    """Import TensorFlow, and Horovod, without what only Keras' users need. Local.

    For a process that only trains: half of the time of the import is that of Keras and of what it
    looks for. Later imports of these are as ever.

    Raises
    ------
    LaunchError
        If Horovod cannot be imported.
    """
    # TensorFlow imports Keras at its end, if it is there; Horovod cannot do without.
    with _without(*OF_KERAS, *(() if with_horovod else ("keras",))):
        import tensorflow  # noqa: F401

        if with_horovod:
            load_horovod()


def load_for_models() -> None:
    """Import TensorFlow and Keras without what Keras looks for. Local.

    For a command that uses models: Keras draws nothing there. Later imports are as ever.
    """
    with _without(*(name for name in OF_KERAS if name != "pandas")):
        from tensorflow import keras

        # It is imported when it is looked at.
        assert keras.__version__


@contextmanager
def uncollected() -> Iterator[None]:
    """Switch the garbage collector off meanwhile: what libraries make while being loaded stays."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Make imports fail of packages that are not loaded yet."""
    blocked = [name for name in names if name not in sys.modules]
    # Python's own way to say that there is no such module.
    sys.modules.update(dict.fromkeys(blocked))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in blocked:
            del sys.modules[name]
