"""Tests that need Horovod are left out, with the reason, where set-up left it out."""

import pytest

from agebo_hpc.training.ways import has_horovod

REASON = "Horovod is not installed, as after `make setup HOROVOD=0`"


def skip_without_horovod(item: pytest.Item) -> None:
    """Skip a test that is marked, or that is asked to train by Horovod, if there is none."""
    asked = getattr(getattr(item, "callspec", None), "params", {})
    by_horovod = "horovod" in [asked.get("way"), asked.get("found")]
    if (by_horovod or item.get_closest_marker("horovod")) and not has_horovod():
        pytest.skip(REASON)
