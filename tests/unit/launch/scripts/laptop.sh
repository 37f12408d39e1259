#!/usr/bin/env bash
# site         laptop: One machine without a batch system: the script is run as it is
# ranks        3 = 1 manager + 2 trainers (2 on each of 1 node; the manager one more rank on the first node)
# groups       1 worker group: 1 of 2; an evaluation has at most 2 processes
# cores        2 x 2 of 4 cores used on each node, 0 idle
# evaluations  about 5 in 0.50 h, if one takes one process 10 min and slots are busy 94%
# memory       about 2.1 of 16 GiB on a node (0.7 a rank, data set not known)
# disk         about 5 MiB of run directory
# example      a node of 4 cores; the job counts what its nodes have
set -euo pipefail

# laptop: One machine without a batch system: the script is run as it is
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpirun}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-0}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_SLOTS_PER_NODE=2
export AGEBO_THREADS_PER_SLOT=2
export AGEBO_CONTINUE=none
export AGEBO_WALLTIME=1800

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job
