"""Products that contract."""

import jax.numpy as jnp
from jax import lax

from arguments import bits, integer, real
from table import family

row = family("dot")
row("matmul", jnp.matmul, real(3, 4), real(4, 5))
row("matrix_vector", jnp.matmul, real(3, 4), real(4))
row("inner", jnp.dot, real(6), real(6))
row("outer", jnp.outer, real(3), real(4))
row("batched", jnp.matmul, real(2, 3, 4), real(2, 4, 5))
row("contract_two", lambda x, y: jnp.einsum("abij,bjik->abk", x, y), real(2, 3, 4, 5), real(3, 5, 4, 2))
row("transposed", lambda x, y: jnp.einsum("bki,bjk->bij", x, y), real(2, 4, 3), real(2, 5, 4))
row("integers", jnp.matmul, integer(-9, 9, 3, 4), integer(-9, 9, 4, 2))
row(
    "narrow_integers",
    lambda x, y: jnp.matmul(x, y, preferred_element_type=jnp.int32),
    bits(3, 4, dtype="int8"),
    bits(4, 2, dtype="int8"),
)
row("bfloat", jnp.matmul, real(3, 8, dtype="bfloat16"), real(8, 2, dtype="bfloat16"))
row(
    "half_to_single",
    lambda x, y: jnp.matmul(x, y, preferred_element_type="float32"),
    real(3, 8, dtype="float16"),
    real(8, 2, dtype="float16"),
)
row("double", jnp.matmul, real(3, 4, dtype="float64"), real(4, 5, dtype="float64"))
row("empty_contraction", jnp.matmul, real(3, 0), real(0, 2))
row(
    "algorithm",
    lambda x, y: jnp.matmul(x, y, precision=lax.DotAlgorithmPreset.F32_F32_F32),
    real(3, 4),
    real(4, 5),
)
row(
    "algorithm_of_halves",
    lambda x, y: jnp.matmul(x, y, precision=lax.DotAlgorithmPreset.BF16_BF16_F32, preferred_element_type="float32"),
    real(3, 8, dtype="bfloat16"),
    real(8, 2, dtype="bfloat16"),
)
