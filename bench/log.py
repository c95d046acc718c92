# SPDX-License-Identifier: Apache-2.0
"""Changes a second that the log takes, beside bare SQLite inserts and flushes of the same disk in the same run."""
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time

import loopback
import stage as st

SENTENCE = "changes a second that the gateway's log takes from 100 users of 10^4 and 10^5 items, and with one of 10^6"
GROUPS = []
TARGETS = ["bench/log_bench"]
GOALS = {f"changes_per_s_1e{n}": (">=", 20000, None) for n in (4, 5, 6)}
USERS, PAGE, IN_FLIGHT, CACHE_MIB = 100, 50, 64, 256


def log_bench(folder, items, changes, big=0):
    """The program's own figures."""
    words = [folder, USERS, items, changes, PAGE, IN_FLIGHT, CACHE_MIB, big]
    done = subprocess.run([os.path.join(st.BUILD, "bench/log_bench"), *map(str, words)], capture_output=True, text=True,
                          timeout=3600)
    if done.returncode != 0:
        raise loopback.BenchError(f"log_bench with {items} items: {done.stdout}{done.stderr}")
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    return json.loads(done.stdout)


def sqlite_inserts_per_s(folder, seconds=3.0, batch=1000):
    """Rows of 300 octets with one index, in transactions of 1,000, WAL and FULL as the log has it."""
    path = os.path.join(folder, "reference.db")
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-262144;"
                           "CREATE TABLE item(no INTEGER PRIMARY KEY, view INTEGER, id BLOB, rest BLOB, UNIQUE(view, id))")
    rows, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO item(view, id, rest) VALUES(?, ?, ?)",
                             ((n % USERS, b"%020d" % n, bytes(280)) for n in range(rows, rows + batch)))
        database.execute("COMMIT")
        rows += batch
    took = time.monotonic() - began
    database.close()
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    return rows / took


def fdatasyncs_per_s(folder, seconds=2.0):
    path = os.path.join(folder, "flush")
    with open(path, "wb", buffering=0) as out:
        count, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            out.write(bytes(4096))
            os.fdatasync(out.fileno())
            count += 1
        took = time.monotonic() - began
    os.remove(path)
    return count / took


def run(quick):
    folder = tempfile.mkdtemp(prefix="tidegate-log-")
    try:
        if shutil.disk_usage(folder).free < (2 << 30 if quick else 16 << 30):
            raise loopback.BenchError(f"{folder} has too little free space (16 GB are needed); set TMPDIR")
        changes = 20_000 if quick else 200_000
        sizes = {4: (1000 if quick else 10_000, 0), 5: (2000 if quick else 100_000, 0),
                 6: (1000 if quick else 10_000, 20_000 if quick else 1_000_000)}
        figures = {}
        reference = {"sqlite_inserts_per_s": sqlite_inserts_per_s(folder), "fdatasyncs_per_s": fdatasyncs_per_s(folder)}
        for order, (items, big) in sizes.items():
            found = log_bench(folder, items, changes, big)
            figures[f"changes_per_s_1e{order}"] = found["changes_per_s"]
            figures[f"cpu_us_per_change_1e{order}"] = found["cpu_us_per_change"]
            figures[f"fill_per_s_1e{order}"] = found["fill_per_s"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    notes = [f"{USERS} users, {changes:,} changes in pages of {PAGE}, {IN_FLIGHT} users at once; page cache {CACHE_MIB} MiB",
             "80 % new items, 20 % flag changes on random items; groups of at most 1,000 changes or 20 ms, WAL, FULL"]
    return figures, reference, notes
