#!/usr/bin/env bash
# Compile Horovod against the TensorFlow of one Python and the MPI on PATH (mpicxx).
#
#   scripts/build_horovod.sh PYTHON [SPECIFIER]
#
# PYTHON      interpreter that has TensorFlow and the extra `horovod-build` installed
# SPECIFIER   what to install, default horovod==0.28.1
#
# MPI does the talking; Gloo does between the child processes of --isolation child (AGEBO_GLOO=0
# leaves it out). Between GPUs NCCL does, which is built in where TensorFlow is built for CUDA and
# nvcc and nccl.h are found (NCCL_HOME or HOROVOD_NCCL_HOME, CUDA_HOME, or the compiler's own
# directories). AGEBO_NCCL=0 leaves it out, AGEBO_NCCL=1 makes it a must. Never run on a GPU so far.
set -euo pipefail

python=$1
specifier=${2:-horovod==0.28.1}
bin=$(dirname "$python")

tensorflow=$("$python" -c 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# TensorFlow 2.19 and later moved a header that Horovod 0.28.1 includes by its old name. A file
# of that name that includes the new one is put on the compiler's path, for this build alone.
old=tensorflow/compiler/xla/client/xla_builder.h
new=xla/hlo/builder/xla_builder.h
if [ ! -e "$tensorflow/include/$old" ] && [ -e "$tensorflow/include/$new" ]; then
    mkdir -p "$work/include/$(dirname $old)"
    echo "#include \"$new\"" >"$work/include/$old"
    export CPLUS_INCLUDE_PATH="$work/include${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}"
fi

# The directory of the interpreter comes first: its cmake, and its mpicxx if MPI is a wheel.
export PATH="$bin:$PATH"
export HOROVOD_WITH_TENSORFLOW=1 HOROVOD_WITH_MPI=1
export HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1
if [ "${AGEBO_GLOO:-1}" = 0 ]; then
    export HOROVOD_WITHOUT_GLOO=1
else
    # Its build file is for a version of cmake that today's no longer follow unasked.
    export HOROVOD_WITH_GLOO=1 CMAKE_POLICY_VERSION_MINIMUM=3.5
fi

nccl_header() {
    local home
    for home in "${HOROVOD_NCCL_HOME:-}" "${NCCL_HOME:-}" "${CUDA_HOME:-}" /usr /usr/local/cuda; do
        if [ -n "$home" ] && [ -e "$home/include/nccl.h" ]; then
            echo "$home"
            return
        fi
    done
    return 1
}
is_for_cuda() {
    "$python" -c 'import sys
from tensorflow.python.platform.build_info import build_info
sys.exit(not build_info["is_cuda_build"])' 2>/dev/null
}
missing=""
if [ "${AGEBO_NCCL:-auto}" != 0 ]; then
    nvcc=$(command -v nvcc || command -v "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" || true)
    nccl=$(nccl_header || true)
    [ -n "$nvcc" ] || missing="nvcc (set CUDA_HOME)"
    [ -n "$nccl" ] || missing="${missing:+$missing, }nccl.h (set NCCL_HOME)"
    if [ -z "$missing" ] && ! is_for_cuda; then
        missing="a TensorFlow that is built for CUDA"
    fi
    if [ -z "$missing" ]; then
        export HOROVOD_GPU_OPERATIONS=NCCL HOROVOD_NCCL_HOME="$nccl"
        HOROVOD_CUDA_HOME=${HOROVOD_CUDA_HOME:-$(dirname "$(dirname "$nvcc")")}
        export HOROVOD_CUDA_HOME
        echo "Horovod is built with NCCL from $nccl and CUDA from $HOROVOD_CUDA_HOME."
    elif [ "${AGEBO_NCCL:-auto}" = 1 ]; then
        echo "AGEBO_NCCL is 1 but NCCL cannot be built in; missing: $missing." >&2
        exit 1
    fi
fi

# A make that called us may have put its own switches here. Each compiler takes about 1 GB.
cores=$(nproc 2>/dev/null || echo 2)
export MAKEFLAGS="-j$((cores < 8 ? cores : 8))"
unset MAKELEVEL MFLAGS

# --no-build-isolation: the build must see this TensorFlow. --no-cache-dir: a wheel that was
# built against another MPI must not come back. --force-reinstall: the same, in this environment.
"$python" -m pip install --no-input --disable-pip-version-check --no-build-isolation \
    --no-cache-dir --no-deps --no-binary horovod --force-reinstall "$specifier"
