#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Mail dropped into a store appears, decrypted, on a device. Usage: scripts/demo.sh [--imap] [--once]
#   --imap  on a real Dovecot, delivering by LMTP, instead of the mock store
#   --once  run to the end; exit code 0 only if every message arrived octet for octet
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh

groups=(build demo)
for word in "$@"; do
  case $word in
    --imap) groups+=(dovecot) ;;
    --once) ;;
    *) sed -n '3,5s/^# \?//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
done
need_packages "${groups[@]}"
echo "Building (release; the first time takes some minutes) …"
mkdir -p build
scripts/build.sh >build/build.log 2>&1 || { tail -n 30 build/build.log; exit 1; }
exec python3 scripts/demo.py "$@"
