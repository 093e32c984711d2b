"""Factorisations and solves, which stay ops when JAX lowers for a TPU, and are LAPACK's for a CPU."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import definite, real, triangular
from table import family

row = family("linalg", slack=4)


def both(name, function, *arguments):
    """The same function as ops, and as calls of LAPACK."""
    row(name, function, *arguments, platform="tpu")
    row(f"{name}_lapack", function, *arguments, platform="cpu")


both("cholesky", jnp.linalg.cholesky, definite(4))
both("cholesky_batch", jnp.linalg.cholesky, definite(3, 2))
both("cholesky_double", jnp.linalg.cholesky, definite(4, dtype="float64"))
both(
    "solve_lower",
    lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True),
    triangular(4),
    real(4, 3),
)
both("solve_right", lambda a, b: lax.linalg.triangular_solve(a, b, lower=True), triangular(4), real(3, 4))
both(
    "solve_transposed",
    lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True, transpose_a=True),
    triangular(4, 2),
    real(2, 4, 3),
)
both(
    "solve_unit",
    lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True, unit_diagonal=True),
    triangular(3),
    real(3, 2),
)
both(
    "solve_positive",
    lambda a, b: jax.scipy.linalg.cho_solve((jnp.linalg.cholesky(a), True), b),
    definite(4),
    real(4),
)
both(
    "log_density",
    lambda x, c: jax.scipy.stats.multivariate_normal.logpdf(x, jnp.zeros(3), c),
    real(3),
    definite(3),
)
both("cholesky_gradient", jax.grad(lambda a: jnp.log(jnp.diagonal(jnp.linalg.cholesky(a))).sum()), definite(3))
