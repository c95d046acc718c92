# SPDX-License-Identifier: Apache-2.0
# Sourced: need_packages GROUP… installs what is missing of scripts/packages.txt, after naming it. No service of any
# package is started, and none that is there is removed: mail servers exclude each other.

packages_of() { # group
  awk -v want="[$1]" '/^\[/ { on = $0 == want; next } on && NF && !/^#/' "$(dirname "${BASH_SOURCE[0]}")/packages.txt"
}

need_packages() { # group…
  local group name missing=() as_root=()
  for group in "$@"; do
    for name in $(packages_of "$group"); do
      dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || missing+=("$name")
    done
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "Installing from Debian: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo: install the packages named above, then run this again." >&2; return 1; }
    as_root=(sudo)
  fi
  # Debian starts a service it installs unless this file says no (invoke-rc.d's policy layer).
  local shield=/usr/sbin/policy-rc.d shielded=
  if [ ! -e $shield ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $shield >/dev/null
    "${as_root[@]}" chmod 755 $shield
    shielded=1
  fi
  local log status=0
  log=$(mktemp)
  { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends --no-remove "${missing[@]}"; } >"$log" 2>&1 || status=$?
  [ -z "$shielded" ] || "${as_root[@]}" rm -f $shield
  if [ $status -ne 0 ]; then
    tail -n 30 "$log" >&2
    echo "apt-get failed; its whole output is in $log" >&2
    return 1
  fi
  rm -f "$log"
}
