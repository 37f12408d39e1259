#!/usr/bin/env bash
# Make a table of real trainings, which simulated searches replay:
#   scripts/make_table.sh DATA.h5 TABLE.parquet
#
# Random search and AgEBO in turn, each on one manager and two trainer ranks with one thread, n = 1
# and 2; each search has a seed of its own, for the same seed begins with the same configurations.
# The run directories stay beside the table, in TABLE-runs/. A file STOP in that of the search that
# runs stops all with code 75; the same command goes on.
#
# Settings: METHODS, SEARCHES by each, EVALUATIONS of each search, EPOCHS of a training, MINUTES in
# all, NOTE (what else ran on the machine) and SOURCE (where the data came from, its licence).
set -euo pipefail

if [ $# != 2 ]; then
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
data=$1
table=$2
runs=${table%.parquet}-runs
here=$(dirname "$0")

EVALUATIONS=${EVALUATIONS:-60}
EPOCHS=${EPOCHS:-6}
METHODS=${METHODS:-random agebo}
SEARCHES=${SEARCHES:-3}
MINUTES=${MINUTES:-30}
NOTE=${NOTE:-}
SOURCE=${SOURCE:-}

read -ra methods <<<"$METHODS"
share=$((60 * MINUTES / (${#methods[@]} * SEARCHES)))
[ "$share" -gt 0 ] || share=1
found=()
seed=0
rm -f "$runs"/*/STOP
while [ $seed -lt $((${#methods[@]} * SEARCHES)) ]; do
    for method in "${methods[@]}"; do
        seed=$((seed + 1))
        run=$runs/$method-$seed
        printf '\n== %s, seed %s (to stop: touch %s/STOP)\n' "$method" "$seed" "$run"
        "$here/ranks.sh" 3 python -m agebo_hpc search "$data" --out "$run" --resume \
            --method "$method" --seed "$seed" --epochs "$EPOCHS" \
            --population 20 --sample-size 5 --processes 1,2 --max-processes 2 \
            --threads-per-slot 1 --max-evals "$EVALUATIONS" --max-time "${share}s"
        found+=("$run")
    done
done
python "$here/record_table.py" "${found[@]}" --out "$table" --note "$NOTE" --source "$SOURCE"
