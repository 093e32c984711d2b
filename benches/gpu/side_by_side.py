#!/usr/bin/env python3
"""The workloads of `cargo bench --bench workloads -- --device cuda` beside PyTorch and JAX on one GPU; `run` starts it.

    python3 benches/gpu/side_by_side.py --workloads BINARY --out times.jsonl [--limit 300] [--seconds 0.3] [--only W2,W3]

First choral on every workload, then the peers on one after the other, each in a process that lives on; each result is
written as it comes. A peer that takes too long over a workload is ended and starts anew with the next. PyTorch runs as
`torch.func.vmap` and as `torch.compile(mode="reduce-overhead")` of that, JAX as `jit(vmap)` at precision `highest` and
at its default. Of each mode there are three times in microseconds, with arguments on the GPU:

- `median_us`: until the results have been read by the host;
- `wall_us`: until the GPU is done, results staying there;
- `device_us`: of each of many such calls in a row, by the GPU's clock (JAX, which shows none: by the host's).

It needs no package: without PyTorch or JAX it says so and goes on.
"""
import argparse
import importlib.util
import json
import os
import queue
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# Calls before any is timed, the least number of timed ones, and rounds of calls in a row.
WARM, RUNS, ROUNDS = 4, 5, 5

# What compiles for long comes last.
LAST = ["W12_lstm", "W11_rollout"]


def worker(framework):
    """Times what lines of input name: a line for each mode as it is done, then an empty list."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if framework == "torch":
        from frameworks import with_torch as programs
    else:
        from frameworks import with_jax as programs
    from frameworks.arguments import ARGUMENTS, LARGE

    def answer(row):
        print(json.dumps(row), file=answers, flush=True)

    for line in sys.stdin:
        name, seconds = line.split()
        try:
            if name == "peaks":
                answer(programs.peaks())
            else:
                for mode, call in programs.on_gpu(name, *{**ARGUMENTS, **LARGE}[name]()):
                    answer(dict(mode=mode, **timed(programs, call, float(seconds))))
                    del call
        except Exception as error:
            answer(dict(mode="-", error=f"{type(error).__name__}: {error}"[:300]))
        answer([])
        programs.forget()


def timed(programs, call, seconds):
    """The three times of a call."""
    start = time.perf_counter()
    programs.wait(call())
    first = time.perf_counter() - start
    for _ in range(WARM):
        programs.wait(call())
    wall, read = [times_of(call, after, seconds) for after in (programs.wait, programs.read)]
    runs = int(min(1000, max(1, seconds * 1e5 / quantile(wall, 0.5))))
    try:
        device = statistics.median(programs.device_us(call, runs) for _ in range(ROUNDS))
    except RuntimeError:  # no GPU
        device = None
    return dict(
        median_us=quantile(read, 0.5), p10=quantile(read, 0.1), p90=quantile(read, 0.9), n=len(read),
        wall_us=quantile(wall, 0.5), device_us=device and round(device, 1), first_ms=round(first * 1e3, 1),
    )  # fmt: skip


def times_of(call, after, seconds):
    """Microseconds of calls, each with what comes after it, in ascending order."""
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < RUNS:
        start = time.perf_counter()
        after(call())
        times.append((time.perf_counter() - start) * 1e6)
    return sorted(times)


def quantile(times, share):
    return round(times[round(share * (len(times) - 1))], 1)


class Peer:
    """A framework in a process of its own."""

    def __init__(self, framework, errors):
        self.framework, self.errors, self.process, self.lines = framework, errors, None, None

    def __call__(self, name, seconds, limit):
        """Rows of the modes that are done within so many seconds."""
        if self.process is None:
            self.start()
        end = time.monotonic() + limit
        try:
            print(name, seconds, file=self.process.stdin, flush=True)
            while line := self.lines.get(timeout=max(0.0, end - time.monotonic())):
                row = json.loads(line)
                if not row:
                    return
                yield row
            yield dict(mode="-", error="the process ended")
        except BrokenPipeError:
            yield dict(mode="-", error="the process ended")
        except queue.Empty:
            yield dict(mode="-", error=f"not done in {limit:.0f} s")
        self.stop()

    def start(self):
        command = [sys.executable, __file__, "--worker", self.framework]
        pipe = subprocess.PIPE
        # JAX would take three quarters of the memory at once.
        environment = dict(os.environ, XLA_PYTHON_CLIENT_PREALLOCATE="false")
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, env=environment
        )
        self.lines = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process.stdout, self.lines), daemon=True).start()

    @staticmethod
    def listen(stream, lines):
        """Hands over lines as they come, and an empty one at the end."""
        for line in stream:
            lines.put(line)
        lines.put("")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def choral(binary, name, seconds, limit, device, errors):
    """Rows of a run of our own benchmark."""
    command = [binary, "--only", name, "--seconds", str(seconds), "--device", device]
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return [dict(mode="vmap", error=f"not done in {limit:.0f} s")]
    errors.write(ran.stderr)
    errors.flush()
    rows = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    rows = [row for row in rows if row.get("workload") == name]
    return rows or [dict(mode="vmap", error=(ran.stderr.strip() or f"ended with {ran.returncode}")[-300:])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", help="the benchmark `workloads`, as it was built")
    parser.add_argument("--out", default="times.jsonl", help="where lines of JSON are added")
    parser.add_argument("--errors", default="/dev/null", help="where messages are added")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default="", help="names, or what they begin with before a _")
    parser.add_argument("--limit", type=float, default=300, help="seconds for all")
    parser.add_argument("--each", type=float, default=60, help="seconds for a framework and a workload")
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each is timed")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker)

    end = time.monotonic() + options.limit
    left = lambda: min(options.each, end - time.monotonic())
    only = options.only.split(",") if options.only else []
    # As `frameworks.arguments` has them, which needs NumPy.
    names = "W1_seed_linear W2_mlp_shared W2b_mlp_permember W3_rl_b1 W3b_rl_b32 W4_mlp_big W5_cnn W6_transformer"
    names += " W7_train_step W8_per_sample_grad W9_elementwise W10_predictive G1_mlp_bf16 G2_policies G3_resnet"
    names = [*names.split(), "G4_transformer_bf16", *LAST]
    names = [name for name in names if not only or name in only or name.split("_")[0] in only]
    out, errors = open(options.out, "a"), open(options.errors, "a")

    def write(framework, name, row):
        row = dict(row, workload=name, framework=framework)
        print(json.dumps(row), file=out, flush=True)
        shown = row.get("error") or " ".join(f"{key} {row.get(key)}" for key in ("device_us", "wall_us", "median_us"))
        print(f"{name:22} {framework:7} {row.get('mode', ''):20} {shown} {row.get('faults') or ''}", flush=True)

    for name in names:
        if left() < 1:
            print(f"no time left for choral from {name} on")
            break
        for row in choral(options.workloads, name, options.seconds, left(), options.device, errors):
            write("choral", name, row)

    peers = []
    for framework in ("torch", "jax"):
        if importlib.util.find_spec(framework):
            peers.append(Peer(framework, errors))
        else:
            print(f"{framework} is missing: its times are left out", flush=True)
    if peers and peers[0].framework == "torch" and not only and left() > 5:
        for row in peers[0]("peaks", 0, left()):
            write("torch", "peaks", row)
    for name in names:
        for peer in peers:
            if left() < 5:
                print(f"no time left for {peer.framework} on {name}", flush=True)
                continue
            for row in peer(name, options.seconds, left()):
                write(peer.framework, name, row)
    for peer in peers:
        peer.stop()


if __name__ == "__main__":
    main()
