"""JAX as an oracle: choral and JAX must agree on every program of the folder `programs`, both ways.

    tests/oracle/run                        # all programs
    tests/oracle/run --only convolution     # families or programs whose name holds this
    tests/oracle/run --keep FOLDER          # leaves texts and tensors there
    tests/oracle/run --texts FOLDER         # compares nothing: writes programs, single and mapped, and their
                                            # arguments, which tests/kept.rs runs on a GPU

`run` installs JAX, at the versions of requirements.txt, into a folder that git ignores, and starts
this file. The release build of the command must be there: `cargo build --release`.

Each program is checked in two directions, on arguments drawn anew for each of three members:

- import: choral reads what JAX lowers the function to. Its results are those of `jax.jit(f)`, on
  every device; under `--vmap` they are those of the single runs, stacked.
- export: choral reads, maps and prints the program. XLA compiles the text as it is, and its results
  are those of the single runs and those of `jax.vmap(f)`.

The mapped program is made twice: with every argument mapped, and with the first alone. Then it is
mapped once more in a way of its own, drawn by `nesting.py`: in any dimensions of arguments and
results, members of members too. Results are those of the same stack of `jax.vmap`.
Where a program's arguments are 64 bits wide, JAX runs with such types enabled.

Programs that JAX differentiates are differentiated, too (`derivatives.py`): `--grad` of the text alone, of the
mapped program, and mapped; and `--jvp`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zlib
from itertools import groupby
from pathlib import Path

import jax
import numpy as np
from jaxlib import xla_client
from safetensors.numpy import load_file, save_file

import derivatives
import nesting
from programs import PROGRAMS
from table import Program

ROOT = Path(__file__).resolve().parents[2]
DEVICES = ("reference", "cpu")
MEMBERS = 3

#: How far results may lie apart, relative to the largest of them; other types must agree exactly.
TOLERANCES = {"float64": 1e-10, "float32": 1e-5, "float16": 4e-3, "bfloat16": 3e-2}


class Failure(Exception):
    """What does not agree, in a sentence."""


class Choral:
    """The command under test."""

    def __init__(self, command: Path, folder: Path):
        self.command = command
        self.folder = folder

    def execute(self, *arguments):
        command = [self.command, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Failure(f"choral {arguments[0]} ends with {done.returncode}: {done.stderr.strip()}")

    def run(self, program, arguments, device, *transforms):
        inputs, output = self.folder / "in.safetensors", self.folder / "out.safetensors"
        save(arguments, inputs)
        self.execute("run", program, "--inputs", inputs, *transforms, "--output", output, "--device", device)
        results = load_file(output)
        return [results[str(at)] for at in range(len(results))]

    def export(self, program, *transforms):
        output = self.folder / "exported.mlir"
        self.execute("show", program, *transforms, "--axis-size", MEMBERS, "--as", "stablehlo", "-o", output)
        return output.read_text()


def save(arguments, file):
    """Writes tensors named by position."""
    save_file({str(at): np.array(value, order="C") for at, value in enumerate(arguments)}, file)


def lower(program: Program, arguments):
    """JAX's text of the function."""
    traced = jax.jit(program.function, keep_unused=True).trace(*arguments)
    return traced.lower(lowering_platforms=(program.platform,)).as_text()


def leaves(results):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(results)]


def run_in_xla(text, arguments):
    """The results of a text as XLA compiles and runs it."""
    device = jax.devices("cpu")[0]
    devices = xla_client.DeviceList((device,))
    try:
        executable = device.client.compile_and_load(text.encode(), devices, xla_client.CompileOptions())
    except jax.errors.JaxRuntimeError as error:
        raise Failure(f"XLA refuses the text: {error}") from error
    buffers = [jax.device_put(value, device) for value in arguments]
    results = executable.execute_sharded(buffers).disassemble_into_single_device_arrays()
    return [np.asarray(shards[0]) for shards in results]


def disagreeing(got, expected, slack):
    """Where two arrays of one type differ by more than they may."""
    tolerance = TOLERANCES.get(expected.dtype.name)
    if tolerance is None:
        return got != expected
    got, expected = got.astype("float64"), expected.astype("float64")
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, finite.max(initial=0.0))
    return ~np.isclose(got, expected, rtol=0, atol=slack * tolerance * scale, equal_nan=True)


