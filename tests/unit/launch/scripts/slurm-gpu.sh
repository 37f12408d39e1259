#!/usr/bin/env bash
#SBATCH --job-name=agebo
#SBATCH --nodes=2
#SBATCH --exclusive
#SBATCH --gres=gpu:8
#SBATCH --time=02:00:00
#SBATCH --signal=B:USR2@60
#SBATCH --requeue
#SBATCH --output=%x-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu
# site         slurm-gpu: Any GPU cluster with Slurm, here with 8 A100 a node; what there is is counted on the node
# ranks        no rank lives on: 1 manager, and steps of at most 8 processes on 16 slots (8 on each of 2 nodes)
# groups       2 worker groups: 2 of 8; an evaluation has at most 8 processes
# cores        8 x 8 of 64 cores used on each node, 0 idle; 8 GPUs, one for each slot
# evaluations  about 175 in 2.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 6.3 of 512 GiB on a node (0.7 a rank, data set not known)
# disk         about 8 MiB of run directory
# example      a node of 64 cores and 8 GPUs; the job counts what its nodes have
set -euo pipefail

# slurm-gpu: Any GPU cluster with Slurm, here with 8 A100 a node; what there is is counted on the node
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpirun}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-"${SLURM_GPUS_ON_NODE:-8}"}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_EXECUTOR=steps
export AGEBO_CONTINUE=requeue
export AGEBO_WALLTIME=7200

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job /data/covertype.h5 --max-evals 2000 --fix batch_size=256
