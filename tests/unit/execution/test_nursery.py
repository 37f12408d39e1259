"""The process that forks children for a rank."""

import os
import pickle
import socket
import subprocess
import sys

from agebo_hpc.execution.request import SearchRequest


def test_one_whose_rank_has_gone_meanwhile_ends_without_a_word():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = ["-m", "agebo_hpc.execution.nursery", str(theirs.fileno())]
    nursery = subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[theirs.fileno()],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    ours.close()
    theirs.close()
    request = SearchRequest(None, "run", threads_per_slot=1).to_dict()
    _, said = nursery.communicate(pickle.dumps(request), timeout=120)
    assert nursery.returncode == 0 and said == b""
