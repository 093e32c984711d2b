#!/usr/bin/env python3
"""Writes what `run` found on a GPU as a page: python3 benches/gpu/report.py OUT > benches/results/<gpu>.md"""
import json
import re
import sys
from pathlib import Path

PEERS = ("torch eager", "torch compile", "jax jit_vmap highest", "jax jit_vmap default")
# At the precision of ours, true f32.
EQUAL = PEERS[:3]


def text(out, name):
    file = out / name
    return file.read_text(errors="replace") if file.exists() else ""


def rows(out):
    """By workload, then by framework and mode."""
    by_name, others = {}, []
    for line in text(out, "times.jsonl").splitlines():
        row = json.loads(line)
        if row["workload"] == "peaks":
            others.append(row)
            continue
        mode = "choral" if row["framework"] == "choral" else f"{row['framework']} {row.get('mode', '')}"
        by_name.setdefault(row["workload"], {})[mode] = row
    return by_name, others


def number(row, key):
    value = (row or {}).get(key)
    return "-" if value is None else f"{value:.1f}"


def table(by_name, key):
    """A line for each workload; how many times the best peer's time of equal precision ours fits into."""
    yield f"| workload | choral | {' | '.join(PEERS)} | best peer / choral |"
    yield "|---|---:|" + "---:|" * (len(PEERS) + 1)
    for name, modes in by_name.items():
        times = [modes[peer].get(key) for peer in EQUAL if peer in modes]
        times = [time for time in times if time]
        ours = modes.get("choral", {}).get(key)
        ratio = f"{min(times) / ours:.2f}" if times and ours else "-"
        cells = [number(modes.get(mode), key) for mode in ("choral", *PEERS)]
        yield f"| {name} | {' | '.join(cells)} | {ratio} |"


def shares(by_name):
    yield "| workload | Gflop/s | of peak | GB/s | of bandwidth | compile, ms |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, modes in by_name.items():
        row = modes.get("choral", {})
        part = lambda key: "-" if row.get(key) is None else f"{row[key]:.3f}"
        first = [number(row, "gflops"), part("of_peak"), number(row, "gb_per_s"), part("of_bandwidth")]
        yield f"| {name} | {' | '.join(first)} | {number(row, 'compile_ms')} |"


def section(title, lines):
    print(f"\n## {title}\n")
    print("\n".join(lines))


def main():
    out = Path(sys.argv[1])
    by_name, others = rows(out)
    machine = text(out, "machine.txt")
    card = re.search(r"^cuda:0: (.*)$", machine, re.MULTILINE)
    print(f"# choral on {card.group(1).split(',')[0] if card else 'no GPU'}")
    print("\nWritten by `benches/gpu/report.py` from a run of `benches/gpu/run`. Times are medians in microseconds.")
    section("Machine", ["```text", machine.strip(), "```"])
    outcomes = [text(out, name) for name in ("digits.txt", "programs.txt", "sanitizer.txt", "laws.txt", "times.txt")]
    kept = re.compile(r"programs pass on|give the processor's bits|programs in the time that|test result|^digits:|: done in|"
                      r"stopped after|FAILED|no time left|is missing|ERROR SUMMARY")  # fmt: skip
    section("Outcomes", [f"- {line}" for part in outcomes for line in part.splitlines() if kept.search(line)] or ["- none"])
    section("Time on the device", [
        "Of each of many calls in a row, by the GPU's clock; JAX shows none, so its times are the host's.", "",
        *table(by_name, "device_us"),
    ])  # fmt: skip
    section("Time of a call, results staying on the GPU", table(by_name, "wall_us"))
    section("Time of a call, results read by the host", table(by_name, "median_us"))
    section("Share of the card's peak, by the time on the device", shares(by_name))
    for row in others:
        print("\nWhat PyTorch reached: " + ", ".join(f"{key} {value:.0f}" for key, value in row.items() if isinstance(value, float)))
    faults = [
        f"- {name}, {mode}: {row.get('error') or row['faults']}"
        for name, modes in by_name.items() for mode, row in modes.items() if row.get("error") or row.get("faults")
    ]  # fmt: skip
    section("Faults", faults or ["- none"])


if __name__ == "__main__":
    main()
