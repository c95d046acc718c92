#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A private Dovecot on loopback for tests, benches and the demo. It touches nothing outside its directory and starts no
# service of the system.
#   dovecot.sh start DIR USER[:PASSWORD]…   prints imap=PORT imaps=PORT lmtp=PORT pid=PID, and writes DIR/ports
#   dovecot.sh again DIR                    as it was, on the same ports: after a crash
#   dovecot.sh stop DIR
# A user's default password is pw-USER; the administrative account is "gateway" with password pw-gateway
# (SASL PLAIN authzid, or USER*gateway). The certificate's authority is DIR/ca.pem, its names localhost and 127.0.0.1.
# DIR/foreign-ca.pem is an authority that signed nothing. DIR should be short: sockets live below it.
# As root every user has a uid of its own, because the kernel allows a uid only fs.inotify.max_user_instances (128)
# IDLE sessions before Dovecot falls back to polling; otherwise all share the caller's uid and that limit.
#   DOVECOT_MAIL=maildir|sdbox|mdbox (default maildir)   DOVECOT_HIBERNATE=SECONDS (default: never)
#   DOVECOT_INTROSPECTION=URL: access tokens as well; whose they are is asked there (RFC 7662)
#   DOVECOT_TOKENS=oauthbearer|xoauth2 (default: both): how they come
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

die() { echo "dovecot.sh: $*" >&2; exit 1; }

# Asks the kernel for free ports; all are held until all are chosen, so that they differ.
free_ports() {
  perl -MIO::Socket::INET -e 'my @s = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 0) } 1..shift;
    print join(" ", map { $_->sockport } @s), "\n"' "$1"
}

make_certificates() {
  local dir=$1
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Tidegate test authority" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=Somebody else's authority" \
    -keyout "$dir/foreign-ca.key" -out "$dir/foreign-ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
    -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
  openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
    -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") -out "$dir/server.pem" 2>/dev/null
}

