#!/usr/bin/env bash
# Compile Horovod against the TensorFlow of one Python and the MPI on PATH (mpicxx).
#
#   scripts/build_horovod.sh PYTHON [SPECIFIER]
#
# PYTHON      interpreter that has TensorFlow and the extra `horovod-build` installed
# SPECIFIER   what to install, default horovod==0.28.1
#
# Horovod needs no root and no Gloo here: MPI does the talking.
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
export HOROVOD_WITHOUT_GLOO=1 HOROVOD_WITHOUT_PYTORCH=1 HOROVOD_WITHOUT_MXNET=1
# A make that called us may have put its own switches here. Each compiler takes about 1 GB.
cores=$(nproc 2>/dev/null || echo 2)
export MAKEFLAGS="-j$((cores < 8 ? cores : 8))"
unset MAKELEVEL MFLAGS

# --no-build-isolation: the build must see this TensorFlow. --no-cache-dir: a wheel that was
# built against another MPI must not come back. --force-reinstall: the same, in this environment.
"$python" -m pip install --no-input --disable-pip-version-check --no-build-isolation \
    --no-cache-dir --no-deps --no-binary horovod --force-reinstall "$specifier"
