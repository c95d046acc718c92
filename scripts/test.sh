#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds and checks everything. Usage: scripts/test.sh [STAGE…]
# Stages: packages format tidy tsan asan (default: all, in this order).
# The last line is the test runner's own summary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(packages format tidy tsan asan)
jobs=$(nproc)
summary=

# Clones and worktrees share what ccache holds.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

stage_packages() {
  need_packages build test dovecot pim dav
  need_packages davmail || echo "DavMail could not be installed: peers.davmail is skipped."
  need_packages smtp || echo "Exim could not be installed (beside another mail server it can't be): process.smtp is skipped."
}

sources() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp' | grep -v '^build/'; }

stage_format() {
  sources | xargs clang-format-19 --dry-run -Werror
}

stage_tidy() {
  cmake --preset asan >build/asan-configure.log 2>&1 || { cat build/asan-configure.log; return 1; }
  # Generated headers first: clang-tidy compiles what it reads.
  ninja -C build/asan tidegate_generated >/dev/null
  git ls-files -- 'core/*.cpp' 'plugins/*.cpp' 'relay/*.cpp' 'device/*.cpp' |
    xargs -P "$jobs" -n 4 clang-tidy-19 -p build/asan --quiet --warnings-as-errors='*' 2>/dev/null
}

stage_tsan() {
  cmake --preset tsan >/dev/null
  ninja -C build/tsan concurrent_tests
  ctest --test-dir build/tsan -L concurrent --output-on-failure -j 1
}

stage_asan() {
  cmake --preset asan >/dev/null
  ninja -C build/asan
  local log=build/asan/ctest.log
  ctest --test-dir build/asan --output-on-failure -j "$jobs" 2>&1 | tee "$log"
  summary=$(grep -E '^[0-9]+% tests passed' "$log")
}

mkdir -p build
for stage in "${stages[@]}"; do
  begin=$(date +%s)
  echo "== $stage"
  "stage_$stage"
  took=$(($(date +%s) - begin))
  printf '== %s: fine, %d.%d min\n' "$stage" $((took / 60)) $((took % 60 / 6))
done
[ -z "$summary" ] || echo "$summary"
