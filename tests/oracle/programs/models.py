"""Whole models."""

import jax

import networks
from arguments import integer, positive, real
from table import family

row = family("models", slack=4)
row("perceptron", networks.perceptron, real(4, 8), real(8), real(8, 3), real(3), real(5, 4))
row(
    "perceptron_loss",
    networks.perceptron_loss,
    real(4, 8),
    real(8),
    real(8, 3),
    real(3),
    real(5, 4),
    integer(0, 3, 5),
)
row(
    "convolutional",
    networks.convolutional_network,
    real(4, 1, 3, 3),
    real(6, 4, 3, 3),
    real(24, 3),
    real(2, 1, 8, 8),
)
row("batch_norm", networks.batch_norm, real(4, 3, 5, 5), real(3), real(3))
row("layer_norm", networks.layer_norm, real(3, 8), real(8), real(8))
row("attention", networks.attention, real(1, 2, 5, 4), real(1, 2, 5, 4), real(1, 2, 5, 4))
row(
    "transformer",
    networks.transformer_block,
    real(2, 5, 8),
    real(8, 24),
    real(8, 8),
    real(8, 16),
    real(16, 8),
    real(8),
    real(8),
)
row("gru", networks.gru, real(6, 3), real(4), real(7, 8), real(7, 4))
row("softmax", jax.nn.softmax, real(3, 7))
row("gelu", lambda x: jax.nn.gelu(x, approximate=False), real(3, 7))
row("adam", networks.adam, real(3, 4), real(3, 4), real(3, 4), positive(3, 4), integer(0, 9))
row("bfloat_attention", networks.attention, *[real(1, 2, 4, 4, dtype="bfloat16")] * 3)
