#!/usr/bin/env bash
# Stages with stamps, turns, and the words of the set-up; sourced by setup_environment.sh.
# Uses $VENV (absolute) and $stamps, its directory of stamps and logs.

at_work=.setup-at-work

say() { printf 'set-up: %s\n' "$*"; }

fail() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

key() { # hash of the arguments and of standard input
    { printf '%s\n' "$@"; cat; } | sha256sum | cut -c1-64
}

fresh() { # fresh STAGE KEY: is the stage done with this key?
    [ -f "$stamps/$1" ] && [ "$(<"$stamps/$1")" = "$2" ]
}

write_beside() { # write_beside FILE: standard input becomes the file, whole or not at all
    cat >"$1.new" && mv "$1.new" "$1"
}

stage() { # stage NAME KEY TEXT COMMAND...: run, log, stamp; the stamp is written last
    local name=$1 key=$2 text=$3 log=$stamps/$1.log start=$SECONDS
    shift 3
    fresh "$name" "$key" && return
    rm -f "$stamps/$name"
    say "$text (log: ${log#"$PWD"/})"
    note_work "$text, log ${log#"$PWD"/}"
    if ! "$@" 3>&1 >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        fail "$name failed; the whole log is $log. \`make setup\` again goes on from here."
    fi
    write_beside "$stamps/$name" <<<"$key"
    say "$name done in $((SECONDS - start)) s"
}

note_work() { # for those who wait: who is at work, on what
    { echo "process $$ on ${HOSTNAME:-this host}, user ${USER:-$(id -u)}, for ${VENV#"$PWD"/}: $1" >"$at_work"; } \
        2>/dev/null || true
}

take_turns() { # two calls at once (`make demo` and `make test`, the tasks of an array)
    local code=0
    exec 9<scripts/setup_environment.sh
    flock --nonblock --conflict-exit-code 75 9 2>/dev/null || code=$?
    if [ "$code" = 75 ]; then
        say "waiting for another set-up of this checkout ($(cat "$at_work" 2>/dev/null || echo "it has just begun"))"
        flock 9
    fi
    trap 'rm -f "$at_work"' EXIT
    note_work "looking at what is there"
}
