#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# 2,000 changes both ways on a real Dovecot while gateway, relay, device and Dovecot are killed at least 60 times and the
# disks of gateway and device get full; at the end all must be equal. Usage: scripts/soak.sh [CHANGES [KILLS [SEED]]]
# Needs root, for two small disks in memory. Prints the seed: the same seed makes the same changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh
need_packages dovecot demo
echo "Building (release; the first time takes some minutes) …"
mkdir -p build
scripts/build.sh >build/build.log 2>&1 || { tail -n 30 build/build.log; exit 1; }
export TIDEGATE_SOAK_CHANGES=${1:-2000} TIDEGATE_SOAK_KILLS=${2:-60} TIDEGATE_SEED=${3:-$RANDOM}
echo "seed $TIDEGATE_SEED"
TIDEGATE_BUILD=$PWD/build/release PYTHONPATH=scripts PYTHONDONTWRITEBYTECODE=1 exec python3 tests/process/soak_test.py
