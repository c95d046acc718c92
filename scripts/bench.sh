#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures on this machine, on loopback only. Usage: scripts/bench.sh [NAME] [--json FILE] [--quick]
#   without NAME  lists the benches
#   --json FILE   also writes {"bench", "machine", "figures", "reference"} to FILE
#   --quick       far fewer of everything: shows that the bench works, not how fast anything is
set -euo pipefail
json=()
if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then sed -n '3,6s/^# \?//p' "${BASH_SOURCE[0]}"; exit 0; fi
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh
need_packages demo

name= words=()
while [ $# -gt 0 ]; do
  case $1 in
    --json)
      [ $# -ge 2 ] || { echo "--json needs a file" >&2; exit 2; }
      case $2 in /*) json=(--json "$2") ;; *) json=(--json "$here/$2") ;; esac
      shift ;;
    --quick) words+=(--quick) ;;
    -*) sed -n '3,6s/^# \?//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    *) name=$1; words+=("$1") ;;
  esac
  shift
done
[ -n "$name" ] || exec python3 bench/bench.py
groups=$(python3 bench/bench.py "$name" --groups)
targets=$(python3 bench/bench.py "$name" --targets)

# shellcheck disable=SC2086 # both are lists of words
need_packages build bench $groups
echo "Building (release; the first time takes some minutes) …"
mkdir -p build
# shellcheck disable=SC2086
{ cmake --preset release -DBUILD_TESTING=OFF -DTIDEGATE_BENCH=ON && ninja -C build/release $targets; } >build/bench.log 2>&1 ||
  { tail -n 30 build/bench.log; exit 1; }
exec python3 bench/bench.py "${words[@]}" "${json[@]}"
