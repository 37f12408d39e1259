#!/usr/bin/env bash
# Wheels that were compiled on this system, kept in the user's cache so that the next environment
# does not compile them again. Sourced by build_horovod.sh and setup_environment.sh.
#
# A wheel lies in a directory of its own, named by the hash of a description of all that it
# depends on. The description and a checksum lie beside it. AGEBO_CACHE=0: neither read nor written.

tell() { # to standard output, which may be a log, and to who called the set-up (descriptor 3)
    echo "$*"
    if { true >&3; } 2>/dev/null; then echo "set-up: $*" >&3; fi
}

wheel_cache() { # the directory of all, or nothing where there is none to be had
    local base=${XDG_CACHE_HOME:-}
    [ "${AGEBO_CACHE:-1}" != 0 ] || return 1
    # A relative one is to be ignored, says the XDG specification.
    case $base in /*) ;; *) base=${HOME:+$HOME/.cache} ;; esac
    [ -n "$base" ] && echo "$base/agebo_hpc/wheels"
}

describe_system() { # describe_system PYTHON: what every compiled wheel depends on, one fact a line
    local name
    "$1" -c 'import sys, sysconfig
print("python", sys.version.replace("\n", " "), sysconfig.get_config_var("SOABI"))'
    echo "machine $(uname -m), $(getconf GNU_LIBC_VERSION 2>/dev/null || echo "another C library")"
    for name in CC CXX CPP CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH \
        CPLUS_INCLUDE_PATH LIBRARY_PATH LD_RUN_PATH CUDAFLAGS $(compgen -e -X '!HOROVOD_*'); do
        [ -z "${!name:-}" ] || echo "$name=${!name}"
    done
}

describe_compiler() { # describe_compiler NAME: where it is and which
    local path
    path=$(command -v "$1") || return 0
    echo "compiler $(realpath "$path") $("$1" --version 2>/dev/null | head -n 1)"
}

describe_site_mpi() { # the MPI on PATH, which a wheel finds again by its path
    local tool path
    for tool in mpicc mpicxx mpirun; do
        path=$(command -v $tool) || continue
        echo "$tool $(realpath "$path")"
    done
    mpicc -show 2>/dev/null || true
    mpirun --version 2>/dev/null | head -n 1 || true
}

kept_wheel() { # kept_wheel KEY: print the path of the wheel that is kept, whole, under this key
    local place wheels
    place=$(wheel_cache)/$1 || return 1
    # One that somebody else put there would be code of theirs.
    [ -O "$place" ] && [ -f "$place/SHA256SUMS" ] || return 1
    (cd "$place" && sha256sum --check --status --strict SHA256SUMS) 2>/dev/null || return 1
    wheels=("$place"/*.whl)
    [ -f "${wheels[0]}" ] && echo "${wheels[0]}"
}

keep_wheel() { # keep_wheel KEY WHEEL DESCRIPTION: never a failure, at worst it is not kept
    local cache new
    cache=$(wheel_cache) || return 0
    if ! {
        mkdir -p "$cache" && new=$(mktemp -d "$cache/.new.XXXXXX") && cp "$2" "$new" &&
            printf '%s\n' "$3" >"$new/made_of.txt" &&
            (cd "$new" && sha256sum ./*.whl >SHA256SUMS && sync ./*) && replace_directory "$new" "$cache/$1"
    } 2>/dev/null; then
        [ -z "${new:-}" ] || rm -rf "$new"
        echo "The wheel could not be kept in $cache; the next environment compiles again."
    fi
}

replace_directory() { # replace_directory NEW PLACE: a reader sees the old one, none, or the new one
    [ ! -e "$2" ] || mv -T "$2" "$1.old"
    mv -T "$1" "$2"
    rm -rf "$1.old"
}