write_users() {
  local dir=$1 number=0 user name password uid gid
  shift
  : >"$dir/users"
  for user in "$@"; do
    name=${user%%:*}
    password=pw-$name
    [[ $user == *:* ]] && password=${user#*:}
    if [[ $EUID == 0 ]]; then
      uid=$((200000 + number))
      gid=$uid
    else
      uid=$EUID
      gid=$(id -g)
    fi
    number=$((number + 1))
    mkdir -p "$dir/mail/$name"
    [[ $EUID != 0 ]] || chown "$uid:$gid" "$dir/mail/$name"
    echo "$name:{PLAIN}$password:$uid:$gid::$dir/mail/$name" >>"$dir/users"
  done
  echo "gateway:{PLAIN}pw-gateway" >"$dir/masters"
}

write_config() {
  local dir=$1 imap=$2 imaps=$3 lmtp=$4 internal login
  if [[ $EUID == 0 ]]; then
    internal=dovecot login=dovenull
  else
    internal=$(id -un) login=$(id -un)
  fi
  local mechanisms="plain login" tokens=
  if [[ -n ${DOVECOT_INTROSPECTION:-} ]]; then
    mechanisms="$mechanisms ${DOVECOT_TOKENS:-oauthbearer xoauth2}"
    tokens="passdb {
  driver = oauth2
  mechanisms = ${DOVECOT_TOKENS:-oauthbearer xoauth2}
  args = $dir/oauth2.conf
}"
    cat >"$dir/oauth2.conf" <<CONF
introspection_mode = post
introspection_url = $DOVECOT_INTROSPECTION
username_attribute = username
active_attribute = active
active_value = true
CONF
  fi
  local plugins=
  [[ ! -e /usr/lib/dovecot/modules/lib30_imap_zlib_plugin.so ]] || plugins="zlib imap_zlib"  # COMPRESS=DEFLATE
  cat >"$dir/dovecot.conf" <<CONF
protocols = imap lmtp
listen = 127.0.0.1
base_dir = $dir/run
state_dir = $dir/state
log_path = $dir/log
default_internal_user = $internal
default_internal_group = $(id -gn "$internal")
default_login_user = $login
default_client_limit = 60000
default_process_limit = 25000
default_vsz_limit = 0
first_valid_uid = 0
mail_location = ${DOVECOT_MAIL:-maildir}:%h/store
mail_max_userip_connections = 1000
mail_fsync = never
disable_plaintext_auth = no
auth_mechanisms = $mechanisms
auth_failure_delay = 0
auth_master_user_separator = *
ssl = yes
ssl_cert = <$dir/server.pem
ssl_key = <$dir/server.key
ssl_min_protocol = TLSv1.2
imap_hibernate_timeout = ${DOVECOT_HIBERNATE:-0}s
$tokens
passdb {
  driver = passwd-file
  args = $dir/masters
  master = yes
  pass = yes
}
passdb {
  driver = passwd-file
  args = $dir/users
}
userdb {
  driver = passwd-file
  args = $dir/users
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Drafts {
    auto = create
    special_use = \Drafts
  }
  mailbox Sent {
    auto = create
    special_use = \Sent
  }
  mailbox Trash {
    auto = create
    special_use = \Trash
  }
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
}
service imap-login {
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 4
  client_limit = 10000
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service imap {
  process_limit = 25000
  process_min_avail = 1
  unix_listener imap-master {
    user = $internal
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
service lmtp {
  process_min_avail = 1
  inet_listener lmtp {
    port = $lmtp
  }
}
service anvil {
  chroot =
  # No growing pauses for an address that had wrong passwords: all of a test comes from one.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
lmtp_rcpt_check_quota = no
protocol imap {
  mail_plugins = $plugins
}
protocol lmtp {
  postmaster_address = postmaster@localhost
}
CONF
}

# The launcher may return before its daemon has written its pid.
await_pid() {
  for _ in $(seq 500); do
    [[ ! -s $1/run/master.pid ]] || return 0
    sleep 0.02
  done
  die "dovecot wrote no pid file: $(tail -5 "$1/log" 2>/dev/null)"
}

again() {
  rm -f "$1/run/master.pid"
  ulimit -n 60000 2>/dev/null || ulimit -n "$(ulimit -H -n)" || true
  dovecot -c "$1/dovecot.conf" >"$1/start" 2>&1 || die "dovecot did not start again: $(cat "$1/start")"
  await_pid "$1"
}

start() {
  local dir ports imap imaps lmtp attempt
  dir=$1
  shift
  command -v dovecot >/dev/null || die "dovecot is not installed (packages dovecot-imapd and dovecot-lmtpd)"
  mkdir -p "$dir/run" "$dir/state" "$dir/mail"
  dir=$(cd "$dir" && pwd)
  chmod 711 "$dir" "$dir/mail"
  make_certificates "$dir"
  write_users "$dir" "$@"
  ulimit -n 60000 2>/dev/null || ulimit -n "$(ulimit -H -n)" || true
  # Somebody may take a free port before Dovecot binds it: then others are tried.
  for attempt in 1 2 3 4 5; do
    read -r imap imaps lmtp <<<"$(free_ports 3)"
    write_config "$dir" "$imap" "$imaps" "$lmtp"
    if dovecot -c "$dir/dovecot.conf" >"$dir/start" 2>&1; then break; fi
    grep -q "Address already in use" "$dir/start" "$dir/log" 2>/dev/null && [[ $attempt -lt 5 ]] ||
      die "dovecot did not start: $(cat "$dir/start" "$dir/log" 2>/dev/null | tail -5)"
  done
  await_pid "$dir"
  ports="imap=$imap imaps=$imaps lmtp=$lmtp pid=$(cat "$dir/run/master.pid")"
  echo "$ports" | tee "$dir/ports"
}

stop() {
  local pid
  [[ -s $1/run/master.pid ]] || return 0
  pid=$(cat "$1/run/master.pid")
  # Only if it is still ours: a pid may have gone to somebody else.
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$1/dovecot.conf" || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 200); do
    [[ -d /proc/$pid ]] || return 0
    sleep 0.05
  done
  kill -9 "$pid" 2>/dev/null || true
}

case "${1:-}" in
  start) [[ $# -ge 3 ]] || die "usage: dovecot.sh start DIR USER[:PASSWORD]…"; shift; start "$@" ;;
  again) [[ $# -eq 2 ]] || die "usage: dovecot.sh again DIR"; again "$(cd "$2" && pwd)" ;;
  stop) [[ $# -eq 2 ]] || die "usage: dovecot.sh stop DIR"; stop "$(cd "$2" 2>/dev/null && pwd || echo "$2")" ;;
  *) die "usage: dovecot.sh start DIR USER[:PASSWORD]… | again DIR | stop DIR" ;;
esac
