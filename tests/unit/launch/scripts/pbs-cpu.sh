#!/usr/bin/env bash
#PBS -N agebo
#PBS -l walltime=01:00:00
#PBS -l select=2:ncpus=32
#PBS -l place=scatter:excl
#PBS -j oe
#PBS -r y
# site         pbs-cpu: Any CPU cluster with PBS; cores are counted on the node
# ranks        9 = 1 manager + 8 trainers (4 on each of 2 nodes; the manager one more rank on the first node)
# groups       2 worker groups: 2 of 4; an evaluation has at most 4 processes
# cores        4 x 8 of 32 cores used on each node, 0 idle
# evaluations  about 42 in 1.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 3.5 of 128 GiB on a node (0.7 a rank, data set not known)
# disk         about 6 MiB of run directory
# example      a node of 32 cores; the job counts what its nodes have
set -euo pipefail

# pbs-cpu: Any CPU cluster with PBS; cores are counted on the node
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpirun}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-0}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_ACTIVATE=/env/bin/activate
export AGEBO_SLOTS_PER_NODE=4
export AGEBO_CONTINUE=none
export AGEBO_WALLTIME=3600

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job
