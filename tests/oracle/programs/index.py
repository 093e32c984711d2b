"""Places that are themselves values."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import integer, permutation, positive, real
from table import family

row = family("index")
row("static", lambda x: (x[1], x[:, -1], x[jnp.array([2, 0])]), real(3, 4))
row("rows", lambda x, i: x[i], real(5, 3), integer(0, 5, 4))
row("negative", lambda x, i: x[i], real(5, 3), integer(-5, 5, 4))
row("points", lambda x, i, j: x[i, j], real(5, 3), integer(0, 5, 6), integer(0, 3, 6))
row("clipped", lambda x, i: jnp.take(x, i, axis=1, mode="clip"), real(2, 5), integer(-3, 9, 4))
row("filled", lambda x, i: jnp.take(x, i, axis=0, mode="fill"), real(5, 2), integer(-9, 9, 6))
row("along_axis", lambda x, i: jnp.take_along_axis(x, i, 1), real(3, 5), integer(0, 5, 3, 2))
row("embedding", lambda table, ids: table[ids], real(9, 4, dtype="bfloat16"), integer(0, 9, 2, 3))
row("set", lambda x, i, y: x.at[i].set(y, unique_indices=True), real(5, 3), permutation(5), real(5, 3))
row("add", lambda x, i, y: x.at[i].add(y), real(5, 3), integer(0, 5, 8), real(8, 3))
for dtype, slack in (("bfloat16", 1), ("float16", 4)):
    row(
        f"add_{dtype}",
        lambda x, i, y: x.at[i].add(y),
        real(3, dtype=dtype),
        integer(0, 3, 900),
        positive(900, dtype=dtype),
        # Where JAX scatters float16, XLA rounds after every update.
        slack=slack,
    )
row("multiply", lambda x, i: x.at[i].multiply(2), real(5, 3), integer(0, 5, 4))
row("max", lambda x, i, y: x.at[i].max(y), real(5), integer(0, 7, 8), real(8))
row(
    "min_integers",
    lambda x, i, y: x.at[:, i].min(y),
    integer(-9, 9, 2, 5),
    integer(0, 5, 3),
    integer(-9, 9, 2, 3),
)
row("points_add", lambda x, i, y: x.at[i, i].add(y), real(4, 4), integer(0, 4, 6), real(6))
row("segment_sum", lambda x, i: jax.ops.segment_sum(x, i, 4), real(9, 2), integer(0, 4, 9))
row("histogram", lambda x: jnp.bincount(x, length=6), integer(0, 6, 20))
row(
    "dynamic_slice",
    lambda x, i, j: lax.dynamic_slice(x, (i, j), (2, 3)),
    real(5, 6),
    integer(-2, 9),
    integer(-2, 9),
)
row(
    "dynamic_update",
    lambda x, y, i: lax.dynamic_update_slice(x, y, (i, 1)),
    real(5, 6),
    real(2, 3),
    integer(-2, 9),
)
row("dynamic_index", lambda x, i: lax.dynamic_index_in_dim(x, i, 1, False), real(3, 7), integer(0, 7))
row("vmapped_slice", jax.vmap(lambda x, i: lax.dynamic_slice(x, (i,), (2,))), real(3, 6), integer(0, 5, 3))
row("gather_gradient", jax.grad(lambda x, i: (x[i] ** 2).sum()), real(5, 3), integer(0, 5, 7))
row("tables", lambda x, i: jax.vmap(lambda x, i: x[i])(x, i), real(4, 5, 2), integer(0, 5, 4, 3))
