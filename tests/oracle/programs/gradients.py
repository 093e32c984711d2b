"""Derivatives."""

import jax
import jax.numpy as jnp
from jax import lax

import networks
from arguments import integer, positive, real
from table import family

row = family("gradients", slack=4)
row("tanh", jax.grad(lambda x: jnp.tanh(x).sum()), real(3, 4))
row("special_functions", jax.grad(lambda x: (lax.erf(x) + lax.log1p(x) + lax.rsqrt(x)).sum()), positive(6))
row("matmul", jax.grad(lambda x, y: ((x @ y) ** 2).sum(), (0, 1)), real(3, 4), real(4, 2))
row(
    "convolution",
    jax.grad(lambda x, k: (networks.convolve(x, k, (2, 2)) ** 2).sum(), (0, 1)),
    real(2, 3, 6, 6),
    real(4, 3, 3, 3),
)
row(
    "grouped_convolution",
    jax.grad(lambda x, k: (networks.convolve(x, k, feature_group_count=2) ** 2).sum(), (0, 1)),
    real(1, 4, 5, 5),
    real(4, 2, 3, 3),
)
row(
    "layer_norm",
    jax.grad(lambda *p: (networks.layer_norm(*p) ** 3).sum(), (0, 1, 2)),
    real(3, 8),
    real(8),
    real(8),
)
row("attention", jax.grad(lambda *p: (networks.attention(*p) ** 2).sum(), (0, 1, 2)), *[real(1, 2, 4, 4)] * 3)
row("sort", jax.grad(lambda x: (jnp.sort(x) * jnp.arange(6)).sum()), real(6))
row("cumsum", jax.grad(lambda x: (jnp.cumsum(x) ** 2).sum()), real(6))
row(
    "scatter",
    jax.grad(lambda x, i, y: (x.at[i].add(y) ** 2).sum(), (0, 2)),
    real(5, 2),
    integer(0, 5, 4),
    real(4, 2),
)
row("gru", jax.grad(networks.gru_loss, (1, 2, 3)), real(5, 3), real(4), real(7, 8), real(7, 4))
row(
    "training_step",
    networks.training_step,
    real(4, 8),
    real(8),
    real(8, 3),
    real(3),
    real(5, 4),
    integer(0, 3, 5),
)
row("second_derivative", jax.hessian(lambda x: jnp.prod(jnp.sin(x))), real(4))
row("jacobian", jax.jacfwd(lambda x: jnp.cumsum(x**2)), real(4))
row("jvp", lambda x, t: jax.jvp(lambda x: jax.nn.softmax(x), (x,), (t,)), real(5), real(5))
