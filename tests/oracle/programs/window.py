"""Folding sliding windows: pooling, its gradients, and cumulative sums."""

import jax
import numpy as np
from jax import lax

import networks
from arguments import integer, real, unit
from table import family

row = family("window")
row("max_pool", networks.max_pool, real(2, 3, 6, 8))
row("overlapping_max_pool", networks.overlapping_max_pool, real(1, 2, 7, 6))
row("average_pool", networks.average_pool, real(1, 2, 5, 6))
row(
    "dilated",
    lambda x: lax.reduce_window(x, 0.0, lax.add, (2, 3), (1, 2), ((1, 1), (0, 2)), (2, 1), (1, 2)),
    real(5, 6),
)
row(
    "min_pool_integers",
    lambda x: lax.reduce_window(x, np.int32(99), lax.min, (3,), (2,), "SAME"),
    integer(-9, 9, 8),
)
for function in (lax.cumsum, lax.cumprod, lax.cummax, lax.cummin, lax.cumlogsumexp):
    row(function.__name__, function, unit(6, 3), slack=4)
    row(f"{function.__name__}_window", function, unit(6, 3), platform="tpu", slack=4)
for dtype in ("bfloat16", "float16"):
    row(f"cumsum_{dtype}", lambda x: lax.cumsum(x, 0), unit(400, 2, dtype=dtype), platform="tpu")
    row(f"average_pool_{dtype}", networks.average_pool, real(1, 2, 5, 6, dtype=dtype))
row("cumsum_reverse", lambda x: lax.cumsum(x, 1, reverse=True), integer(-9, 9, 2, 5), platform="tpu")
row("max_pool_gradient", jax.grad(lambda x: (networks.max_pool(x) ** 2).sum()), real(2, 2, 4, 6))
row(
    "overlapping_gradient",
    jax.grad(lambda x: (networks.overlapping_max_pool(x) ** 2).sum()),
    real(1, 2, 6, 5),
)
row("average_gradient", jax.grad(lambda x: (networks.average_pool(x) ** 2).sum()), real(1, 2, 4, 4))
