#!/usr/bin/env python3
"""The workloads of `cargo bench --bench workloads` in PyTorch and JAX beside choral, in one go on one machine.

    python3 -m venv .venv && .venv/bin/pip install jax torch    # either may be missing
    .venv/bin/python benches/peers.py [--only W2,sort] [--rounds 9] [--seconds 0.2] [--threads N] [--jsonl FILE]

For each workload, every framework runs in turn, round after round, so that what else the machine does hits all: many
short rounds rather than few long ones, as virtual processors may for seconds be threads of one core. The time of a
framework in a round is the median of its calls, and its time the median of its rounds. PyTorch runs as a loop over
members, as `torch.func.vmap` and as `torch.compile` of that, JAX as `jit(vmap)`. All are held to the same processors, as
many as there are threads. The table gives the best peer, choral, and how many times choral is faster; geometric means
stand below it. `--jsonl` keeps a line for each workload, framework, mode and round. Where JAX and PyTorch run one
workload, their results are compared.
"""
import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# Calls before any is timed, and the least number of timed ones.
WARM, RUNS = 2, 5

# Results that depend on random numbers or on where a path of equal worth leads.
UNLIKE = {"hmc", "threefry_bits"}


def worker(framework, threads):
    """Times what lines of input name, and answers with a line each."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if framework == "torch":
        import torch

        torch.set_num_threads(threads)
        from frameworks import with_torch as programs
    else:
        from frameworks import with_jax as programs
    from frameworks.arguments import ARGUMENTS

    known, calls = None, {}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        name, seconds = line.split()
        if name != known:
            has = name in programs.PROGRAMS
            known, calls = name, programs.modes(name, *ARGUMENTS[name]()) if has else {}
        rows = [timed(programs, mode, call, float(seconds)) for mode, call in list(calls.items())]
        for row in rows:
            if "error" in row:
                calls.pop(row["mode"])
        print(json.dumps(rows), file=answers, flush=True)


def timed(programs, mode, call, seconds):
    """Microseconds of a call, and what its results come to."""
    try:
        for _ in range(WARM):
            results = call()
    except Exception as error:
        return dict(mode=mode, error=str(error)[:200])
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < RUNS:
        start = time.perf_counter()
        results = call()
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    at = lambda share: round(times[round(share * (len(times) - 1))], 1)
    total = sum(float(abs(leaf).sum()) for leaf in programs.leaves(results))
    return dict(mode=mode, median_us=at(0.5), p10=at(0.1), p90=at(0.9), n=len(times), total=total)


class Peer:
    """A framework in a process of its own."""

    def __init__(self, framework, threads):
        self.framework = framework
        command = [sys.executable, __file__, "--worker", framework, "--threads", str(threads)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)

    def __call__(self, name, seconds):
        try:
            print(name, seconds, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else [dict(mode="-", error="the process ended")]


class Choral:
    """The benchmark binary, a process for each call."""

    framework = "choral"

    def __init__(self, threads):
        command = ["cargo", "bench", "--package", "choral-benches", "--bench", "workloads", "--no-run", "--message-format=json"]
        built = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True).stdout
        made = [message for message in map(json.loads, built.splitlines()) if message.get("executable")]
        self.binary = next(message["executable"] for message in made if message["target"]["name"] == "workloads")
        self.threads = threads

    def __call__(self, name, seconds):
        command = [self.binary, "--only", name, "--seconds", str(seconds), "--threads", str(self.threads)]
        ran = subprocess.run(command, capture_output=True, text=True)
        rows = [json.loads(line) for line in ran.stdout.splitlines()]
        rows = [row for row in rows if row.get("workload") == name]
        return rows if rows and ran.returncode == 0 else [dict(mode="vmap", error=ran.stderr.strip()[:200])]


def present(threads):
    """The frameworks that are installed; says which are not."""
    found = []
    for framework in ("jax", "torch"):
        if importlib.util.find_spec(framework):
            found.append(Peer(framework, threads))
        else:
            print(f"{framework} is missing: {sys.executable} -m pip install {framework}", file=sys.stderr)
    return found


def compared(name, rows):
    """Says where results of two peers are not the same."""
    totals = {f"{row['framework']} {row['mode']}": row["total"] for row in rows if "total" in row}
    if name in UNLIKE or not totals:
        return
    low, high = min(totals.values()), max(totals.values())
    if high - low > 1e-2 * abs(high):
        print(f"{name}: results differ: {totals}", file=sys.stderr)


def row_of(name, rows):
    """A line of the table, and the ratio in it."""
    rounds = {}
    for row in rows:
        if "error" not in row:
            rounds.setdefault((row["framework"], row["mode"]), []).append(row["median_us"])
    best = {key: statistics.median(times) for key, times in rounds.items()}
    ours = min((time for (framework, _), time in best.items() if framework == "choral"), default=None)
    peers = [(time, " ".join(key)) for key, time in best.items() if key[0] != "choral"]
    if not peers or ours is None:
        return f"{name:22} {'':>26} {ours or math.nan:12.1f}", None
    least, which = min(peers)
    return f"{name:22} {which:>14} {least:11.1f} {ours:12.1f} {least / ours:8.3f}", least / ours


def mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="names, or what they begin with before a _")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.2, help="how long each is timed in a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--jsonl", help="where lines of JSON are added")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker, options.threads)

    from frameworks.arguments import ARGUMENTS

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    only = options.only.split(",") if options.only else []
    names = [name for name in ARGUMENTS if not only or name in only or name.split("_")[0] in only]
    frameworks = [*present(options.threads), Choral(options.threads)]
    print(f"{'workload':22} {'best peer':>14} {'us':>11} {'choral, us':>12} {'ratio':>8}", flush=True)
    ratios = {}
    for name in names:
        rows = []
        for turn in range(options.rounds):
            for framework in frameworks:
                for row in framework(name, options.seconds):
                    rows.append(dict(row, workload=name, framework=framework.framework, round=turn))
        if options.jsonl:
            with open(options.jsonl, "a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        for row in rows:
            if "error" in row and row["round"] == 0:
                print(f"{name}: {row['framework']} {row['mode']}: {row['error']}", file=sys.stderr)
        compared(name, rows)
        line, ratio = row_of(name, rows)
        print(line, flush=True)
        if ratio:
            ratios[name] = ratio
    numbered = [ratio for name, ratio in ratios.items() if name.startswith("W")]
    others = [ratio for name, ratio in ratios.items() if not name.startswith("W")]
    for what, group in (("W1 to W12", numbered), ("others", others)):
        if group:
            print(f"geometric mean of {what}: {mean(group):.3f}")


if __name__ == "__main__":
    main()
