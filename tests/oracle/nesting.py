"""Ways to map a program: which dimensions hold the members, at one level of members or several.

A way is drawn for each program, the same at every run: one level for some programs, members of
members for others, and members of those. At each level every argument has its members in any
dimension or shares one value, and every result has them in any dimension.
"""

from dataclasses import dataclass

import jax
import numpy as np

SIZES = (3, 2, 1, 2)
DEPTHS = (1, 2, 2, 3)


@dataclass(frozen=True)
class Level:
    """Where the members are, counted within what the levels inside have made."""

    size: int
    in_axes: tuple
    out_axes: tuple

    def __str__(self):
        """As `--vmap` takes it."""
        entries = ["_" if axis is None else str(axis) for axis in self.in_axes]
        return f"{','.join(entries)}->{','.join(map(str, self.out_axes))}"


def draw(rng, in_ranks, out_ranks):
    """Levels for a function of arguments and results of these ranks, the innermost first."""
    levels = []
    in_ranks, out_ranks = list(in_ranks), list(out_ranks)
    for _ in range(rng.choice(DEPTHS)):
        in_axes = [axis(rng, rank) if rng.random() < 2 / 3 else None for rank in in_ranks]
        if all(chosen is None for chosen in in_axes):
            in_axes[0] = axis(rng, in_ranks[0])
        level = Level(int(rng.choice(SIZES)), tuple(in_axes), tuple(axis(rng, rank) for rank in out_ranks))
        levels.append(level)
        in_ranks = [rank + (chosen is not None) for rank, chosen in zip(in_ranks, in_axes, strict=True)]
        out_ranks = [rank + 1 for rank in out_ranks]
    return levels


def axis(rng, rank):
    """A place for one more dimension; negative ones count from the end."""
    return int(rng.integers(-rank - 1, rank + 1))


def stacked(rng, draw_one, levels, argument):
    """An argument of all members, each drawn by itself."""
    if not levels:
        return draw_one(rng)
    *inside, outermost = levels
    axis_of_members = outermost.in_axes[argument]
    if axis_of_members is None:
        return stacked(rng, draw_one, inside, argument)
    members = [stacked(rng, draw_one, inside, argument) for _ in range(outermost.size)]
    return np.stack(members, axis_of_members)


def mapped(function, levels):
    """What JAX makes of the function; its results are a flat tuple."""

    def flat(*arguments):
        return tuple(jax.tree.leaves(function(*arguments)))

    for level in levels:
        flat = jax.vmap(flat, level.in_axes, level.out_axes)
    return flat