def compare(what, got, expected, slack):
    """Raises the first difference between two lists of results."""
    if len(got) != len(expected):
        raise Failure(f"{what}: expected {len(expected)} results, got {len(got)}")
    for at, (mine, theirs) in enumerate(zip(got, expected, strict=True)):
        mine_type, their_type = f"{mine.dtype}{list(mine.shape)}", f"{theirs.dtype}{list(theirs.shape)}"
        if mine_type != their_type:
            raise Failure(f"{what}, result {at}: expected {their_type}, got {mine_type}")
        wrong = np.argwhere(disagreeing(mine, theirs, slack))
        if len(wrong):
            place = tuple(int(index) for index in wrong[0])
            raise Failure(
                f"{what}, result {at} {list(place)}: expected {theirs[place]}, got {mine[place]}"
                f" ({len(wrong)} of {mine.size} elements of {mine_type} differ)"
            )


def mappings(count):
    """Which arguments are mapped: all, then the first alone."""
    yield (True,) * count
    if count > 1:
        yield (True,) + (False,) * (count - 1)


def mapped_arguments(members, mapped):
    """What each member gets, where the others share those of the first; and all of it stacked."""
    shared = members[0]
    own = [
        [value if is_mapped else same for value, same, is_mapped in zip(draws, shared, mapped, strict=True)]
        for draws in members
    ]
    columns = zip(zip(*own, strict=True), mapped, strict=True)
    return own, [np.stack(column) if is_mapped else column[0] for column, is_mapped in columns]


def check_mapped(program, choral, text_file, members, mapped):
    """Both directions with these arguments mapped."""
    own, arguments = mapped_arguments(members, mapped)
    single = jax.jit(program.function)
    stacked = [np.stack(results) for results in zip(*(leaves(single(*draws)) for draws in own), strict=True)]

    transform = ("--vmap", ",".join("0" if is_mapped else "_" for is_mapped in mapped))
    how = " ".join(transform)
    for device in DEVICES:
        got = choral.run(text_file, arguments, device, *transform)
        compare(f"import under {how} on {device}", got, stacked, program.slack)
    exported = run_in_xla(choral.export(text_file, *transform), arguments)
    compare(f"export under {how} against single runs", exported, stacked, program.slack)
    if program.stacks:
        in_axes = [0 if is_mapped else None for is_mapped in mapped]
        vmapped = leaves(jax.jit(jax.vmap(program.function, in_axes))(*arguments))
        compare(f"export under {how} against jax.vmap", exported, vmapped, program.slack)


def check_nested(program, choral, text_file, rng, levels):
    """Against JAX's own nesting."""
    draws = enumerate(program.arguments)
    arguments = [nesting.stacked(rng, draw, levels, position) for position, draw in draws]
    expected = leaves(jax.jit(nesting.mapped(program.function, levels))(*arguments))
    transforms = [part for level in levels for part in ("--vmap", str(level))]
    for device in DEVICES:
        got = choral.run(text_file, arguments, device, *transforms)
        compare(f"{' '.join(transforms)} on {device}", got, expected, program.slack)


def check_derivatives(program, choral, text_file, rng, members):
    """Against JAX's gradients, with members inside and outside, and its tangents; whether it has any."""
    function, arguments = program.function, members[0]
    by = derivatives.floats(arguments)
    gradients = derivatives.expected(function, members, by) if by and program.differentiates else None
    if not gradients:
        return False
    slack = program.slack * derivatives.SLACK
    places = ",".join(map(str, by))
    for device in DEVICES:
        got = choral.run(text_file, arguments, device, "--grad", places)
        compare(f"gradient on {device}", got, gradients[0], slack)
    along = derivatives.directions(rng, arguments, by)
    got = choral.run(text_file, [*arguments, *along], "cpu", "--jvp", places)
    compare("jvp", got, derivatives.tangents(function, arguments, by, along), slack)
    stacked = [np.stack(column) for column in zip(*gradients, strict=True)]
    _, columns = mapped_arguments(members, (True,) * len(arguments))
    for transform in (("--grad", places, "--vmap", "0"), ("--vmap", "0", "--grad", places)):
        got = choral.run(text_file, columns, "cpu", *transform)
        compare(f"gradient under {' '.join(transform)}", got, stacked, slack)
    return True


