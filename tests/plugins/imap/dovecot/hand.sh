#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tidegate-plugin-check's --hand at a Dovecot of scripts/dovecot.sh (maildir). Usage: hand.sh DIR keep|restore|spoil|mend
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
dir=$1
user=$TIDEGATE_CHECK_USER
folder=$dir/mail/$user/store/.$TIDEGATE_CHECK_FOLDER_NAME

# As a restore does: with the user's sessions ended, so that none holds an index open.
alone() {
  doveadm -c "$dir/dovecot.conf" kick "$user" >/dev/null 2>&1 || true
  for _ in $(seq 200); do
    doveadm -c "$dir/dovecot.conf" who -1 "$user" 2>/dev/null | grep -q "^$user " || return 0
    sleep 0.05
  done
  echo "hand.sh: sessions of $user do not end" >&2
  exit 1
}

case $2 in
  keep)
    alone
    rm -rf "$dir/kept"
    cp -a "$folder" "$dir/kept"
    ;;
  restore)
    alone
    rm -rf "$folder"
    cp -a "$dir/kept" "$folder"
    ;;
  spoil)
    file=$(grep -rlF "$TIDEGATE_CHECK_MESSAGE_ID" "$folder/cur" "$folder/new")
    basename "${file%%,*}" >"$dir/spoilt"
    chmod 000 "$file"
    ;;
  mend)
    # Dovecot moves it from new to cur, and flags change its name's end.
    find "$folder" -name "$(cat "$dir/spoilt")*" -exec chmod 600 {} +
    ;;
  *) exit 77 ;;
esac
