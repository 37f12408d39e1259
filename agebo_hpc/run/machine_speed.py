"""How fast this machine multiplies matrices: the unit of what networks cost."""

from __future__ import annotations

import time
from functools import cache

import numpy as np

ROWS, WIDTH = 2048, 256
SECONDS = 0.1


@cache
def products_per_second() -> float:
    """Return the floating point operations of float32 products that one core does in a second.

    Measured for `SECONDS`, once in a process; the best counts, since others may use the core
    meanwhile.
    """
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    a, b = (rng.random(shape, np.float32) for shape in ((ROWS, WIDTH), (WIDTH, WIDTH)))
    best = float("inf")
    with threadpool_limits(1):
        a @ b
        end = time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            # Time of the processor: what others do with the core does not count.
            began = time.process_time()
            a @ b
            best = min(best, time.process_time() - began)
    return float(round(2 * ROWS * WIDTH * WIDTH / best))
