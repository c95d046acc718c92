# SPDX-License-Identifier: Apache-2.0
"""What an idle user costs the gateway: on the mock store, and on Dovecot over TLS where each has a connection in IDLE.
Measured after a start, when every user's first sync is complete; no device is connected."""
import os
import sqlite3
import subprocess
import time

import loopback
import process_memory as memory
import stage as st

SENTENCE = "memory and threads of the gateway for 10,000 idle users on the mock store, and for 500 on Dovecot over TLS"
GROUPS = ["dovecot"]
TARGETS = ["tidegated", "tidegatectl", "tidegate-relay", "plugins/mock.so", "plugins/imap.so"]
GOALS = {"rss_kib_per_user_mock": ("<=", 6, None), "rss_kib_per_user_imap_tls": ("<=", 35, None),
         "threads_10000": ("<=", 1, "threads_100")}
MESSAGES = 5  # in each mailbox
CHUNK = 1000  # users a call of tidegatectl
IDLE = 40  # seconds without work after which caches and threads have gone back to the system (30 and 5)


def name(number):
    return f"user{number}@example.com"


def add(stage, first, end):
    """As an administrator adds many: a list, here in pieces so that what hangs is noticed."""
    for begin in range(first, end, CHUNK):
        users = stage.write("users.txt", "".join(name(n) + "\n" for n in range(begin, min(begin + CHUNK, end))))
        done = subprocess.run([stage.program("tidegatectl"), "--socket", stage.control, "user", "add", "--file", users],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=900)
        if done.returncode != 0:
            raise loopback.BenchError("tidegatectl user add --file: " + done.stderr[-2000:])


def items_known(stage):
    database = sqlite3.connect(f"file:{stage.path('gateway', 'state.db')}?mode=ro", uri=True, timeout=30)
    try:
        return database.execute("SELECT count(*) FROM items").fetchone()[0]
    finally:
        database.close()


def synced(stage, users):
    """Every message of every user is in the log, each was heard of since the start, and nothing more is to be done."""
    st.wait_for(f"the first sync of {users} users", lambda: items_known(stage) >= users * MESSAGES, 600)
    st.wait_for("every user to be served",
                lambda: sum(row["proven"] != "never" for row in stage.ctl_rows("user", "list")) == users, 300)
    loopback.quiet(lambda: memory.processor_ticks(stage.gateway.child.pid), deadline=300)
    troubled = [row for row in stage.ctl_rows("user", "list") if row["state"] != "served"]
    if troubled:
        raise loopback.BenchError(f"{len(troubled)} users are not served: {troubled[0]}")


def at(stage, first, users, settled, watched):
    """RSS and threads of a gateway that was started with these users: adding them is no part of it."""
    for number in range(first, min(users, watched)):
        stage.add_user(name(number))
    add(stage, max(first, watched), users)
    settled(users)
    stage.gateway.end()
    stage.start_gateway()
    settled(users)
    time.sleep(IDLE)
    return memory.rss_kib(stage.gateway.child.pid), memory.threads(stage.gateway.child.pid)


def slope(stage, few, many, settled, watched=0):
    """KiB a user between the two numbers, the threads at each, KiB at the larger. The first `watched` users may get devices."""
    small, threads_few = at(stage, 0, few, settled, watched)
    large, threads_many = at(stage, few, many, settled, watched)
    return (large - small) / (many - few), threads_few, threads_many, large


def start(stage, backend, seats):
    loopback.start_relay(stage, seats=seats)
    stage.write_gateway_ini({**backend, "connects_per_second": 0})  # how fast they come is not what is measured
    stage.start_gateway()
    stage.register()


def mock(few, many):
    with st.Stage() as stage:
        for number in range(many):
            stage.make_mock_user(name(number))
            for message in range(MESSAGES):
                stage.drop(st.small_message(message, 600), name(number))
        start(stage, {"plugin": "mock", "root": stage.mock_root()}, many)
        return slope(stage, few, many, lambda users: synced(stage, users))


def imap(few, many):
    with st.Stage() as stage:
        users = [name(number) for number in range(many)]
        backend = stage.start_dovecot(*users)
        with stage.lmtp() as lmtp:
            for message in range(MESSAGES):
                for user in users:  # one by one: smtplib reads only one answer, LMTP gives one for each recipient
                    lmtp.sendmail("bob@example.org", [user], st.small_message(message, 600))
        start(stage, backend, many)
        port = int(stage.dovecot["imaps"])

        def settled(count):
            synced(stage, count)
            # One connection each, in IDLE: what helped with the first listing is closed.
            st.wait_for(f"{count} connections in IDLE",
                        lambda: memory.connections_to(stage.gateway.child.pid, port) == count, 300)
        return slope(stage, few, many, settled)


def watches_allowed():
    with open("/proc/sys/fs/inotify/max_user_watches") as limit:
        return int(limit.read())


def run(quick):
    few, many = (100, 1000) if quick else (100, 10_000)
    few_imap, many_imap = (10, 60) if quick else (20, 500)
    loopback.need_descriptors(many_imap + 200)
    if watches_allowed() < 3 * many:
        raise loopback.BenchError(f"{3 * many} watched directories are needed: raise fs.inotify.max_user_watches")
    if os.geteuid() != 0 and many_imap > 100:
        raise loopback.BenchError("run it as root: Dovecot idles for 128 sessions a uid only (fs.inotify.max_user_instances), "
                                  "and only root can give each user a uid of its own")
    of_mock, threads_few, threads_many, large = mock(few, many)
    of_imap, _, threads_imap, large_imap = imap(few_imap, many_imap)
    figures = {"rss_kib_per_user_mock": of_mock, "rss_kib_per_user_imap_tls": of_imap, "threads_100": threads_few,
               "threads_10000": threads_many, "threads_imap": threads_imap, "rss_mib_mock": large / 1024,
               "rss_mib_imap": large_imap / 1024}
    notes = [f"mock: RSS at {many:,} users minus RSS at {few}, by {many - few:,}; imap: at {many_imap} minus at {few_imap}",
             f"{MESSAGES} messages in each mailbox; no device connected; every IMAP user has his connection in IDLE",
             "each measured in a gateway that was started with these users, its first sync of each complete"]
    return figures, {}, notes
