#!/usr/bin/env bash
# Make a bare Debian system, and do in it what a user does on the first day: `make setup`, smoke, a
# search with n = 2, a model, predictions. Needs root; debootstrap is installed if it is missing.
#
#   scripts/fresh_machine.sh SUITE [NAME=VALUE…] [--and COMMAND]…
#   scripts/fresh_machine.sh TREE --and COMMAND…
#
# SUITE           a Debian release, such as trixie or bookworm
# NAME=VALUE      for `make setup` in there, such as HOROVOD=0
# --and COMMAND   what a shell does there afterwards, in the checkout with the environment on PATH, such as
#                 --and "make demo" --and "make test"; all are run, the code is that of the first that fails
# TREE            a system that KEEP=1 left (a path with a slash): only commands are run, and it stays
#
# MIRROR names the archive [the one that apt uses here], TMPDIR where the tree is made (4 GB),
# KEEP=1 leaves it to be looked at. What pip is told here (configuration, PIP_…, certificates, proxies)
# it is told there too. Mounts are in a namespace of their own, so they go with the last process,
# however it ends; then the tree goes.
set -euo pipefail
there=/opt/agebo_hpc # the checkout in the system that is made

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2
    exit 2
}

say() { printf '== %s\n' "$*"; }

needed() { # needed PROGRAM PACKAGE
    command -v "$1" >/dev/null && return
    say "installing $2"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null
}

mirror() { # where apt gets Debian itself from
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
        sed -n 's,^Debian/Debian ,,p' | head -n 1
}

local_places() { # directories and files that pip's settings name; an index has its files beside it
    { python3 -m pip config list 2>/dev/null || true; } |
        grep -oE "(file://)?/[^' ,]+" | sed -E 's,^file://(.*)/[^/]+/?$,\1,' | sort -u |
        while read -r place; do [ ! -e "$place" ] || echo "$place"; done
}

take_along() { # take_along FILE…: at the same path in the tree
    local file
    for file; do
        [ -e "$file" ] || continue
        mkdir -p "$tree$(dirname "$file")"
        cp -rL "$file" "$tree$(dirname "$file")/"
    done
}

apart() { # apart COMMAND…: in namespaces of its own, so that mounts and processes end with it
    unshare --mount --propagation private --pid --fork --kill-child "$@" </dev/null &
    child=$!
    wait "$child"
}

bootstrap() {
    apart debootstrap --variant=minbase --include=python3,python3-venv,g++,make,git,ca-certificates \
        "$suite" "$tree" "${MIRROR:-$(mirror)}" >"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        exit 1
    }
    take_along /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
        /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" "$HOME/.pip" \
        "${PIP_CONFIG_FILE:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}"
    git -c safe.directory='*' clone -q "$checkout" "$tree$there"
}

# Run in a mount namespace of its own, with the tree and a command of its checkout as words.
enter() {
    tree=$1
    shift
    local place name settings=()
    # A root that is a mount, or programs in there could have no mounts of their own.
    mount --rbind "$tree" "$tree"
    mount -t proc proc "$tree/proc"
    for place in /dev /sys; do mount --rbind "$place" "$tree$place"; done
    while read -r place; do
        [ ! -e "$tree$place" ] || continue
        mkdir -p "$tree$(dirname "$place")"
        if [ -d "$place" ]; then mkdir "$tree$place"; else touch "$tree$place"; fi
        mount --bind -o ro "$place" "$tree$place"
    done < <(local_places)
    for name in $(compgen -e | grep -E '^(PIP_.*|SSL_CERT_FILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|no)_proxy)$'); do
        settings+=("$name=${!name}")
    done
    # shellcheck disable=SC2016  # for the shell in there
    exec chroot "$tree" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "${settings[@]}" \
        bash -c 'cd "$1" && shift && PATH=$PWD/.venv/bin:$PATH && "$@"' bash "$there" "$@"
}

inside() { apart "$checkout/scripts/fresh_machine.sh" --enter "$tree" "$@"; } # inside COMMAND WORD…

run_commands() {
    local command code worst=0 begun
    for command in "${commands[@]}"; do
        say "$command"
        begun=$SECONDS code=0
        inside bash -c "$command" || code=$?
        say "$command: code $code, $((SECONDS - begun)) s"
        [ "$worst" != 0 ] || worst=$code
    done
    return "$worst"
}

stop() { # with the first process of the other namespace all others end
    if [ -n "$child" ]; then
        kill -KILL "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    exit 130
}

clean_up() { # never over into what may still be mounted
    [ "${KEEP:-0}" = 0 ] || { echo "The tree stays: $tree" && tree=""; }
    [ -z "$tree" ] || rm -rf --one-file-system "$tree"
    rm -f "$log"
}

if [ "${1:-}" = --enter ]; then
    shift
    enter "$@"
fi
[[ ${1:-} =~ ^[a-z]+$|/ ]] || usage
suite=$1
shift
settings=() commands=()
while [ $# -gt 0 ]; do
    if [[ $1 =~ ^[A-Z_]+=.*$ ]]; then
        settings+=("$1")
        shift
    elif [ "$1" = --and ] && [ -n "${2:-}" ]; then
        commands+=("$2")
        shift 2
    else
        usage
    fi
done
[ "$(id -u)" = 0 ] || {
    echo "fresh_machine: only root can make and enter such a system." >&2
    exit 1
}
checkout=$(cd "$(dirname "$0")/.." && pwd)
tree="" child="" log=$(mktemp)
trap clean_up EXIT
trap stop INT TERM HUP
start=$SECONDS
if [[ $suite = */* ]]; then
    [ -d "$suite$there" ] && [ ${#commands[@]} -gt 0 ] && [ ${#settings[@]} = 0 ] || usage
    KEEP=1 tree=$(cd "$suite" && pwd)
else
    needed debootstrap debootstrap
    needed git git
    tree=$(mktemp -d "${TMPDIR:-/tmp}/fresh-$suite.XXXXXX")
    chmod 755 "$tree"
    bootstrap
    say "$suite: made in $((SECONDS - start)) s"
    inside bash scripts/lib/first_day.sh "${settings[@]}"
fi
run_commands
say "$suite: all is well, $((SECONDS - start)) s"
