#!/usr/bin/env bash
#PBS -N agebo
#PBS -l walltime=03:00:00
#PBS -A ours
#PBS -l select=10:system=polaris
#PBS -l place=scatter
#PBS -l filesystems=home:eagle
#PBS -k doe
#PBS -j oe
#PBS -r y
# site         polaris: Polaris (ALCF): 4 A100 and 32 cores a node, PBS, mpiexec of PALS
# ranks        40 = 1 manager + 39 trainers (4 on each of 10 nodes; the manager in place of one)
# groups       10 worker groups: 9 of 4 + 1 of 3; an evaluation has at most 4 processes
# cores        4 x 8 of 32 cores used on each node, 0 idle; 4 GPUs, one for each slot
# evaluations  about 648 in 3.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 2.8 of 512 GiB on a node (0.7 a rank, data set not known)
# disk         about 15 MiB of run directory
set -euo pipefail

# polaris: Polaris (ALCF): 4 A100 and 32 cores a node, PBS, mpiexec of PALS
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-mpiexec}
export AGEBO_CORES_PER_NODE=${AGEBO_CORES_PER_NODE:-32}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-4}
export AGEBO_DEVICE_ORDER=${AGEBO_DEVICE_ORDER:-3,2,1,0}
export TMPDIR=${TMPDIR:-/tmp}
export NCCL_NET_GDR_LEVEL=${NCCL_NET_GDR_LEVEL:-PHB}
export NCCL_CROSS_NIC=${NCCL_CROSS_NIC:-1}
export NCCL_COLLNET_ENABLE=${NCCL_COLLNET_ENABLE:-1}
agebo_modules() {
    module use /soft/modulefiles
    module load conda
}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_CONTINUE=none
export AGEBO_WALLTIME=10800

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job /data/covertype.h5 --max-evals 2000 --fix batch_size=256
