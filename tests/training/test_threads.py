"""A slot has one pool of as many threads as asked for, set before TensorFlow starts."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, os, sys
from agebo_hpc.training.environment import prepare_environment
prepare_environment(int(sys.argv[1]))
from agebo_hpc.training.preload import load_tensorflow
load_tensorflow(with_horovod=False)
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot
configure_tensorflow(Slot(int(sys.argv[1])))
import tensorflow as tf
def threads():
    return len(os.listdir("/proc/self/task"))
before = threads()
a = tf.ones((1024, 1024))
tf.function(lambda: tf.matmul(a, a), autograph=False)()
names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
print(json.dumps([threads() - before, [os.environ[name] for name in names]]))
"""


def started(threads, child_settings):
    """Return how many threads TensorFlow started, and the variables it saw."""
    unset = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    env = {name: value for name, value in child_settings.items() if name not in unset}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(threads)],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads in /proc")
def test_the_pool_of_a_slot_grows_by_exactly_the_threads_asked_for(child_settings):
    counts = {}
    for threads in (1, 2, 8):
        counts[threads], variables = started(threads, child_settings)
        assert variables == [str(threads), str(threads), "1"]
    assert counts[8] - counts[2] == 6
    assert 0 <= counts[2] - counts[1] <= 2
