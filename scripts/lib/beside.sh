#!/usr/bin/env bash
# Run one command beside another: scripts/lib/beside.sh "SHORT COMMAND" COMMAND…
# What the short one says comes at once if it fails, and again at the end, where it is looked for.
# Fails if any of the two does; the end of the long one, such as by Ctrl-C, ends the short one too.
set -uo pipefail

said=$(mktemp)
short=$1
beside=
shift
trap '[ -z "$beside" ] || kill -- "-$beside" 2>/dev/null; rm -f "$said"' EXIT
# When the long one, which a terminal tells too, has ended.
trap 'exit 130' INT
trap 'exit 143' TERM
# A group of its own, so that all of it can be ended.
set -m
{ bash -c "$short" >"$said" 2>&1 || { cat "$said" && exit 1; } >&2; } </dev/null &
beside=$!
set +m

"$@"
code=$?
if wait "$beside"; then
    cat "$said"
    exit "$code"
fi
cat "$said" >&2
echo "failed: $short" >&2
exit "$((code == 0 ? 1 : code))"
