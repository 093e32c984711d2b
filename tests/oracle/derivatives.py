"""Derivatives: `--grad` and `--jvp` of the text that JAX lowers a function to, against JAX's own.

The gradient is that of the sum of all results that hold floats, by every argument that does. It is taken
alone, of the mapped program, and mapped: with members, all three are `jax.vmap(jax.grad(f))`.
"""

import jax
import numpy as np

#: What a gradient adds to the tolerance of a program: it goes through all of it twice.
SLACK = 4.0


def holds_floats(value):
    return jax.numpy.issubdtype(value.dtype, jax.numpy.floating)


def floats(arguments):
    """The numbers of the arguments that hold floats."""
    return [at for at, value in enumerate(arguments) if holds_floats(value)]


def of_floats(function, arguments, by):
    """The function of the arguments `by` alone, and their values."""

    def inner(*given):
        whole = list(arguments)
        for at, value in zip(by, given, strict=True):
            whole[at] = value
        return jax.tree.leaves(function(*whole))

    return inner, [arguments[at] for at in by]


def gradient(function, arguments, by):
    """The gradient of the sum of all float results."""
    inner, given = of_floats(function, arguments, by)

    def pulled_back(*given):
        results, pull = jax.vjp(inner, *given)
        return pull([one(result) for result in results])

    return [np.asarray(leaf) for leaf in jax.jit(pulled_back)(*given)]


def one(result):
    if holds_floats(result):
        return jax.numpy.ones(result.shape, result.dtype)
    return np.zeros(result.shape, jax.dtypes.float0)


def tangents(function, arguments, by, along):
    """The results, then the tangents of those that hold floats."""
    inner, given = of_floats(function, arguments, by)
    results, found = jax.jit(lambda *pairs: jax.jvp(inner, pairs[: len(by)], pairs[len(by) :]))(*given, *along)
    return [np.asarray(leaf) for leaf in results] + [
        np.asarray(tangent) for result, tangent in zip(results, found, strict=True) if holds_floats(result)
    ]


def directions(rng, arguments, by):
    """A tangent for each argument that is differentiated by."""
    return [
        np.asarray(rng.standard_normal(np.shape(arguments[at]))).astype(arguments[at].dtype) for at in by
    ]


def expected(function, members, by):
    """The gradients of each member; None where there are no floats, or JAX does not differentiate backwards."""
    if not any(map(holds_floats, jax.tree.leaves(jax.eval_shape(function, *members[0])))):
        return None
    try:
        return [gradient(function, draws, by) for draws in members]
    except (NotImplementedError, TypeError, ValueError):
        return None