def check(program: Program, choral: Choral):
    """Raises the first disagreement of a program; whether JAX differentiates it."""
    rng = np.random.default_rng(zlib.crc32(f"{program.family}/{program.name}".encode()))
    members = [[draw(rng) for draw in program.arguments] for _ in range(MEMBERS)]
    wide = any(argument.dtype.itemsize == 8 for argument in members[0])
    with jax.enable_x64(wide):
        text_file = choral.folder / "program.mlir"
        text_file.write_text(lower(program, members[0]))
        expected = leaves(jax.jit(program.function)(*members[0]))
        for device in DEVICES:
            got = choral.run(text_file, members[0], device)
            compare(f"import on {device}", got, expected, program.slack)
        for mapped in mappings(len(program.arguments)):
            check_mapped(program, choral, text_file, members, mapped)
        if program.stacks:
            ranks = [value.ndim for value in members[0]], [value.ndim for value in expected]
            check_nested(program, choral, text_file, rng, nesting.draw(rng, *ranks))
        return check_derivatives(program, choral, text_file, rng, members)


def write_texts(program: Program, command: Path, texts: Path):
    """What JAX lowers the function to, and that mapped in a way of its own, each with arguments for it."""
    rng = np.random.default_rng(zlib.crc32(f"{program.family}/{program.name}".encode()))
    arguments = [draw(rng) for draw in program.arguments]
    with jax.enable_x64(any(argument.dtype.itemsize == 8 for argument in arguments)):
        shapes = [value.ndim for value in jax.tree.leaves(jax.eval_shape(program.function, *arguments))]
        levels = nesting.draw(rng, [value.ndim for value in arguments], shapes)
        mapped = [nesting.stacked(rng, draw, levels, at) for at, draw in enumerate(program.arguments)]
        single = texts / f"{program.family}-{program.name}.mlir"
        single.write_text(lower(program, arguments))
    save(arguments, single.with_suffix(".safetensors"))
    several = texts / f"{program.family}-{program.name}-mapped.mlir"
    words = [word for level in levels for word in ("--vmap", str(level), "--axis-size", level.size)]
    Choral(command, texts).execute("show", single, *words, "-o", several)
    save(mapped, several.with_suffix(".safetensors"))


def outcome(program: Program, command: Path, keep: Path | None):
    """Why a program fails, or None; and whether its derivatives were compared."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if keep:
            folder = keep / f"{program.family}-{program.name}"
            folder.mkdir(parents=True, exist_ok=True)
        try:
            return None, check(program, Choral(command, folder))
        except (Failure, subprocess.TimeoutExpired) as reason:
            return str(reason), False


def report(family, programs, command, keep):
    """Checks a family and prints its line; the numbers of programs that fail, and that were differentiated."""
    outcomes = {program.name: outcome(program, command, keep) for program in programs}
    failures = {name: reason for name, (reason, _) in outcomes.items() if reason is not None}
    differentiated = sum(is_compared for _, is_compared in outcomes.values())
    print(
        f"{family:<12} {len(programs) - len(failures):>3} of {len(programs)}, {differentiated} differentiated",
        flush=True,
    )
    for name, reason in failures.items():
        print(f"  {family}/{name}: " + reason.replace("\n", "\n      "))
    return len(failures), differentiated


def arguments():
    parser = argparse.ArgumentParser(description="Compares choral with JAX.")
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "choral"
    parser.add_argument("--choral", type=Path, default=built, help="the command (default: the release build)")
    parser.add_argument("--only", default="", help="check programs whose family/name holds this")
    parser.add_argument("--keep", type=Path, help="leave texts and tensors in this folder")
    parser.add_argument("--texts", type=Path, help="compare nothing; write programs and arguments to this folder")
    return parser.parse_args()


def main():
    options = arguments()
    if not options.choral.exists():
        sys.exit(f"{options.choral} is missing; build it with: cargo build --release")
    chosen = [program for program in PROGRAMS if options.only in f"{program.family}/{program.name}"]
    if options.texts:
        options.texts.mkdir(parents=True, exist_ok=True)
        for program in chosen:
            write_texts(program, options.choral, options.texts)
        print(f"{len(chosen)} programs, each also mapped, are in {options.texts}")
        return 0
    families = groupby(chosen, key=lambda program: program.family)
    counts = [report(name, list(rows), options.choral, options.keep) for name, rows in families]
    failed, differentiated = (sum(column) for column in zip(*counts, strict=True))
    nested = sum(program.stacks for program in chosen)
    print(
        f"{'all':<12} {len(chosen) - failed:>3} of {len(chosen)}, {nested} of them under nestings of their own,"
        f" {differentiated} differentiated"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
