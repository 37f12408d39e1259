#!/usr/bin/env bash
#SBATCH --job-name=agebo
#SBATCH --nodes=4
#SBATCH --exclusive
#SBATCH --time=03:00:00
#SBATCH --signal=B:USR2@60
#SBATCH --requeue
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --account=ours
# site         slurm-cpu: Any CPU cluster with Slurm; cores are counted on the node
# ranks        33 = 1 manager + 32 trainers (8 on each of 4 nodes; the manager one more rank on the first node)
# groups       4 worker groups: 4 of 8; an evaluation has at most 8 processes
# cores        8 x 4 of 32 cores used on each node, 0 idle
# evaluations  about 532 in 3.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 6.3 of 128 GiB on a node (0.7 a rank, data set not known)
# disk         about 13 MiB of run directory
# example      a node of 32 cores; the job counts what its nodes have
set -euo pipefail

# slurm-cpu: Any CPU cluster with Slurm; cores are counted on the node
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpirun}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-0}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_CONTINUE=requeue
export AGEBO_WALLTIME=10800

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job /data/covertype.h5 --max-evals 2000 --fix batch_size=256
