#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building needs and builds the release. Usage: scripts/build.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh
need_packages build
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 # clones and worktrees share what ccache holds
cmake --preset release -DBUILD_TESTING=OFF -DTIDEGATE_BENCH=OFF >/dev/null
ninja -C build/release
