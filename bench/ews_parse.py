# SPDX-License-Identifier: Apache-2.0
"""Reading a page of SyncFolderItems into changes, beside libxml2's bare reader on the same octets, in one process."""
import json
import os
import subprocess

import loopback
import stage as st

SENTENCE = "a page of 512 changes of SyncFolderItems read into changes, beside libxml2's bare reader on the same octets"
GROUPS = []
TARGETS = ["bench/ews_parse_bench"]
GOALS = {"mb_s": (">=", 0.6, "reader_mb_s")}


def run(quick):
    words = ["--benchmark_format=json", f"--benchmark_repetitions={3 if quick else 9}", "--benchmark_min_time=0.2",
             "--benchmark_report_aggregates_only=true", "--benchmark_enable_random_interleaving=true"]
    done = subprocess.run([os.path.join(st.BUILD, "bench/ews_parse_bench"), *words], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise loopback.BenchError("ews_parse_bench: " + done.stderr)
    rows = [row for row in json.loads(done.stdout)["benchmarks"] if row.get("aggregate_name") == "median"]
    for row in rows:
        if row.get("error_occurred"):
            raise loopback.BenchError(f"ews_parse_bench: {row['run_name']}: {row.get('error_message')}")
    found = {row["run_name"]: row["mb_s"] for row in rows}
    return {"mb_s": found["mb_s"]}, {"reader_mb_s": found["reader_mb_s"]}, ["median of the repetitions; MB = 10^6 octets"]
