"""One result element from the elements at the same place."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import above_one, bits, boolean, integer, positive, real, special, unit
from table import family

row = family("elementwise")
for function in (jnp.abs, jnp.negative, jnp.exp, jnp.expm1, jnp.sin, jnp.cos, jnp.tan, jnp.tanh, jnp.sinh):
    row(function.__name__, function, real(3, 4))
for function in (jnp.cosh, jnp.arctan, jnp.arcsinh, jnp.cbrt, jnp.floor, jnp.ceil, jnp.round, jnp.square):
    row(function.__name__, function, real(3, 4))
for function in (jnp.log, jnp.log1p, jnp.sqrt, lax.rsqrt, lax.lgamma, jnp.reciprocal):
    row(function.__name__, function, positive(3, 4), slack=4)
for function in (jnp.arcsin, jnp.arccos, jnp.arctanh, lax.erf_inv):
    row(function.__name__, function, unit(3, 4))
for function in (jnp.sign, jnp.isfinite, jnp.isnan, lax.is_finite, jnp.nan_to_num, jnp.trunc):
    row(f"{function.__name__}_special", function, special(20))
for function in (jnp.add, jnp.subtract, jnp.multiply, jnp.divide, jnp.maximum, jnp.minimum, jnp.arctan2):
    row(function.__name__, function, real(3, 4), real(4))
for function in (jnp.maximum, jnp.minimum, jnp.multiply, jnp.less, jnp.equal, jnp.not_equal):
    row(f"{function.__name__}_special", function, special(30), special(30))
row("arccosh", jnp.arccosh, above_one(3, 4))
row("erf", lax.erf, real(3, 4))
row("erfc", lax.erfc, real(3, 4))
row("bessel_i1e", lax.bessel_i1e, real(3, 4))
row("zeta", lambda s, q: lax.zeta(s + 1, q), positive(3, 4), positive(3, 4), slack=4)
row("polygamma", lambda x: lax.polygamma(jnp.full(x.shape, 2.0), x), positive(3, 4), slack=4)
row("sigmoid", jax.nn.sigmoid, real(3, 4))
row("nextafter", lax.nextafter, real(3, 4), real(3, 4))
row("power", jnp.power, positive(3, 4), real(3, 4))
row("integer_power", lambda x: lax.integer_pow(x, 5), real(3, 4))
row("remainder", lax.rem, real(3, 4), positive(3, 4))
row("modulo", jnp.mod, real(3, 4), positive(3, 4))
row("logaddexp", jnp.logaddexp, real(3, 4), real(3, 4))
row("clamp", lambda low, x, high: lax.clamp(low, x, high), real(), real(3, 4), positive())
row("where", jnp.where, boolean(3, 4), real(3, 4), real(3, 1))
row("total_order", lambda x, y: (lax.lt_to_p.bind(x, y), lax.eq_to_p.bind(x, y)), special(30), special(30))
row("reduce_precision", lambda x: lax.reduce_precision(x, 5, 7), real(20))
row("half", lambda x, y: jnp.tanh(x) * y + x / y, real(8, dtype="float16"), positive(8, dtype="float16"))
row("bfloat", lambda x, y: jnp.exp(x) - y, real(8, dtype="bfloat16"), real(8, dtype="bfloat16"))
row(
    "double",
    lambda x, y: jnp.sin(x) ** 2 + jnp.log(y),
    real(8, dtype="float64"),
    positive(8, dtype="float64"),
)
row("erf_double", lax.erf, real(8, dtype="float64"))
row("lgamma_double", lax.lgamma, positive(8, dtype="float64"))
row("wide_integers", lambda x, y: x * y + (x ^ y), bits(8, dtype="int64"), bits(8, dtype="int64"))
row("wrapping", lambda x, y: x * y - x, bits(8, dtype="int8"), bits(8, dtype="int8"))
row("integer_division", lambda x, y: (x // y, x % y, lax.div(x, y)), bits(8, dtype="int32"), integer(1, 9, 8))
row("unsigned_division", lambda x, y: (x // y, x % y), bits(8), integer(1, 9, 8, dtype="uint32"))
row("bitwise", lambda x, y: (x & y, x | y, x ^ y, ~x), bits(8, dtype="uint8"), bits(8, dtype="uint8"))
row("logical", lambda x, y: (x & y, x | y, x ^ y, ~x), boolean(8), boolean(8))
row(
    "shifts",
    lambda x, y: (x << y, x >> y, lax.shift_right_logical(x, y)),
    bits(8, dtype="int32"),
    integer(0, 32, 8),
)
row("count_bits", lambda x: (lax.population_count(x), lax.clz(x)), bits(8, dtype="int32"))
row("mulhi", lax.mulhi, bits(8, dtype="uint32"), bits(8, dtype="uint32"))
row("bitcast", lambda x: lax.bitcast_convert_type(x, jnp.int32), special(8))
row("bitcast_narrow", lambda x: lax.bitcast_convert_type(x, jnp.uint8), real(4))
row("conversions", lambda x: [x.astype(t) for t in ("int32", "bfloat16", "float16", "bool")], real(8))
row(
    "from_integers",
    lambda x: [x.astype(t) for t in ("float32", "uint8", "int16", "bfloat16")],
    bits(8, dtype="int32"),
)
row("nothing", lambda x: jnp.exp(x) + 1, real(0, 3))
