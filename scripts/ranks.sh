#!/usr/bin/env bash
# Start ranks on this machine, more than it has cores if need be: scripts/ranks.sh N COMMAND…
# The command is the same for every MPI; Open MPI has to be allowed to share cores and to be root.
# AGEBO_FT=1: the job goes on when a rank dies (Open MPI 5 and later).
# In a terminal Ctrl-C becomes SIGUSR2, which mpirun hands on: a search ends in order, with its
# last line and its code. A second Ctrl-C is mpirun's own, which kills the ranks.
set -euo pipefail

number=$1
shift
switches=()
case "$(mpirun --version 2>/dev/null)" in
*"Open MPI"* | *OpenRTE* | *PRRTE*)
    switches=(--oversubscribe --bind-to none)
    if [ "${AGEBO_FT:-}" = 1 ]; then
        switches+=(--with-ft ulfm)
    fi
    if [ "$(id -u)" = 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # Open MPI 5 does not start where a killed mpirun of the same process id left its files.
    if [ -e "${PRTE_MCA_prte_local_tmpdir_base:-${TMPDIR:-/tmp}}/ompi.$$" ]; then
        PRTE_MCA_prte_local_tmpdir_base=$(mktemp -d)
        export PRTE_MCA_prte_local_tmpdir_base
    fi
    ;;
esac
command=(mpirun -n "$number" "${switches[@]}" "$@")
if ! [ -t 0 ] || ! [ -t 2 ]; then
    exec "${command[@]}"
fi

# In a process group of its own the terminal's Ctrl-C does not reach mpirun.
set -m
"${command[@]}" </dev/null &
ranks=$!
next=USR2
signalled=
trap 'kill -$next "$ranks" 2>/dev/null; next=INT; signalled=1' INT TERM
while :; do
    code=0
    wait "$ranks" || code=$?
    # A signal ends the waiting, not the ranks.
    [ -n "$signalled" ] || exit "$code"
    signalled=
done
