#!/usr/bin/env bash
#COBALT -n 8
#COBALT -t 180
#COBALT --jobname agebo
# site         thetagpu: ThetaGPU (ALCF): 8 A100 and 128 cores a node, Cobalt, mpirun of Open MPI
# ranks        65 = 1 manager + 64 trainers (8 on each of 8 nodes; the manager one more rank on the first node)
# groups       8 worker groups: 8 of 8; an evaluation has at most 8 processes
# cores        8 x 16 of 128 cores used on each node, 0 idle; 8 GPUs, one for each slot
# evaluations  about 1064 in 3.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 9.3 of 1024 GiB on a node (0.7 a rank, data 3.00, once)
# disk         about 22 MiB of run directory
set -euo pipefail

# thetagpu: ThetaGPU (ALCF): 8 A100 and 128 cores a node, Cobalt, mpirun of Open MPI
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpirun}
export AGEBO_CORES_PER_NODE=${AGEBO_CORES_PER_NODE:-128}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-8}
agebo_modules() {
    module load conda
}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_CONTINUE=none
export AGEBO_WALLTIME=10800

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job /data/covertype.h5 --max-evals 2000 --fix batch_size=256
