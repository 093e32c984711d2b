"""Folding dimensions away."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from arguments import bits, boolean, integer, near_one, positive, real, special
from table import family


def two_largest(x):
    """A variadic reduction with a body of its own."""

    def body(left, right):
        (a1, a2), (b1, b2) = left, right
        return jnp.maximum(a1, b1), jnp.maximum(jnp.minimum(a1, b1), jnp.maximum(a2, b2))

    low = jnp.float32(-1e9)
    return lax.reduce((x, jnp.full_like(x, low)), (low, low), body, (1,))


row = family("reduce")
row("sum", lambda x: x.sum((0, 2)), real(3, 4, 5))
row("product", lambda x: x.prod(1), positive(3, 4))
row("mean", lambda x: x.mean(-1, keepdims=True), real(3, 4))
row("variance", lambda x: x.var(), real(3, 4))
row("maximum", lambda x: x.max(0), real(3, 4))
row("maximum_special", lambda x: (x.max(0), x.min(0)), special(5, 6))
row("argmax", lambda x: jnp.argmax(x, 1), real(3, 7))
row("argmin_special", lambda x: jnp.argmin(x, 0), special(9, 6))
row("all_and_any", lambda x: (x.all(0), x.any(1)), boolean(3, 4))
row("exclusive_or", lambda x: lax.reduce(x, np.int32(0), lax.bitwise_xor, (0,)), bits(5, 3, dtype="int32"))
row("logsumexp", lambda x: jax.nn.logsumexp(x, 1), real(3, 4))
row("norm", lambda x: jnp.linalg.norm(x, axis=0), real(3, 4))
row("variadic", two_largest, real(4, 6))
row("integers", lambda x: (x.sum(0), x.max(1), x.prod()), integer(-5, 9, 3, 4))
for dtype in ("bfloat16", "float16"):
    row(f"sum_{dtype}", lambda x: (x.sum(), x.mean(0)), positive(3000, 2, dtype=dtype))
    row(
        f"plain_sum_{dtype}",
        lambda x: lax.reduce(x, np.zeros((), x.dtype), lax.add, (0,)),
        positive(3000, 2, dtype=dtype),
    )
    row(f"product_{dtype}", lambda x: x.prod(0), near_one(300, 2, dtype=dtype))
row("count", lambda x: (x.sum(0), x.mean(), jnp.cumsum(x, 1)), boolean(3, 40))
row("logsumexp_special", lambda x: jax.nn.logsumexp(x, (0, 2)), special(2, 9, 2))
row("softmax_special", lambda x: (jax.nn.softmax(x, 1), jax.nn.log_softmax(x, 0)), special(9, 3))
row("variance_special", lambda x: (x.var(0), x[:, :1].var(1, ddof=1)), special(3, 9))
row("nothing", lambda x: (x.sum(0), x.max(1, initial=-1)), real(0, 3))
