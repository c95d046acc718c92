# SPDX-License-Identifier: Apache-2.0
"""Runs one bench and tells its figures. Usage: bench.py [--groups | --targets] [--quick] [--json FILE] [NAME]
Called by scripts/bench.sh, which installs and builds first."""
import argparse
import importlib
import json
import os
import platform
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scripts")]
sys.dont_write_bytecode = True

NAMES = ["push-latency", "idle-users", "relay-density", "e2e", "log", "mock-throughput", "backfill",
         "dav-first-sync", "dav-watch", "ews-parse", "ews-first-sync", "ews-watch"]


def module(name):
    return importlib.import_module(name.replace("-", "_"))


def machine():
    cpu, memory_kib = platform.machine(), 0
    with open("/proc/cpuinfo") as table:
        for line in table:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as table:
        memory_kib = int(table.readline().split()[1])
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory_kib / 2**20, 1),
            "kernel": platform.release()}


def limit_of(goal, figures, reference):
    _, factor, of = goal
    return factor * {**reference, **figures}[of] if of else factor


def met(wanted, value, limit):
    return value < limit if wanted == "<" else value <= limit if wanted == "<=" else value >= limit


def amount(value):
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.2f}"


def show(name, goals, figures, reference, notes):
    print(f"\n{name}\n")
    missed = []
    for key, value in figures.items():
        words = ""
        if key in goals:
            wanted, limit = goals[key][0], limit_of(goals[key], figures, reference)
            fine = met(wanted, value, limit)
            words = f"goal {wanted} {amount(limit)}: {'met' if fine else 'MISSED'}"
            missed += [] if fine else [key]
        print(f"  {key:34} {amount(value):>12}  {words}")
    for key, value in reference.items():
        print(f"  {key:34} {amount(value):>12}  reference")
    print()
    for note in notes:
        print("  " + note)
    return missed


def run(name, quick, path):
    import loopback
    import stage
    bench = module(name)
    try:
        figures, reference, notes = bench.run(quick)
    except (loopback.BenchError, stage.StageError, OSError) as error:
        print(f"bench {name} cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"bench {name} was stopped", file=sys.stderr)
        return 1
    if quick:
        notes = ["quick: far fewer of everything; shows that the bench works, not how fast anything is"] + notes
    missed = show(name, bench.GOALS, figures, reference, notes)
    if path:
        with open(path, "w") as out:
            json.dump({"bench": name, "machine": machine(), "figures": figures, "reference": reference,
                       "notes": notes, "missed": missed}, out, indent=1)
            out.write("\n")
    return 0


def main():
    words = argparse.ArgumentParser(usage="scripts/bench.sh [NAME] [--json FILE] [--quick]")
    words.add_argument("name", nargs="?", choices=NAMES)
    words.add_argument("--json", metavar="FILE", help="also write the figures to this file")
    words.add_argument("--quick", action="store_true", help="far fewer of everything: does the bench still work?")
    words.add_argument("--groups", action="store_true", help=argparse.SUPPRESS)
    words.add_argument("--targets", action="store_true", help=argparse.SUPPRESS)
    said = words.parse_args()
    if not said.name:
        print("Benches (scripts/bench.sh NAME [--json FILE] [--quick]):")
        for name in NAMES:
            print(f"  {name:16} {module(name).SENTENCE}")
        return 0
    if said.groups or said.targets:
        print(" ".join(module(said.name).GROUPS if said.groups else module(said.name).TARGETS))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    return run(said.name, said.quick, said.json)


if __name__ == "__main__":
    sys.exit(main())
