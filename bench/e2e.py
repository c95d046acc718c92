# SPDX-License-Identifier: Apache-2.0
"""Sealing and opening of Tidegate's stream beside bare AES-256-GCM of OpenSSL, in one process."""
import json
import os
import subprocess

import loopback
import stage as st

SENTENCE = "sealing and opening of 16 KiB frames, beside bare AES-256-GCM of OpenSSL in the same process"
GROUPS = []
TARGETS = ["bench/e2e_bench"]
GOALS = {"seal_mb_s_16k": (">=", 0.7, "openssl_gcm_mb_s_16k"), "open_mb_s_16k": (">=", 0.7, "openssl_gcm_open_mb_s_16k")}
KEYS = {"reference_evp_seal_mb_s_16k": "openssl_gcm_mb_s_16k", "reference_evp_open_mb_s_16k": "openssl_gcm_open_mb_s_16k"}


def run(quick):
    # Interleaved, so that a busy neighbour meets all of them alike.
    words = ["--benchmark_format=json", f"--benchmark_repetitions={3 if quick else 9}", "--benchmark_min_time=0.2",
             "--benchmark_report_aggregates_only=true", "--benchmark_enable_random_interleaving=true"]
    done = subprocess.run([os.path.join(st.BUILD, "bench/e2e_bench"), *words], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise loopback.BenchError("e2e_bench: " + done.stderr)
    figures, reference = {}, {}
    for row in json.loads(done.stdout)["benchmarks"]:
        if row.get("aggregate_name") != "median":
            continue
        name = row["run_name"]
        if row.get("error_occurred"):
            raise loopback.BenchError(f"e2e_bench: {name}: {row.get('error_message')}")
        if name in KEYS:
            reference[KEYS[name]] = row["mb_s"]
        elif "mb_s" in row:
            figures[name if "mb_s" in name else name + "_mb_s"] = row["mb_s"]
        else:
            figures[name + "_per_s"] = row["items_per_second"]
    return figures, reference, ["median of the repetitions; MB = 10^6 octets of content"]
