"""Moving, repeating and selecting elements by place alone."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import boolean, integer, real
from table import family

row = family("shape")
row("broadcast", lambda x: jnp.broadcast_to(x[:, None], (3, 4, 2)), real(3, 2))
row("reshape", lambda x: x.reshape(4, 3), real(2, 6))
row("transpose", lambda x: x.transpose(2, 0, 1), real(2, 3, 4))
row("reverse", lambda x: jnp.flip(x, (0, 2)), real(2, 3, 4))
row("slice", lambda x: x[1:6:2, ::-1], real(7, 3))
row("pad", lambda x: jnp.pad(x, ((1, 2), (0, 1)), constant_values=3), integer(0, 9, 2, 3))
row("pad_interior", lambda x, value: lax.pad(x, value, ((-1, 2, 1), (1, -1, 2))), real(4, 3), real())
row("pad_reflect", lambda x: jnp.pad(x, 2, mode="reflect"), real(5, 4))
row("concatenate", lambda x, y: jnp.concatenate([x, y, x], 1), real(2, 3), real(2, 1))
row("stack", lambda x, y: jnp.stack([x, y], -1), real(2, 3), real(2, 3))
row("tile", lambda x: jnp.tile(x, (2, 3)), boolean(2, 2))
row("roll", lambda x: jnp.roll(x, 2, 0), real(5, 2))
row("repeat", lambda x: jnp.repeat(x, 3, 1), real(2, 3, dtype="bfloat16"))
row("iota", lambda x: x + jnp.arange(12).reshape(3, 4), real(3, 4))
row("triangle", jnp.tril, real(4, 4))
row("one_hot", lambda x: jax.nn.one_hot(x, 5), integer(0, 5, 6))
