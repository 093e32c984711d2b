"""How arguments of programs are drawn.

Each function here returns a draw: a function from a random generator to one array. A program keeps
draws rather than arrays because every member of an ensemble gets arrays of its own.
"""

import ml_dtypes  # noqa: F401  (numpy learns the name "bfloat16" from it)
import numpy as np


def real(*shape, dtype="float32"):
    """Normally distributed."""
    return lambda rng: np.asarray(rng.standard_normal(shape), dtype)


def positive(*shape, dtype="float32"):
    """Between 0.1 and 4."""
    return lambda rng: np.asarray(rng.uniform(0.1, 4.0, shape), dtype)


def unit(*shape, dtype="float32"):
    """Between -0.95 and 0.95."""
    return lambda rng: np.asarray(rng.uniform(-0.95, 0.95, shape), dtype)


def near_one(*shape, dtype="float32"):
    """Between 0.99 and 1.02: products of many are neither large nor small."""
    return lambda rng: np.asarray(rng.uniform(0.99, 1.02, shape), dtype)


def above_one(*shape, dtype="float32"):
    """Between 1.05 and 4."""
    return lambda rng: np.asarray(rng.uniform(1.05, 4.0, shape), dtype)


def special(*shape, dtype="float32"):
    """Infinities, NaN, zeros of both signs and small numbers, in random order."""
    values = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, -0.5, 1.5]
    return lambda rng: np.asarray(rng.choice(values, shape), dtype)


def integer(low, high, *shape, dtype="int32"):
    """At least `low`, less than `high`."""
    return lambda rng: np.asarray(rng.integers(low, high, shape), dtype)


def boolean(*shape):
    """Either, equally often."""
    return lambda rng: np.asarray(rng.integers(0, 2, shape), "bool")


def bits(*shape, dtype="uint32"):
    """Any bits at all: random keys, and integers that overflow."""
    limits = np.iinfo(dtype)
    return lambda rng: np.asarray(rng.integers(limits.min, limits.max, shape, dtype, endpoint=True))


def permutation(size):
    """The numbers below `size` in random order."""
    return lambda rng: rng.permutation(size).astype("int32")


def definite(size, *batch, dtype="float32"):
    """Symmetric and positive definite matrices."""

    def draw(rng):
        factor = rng.standard_normal((*batch, size, size))
        return np.asarray(factor @ factor.swapaxes(-1, -2) + size * np.eye(size), dtype)

    return draw


def triangular(size, *batch, dtype="float32"):
    """Lower triangular matrices that are well conditioned."""

    def draw(rng):
        full = rng.standard_normal((*batch, size, size))
        return np.asarray(np.tril(full) + size * np.eye(size), dtype)

    return draw
