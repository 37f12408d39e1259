#!/usr/bin/env bash
# Submit several jobs of one search, each of which waits for the one before it:
#
#   slurm/chain.sh NUMBER RUN SCRIPT [SBATCH OPTIONS… --] [DATA.h5 OPTIONS…]
#
# NUMBER jobs at most work on the run directory RUN, one after the other. A job that ends with 0, the
# search being complete, dissolves the rest of the chain; one that stopped early or was killed is
# followed by the next; one that ended with another code makes the next end with it too.
set -euo pipefail

[ $# -ge 3 ] || {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
number=$1 run=$2 script=$3
shift 3
[[ $number =~ ^0*[1-9][0-9]{0,3}$ ]] || {
    echo "chain.sh: NUMBER is $number; give a number of jobs, 1 to 9999." >&2
    exit 2
}
number=$((10#$number))
options=()
for word in "$@"; do
    if [ "$word" = -- ]; then
        while [ "$1" != -- ]; do
            options+=("$1")
            shift
        done
        shift
        break
    fi
done
case $run in /*) ;; *) run=$PWD/$run ;; esac
export AGEBO_RUN=$run AGEBO_CONTINUE=chain

before=
for ((i = 1; i <= number; i++)); do
    words=(--parsable --kill-on-invalid-dep=yes)
    if [ -n "$before" ]; then words+=("--dependency=afternotok:$before"); fi
    before=$(sbatch "${words[@]}" "${options[@]}" "$script" "$@")
    # A site may say more before it, and Slurm names the cluster behind it.
    before=${before##*$'\n'}
    before=${before%%;*}
    echo "$before"
done
