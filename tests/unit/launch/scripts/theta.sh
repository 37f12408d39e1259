#!/usr/bin/env bash
#COBALT -n 128
#COBALT -t 180
#COBALT --jobname agebo
#COBALT --attrs mcdram=cache:numa=quad
# site         theta: Theta (ALCF): Cray XC40, one Xeon Phi of 64 cores a node, Cobalt, aprun
# ranks        1,024 = 1 manager + 1,023 trainers (8 on each of 128 nodes; the manager in place of one)
# groups       128 worker groups: 127 of 8 + 1 of 7; an evaluation has at most 8 processes
# cores        8 x 8 of 64 cores used on each node, 0 idle
# evaluations  about 17020 in 3.00 h, if one takes one process 10 min and slots are busy 94%
# memory       about 5.6 of 192 GiB on a node (0.7 a rank, data set not known)
# disk         about 271 MiB of run directory
set -euo pipefail

# theta: Theta (ALCF): Cray XC40, one Xeon Phi of 64 cores a node, Cobalt, aprun
export AGEBO_LAUNCHER=${AGEBO_LAUNCHER:-aprun}
export AGEBO_CORES_PER_NODE=${AGEBO_CORES_PER_NODE:-64}
export AGEBO_GPUS_PER_NODE=${AGEBO_GPUS_PER_NODE:-0}
export AGEBO_LAUNCH_OPTIONS=${AGEBO_LAUNCH_OPTIONS:--j 1}
export KMP_AFFINITY=${KMP_AFFINITY:-granularity=fine,compact}
agebo_modules() {
    module load conda
}

export AGEBO_HOME=/opt/agebo
export AGEBO_RUN=/runs/one
export AGEBO_CONTINUE=chain
export AGEBO_WALLTIME=10800

# shellcheck source=/dev/null
source /opt/agebo/agebo_hpc/launch/job.sh
agebo_job /data/covertype.h5 --max-evals 2000 --fix batch_size=256
