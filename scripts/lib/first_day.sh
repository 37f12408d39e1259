#!/usr/bin/env bash
# What a user does first on a new machine, timed; run by fresh_machine.sh in the system it made.
# Words are settings for `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() { # step NAME COMMAND…
    local name=$1 start=$SECONDS code=0
    shift
    printf -- '-- %s\n' "$name"
    "$@" || code=$?
    printf -- '-- %s: code %s, %s s\n' "$name" "$code" "$((SECONDS - start))"
    [ "$code" = 0 ] || exit "$code"
}

make_table() { # 600 rows, three features, two classes
    awk 'BEGIN { srand(7); print "a,b,place,label"
        for (i = 0; i < 600; i++) { a = rand(); b = rand(); p = int(3 * rand())
            print a "," b ",p" p "," (a * b + 0.2 * p > 0.45 ? "yes" : "no") } }' >table.csv
    # Not by head: what writes into it would die of a closed pipe, sometimes.
    awk -F, 'NR <= 51 { print $1 "," $2 "," $3 }' table.csv >new_rows.csv
}

check_history() { # both sizes of worker groups were trained
    agebo-hpc history run --csv evaluations.csv >/dev/null
    python - <<'END'
import pandas
table = pandas.read_csv("evaluations.csv")
print(table["num_processes"].value_counts().to_string())
assert set(table["num_processes"]) == {1, 2} and (table["status"] == "done").all(), table
END
}

cat /etc/debian_version
python3 --version
c++ --version | head -n 1
step "make setup $*" make setup "$@"
step "make setup again" make setup
export PATH=$PWD/.venv/bin:$PATH
# Nobody says how busy this machine is; what was just installed is read for the first time.
step "smoke" scripts/ranks.sh 3 agebo-hpc smoke --limit 900
make_table
step "prepare" agebo-hpc data prepare table.csv --target label --out table.h5
step "search" scripts/ranks.sh 3 agebo-hpc search table.h5 --out run --preset v1-small --epochs 2 \
    --max-evals 10 --processes 1,2 --max-processes 2 --seed 1
step "history" check_history
step "retrain" agebo-hpc retrain run --rank 1 --out model
step "predict" agebo-hpc predict model new_rows.csv predictions.csv
[ "$(wc -l <predictions.csv)" = 51 ]
du -sh .venv "$HOME/.cache" | sed 's/^/-- disk: /'
