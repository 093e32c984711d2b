"""Sliding products."""

import jax.numpy as jnp
from jax import lax

import networks
from arguments import real
from table import family

row = family("convolution")
row("plain", networks.convolve, real(2, 3, 7, 6), real(4, 3, 3, 3))
row("strided", lambda x, k: networks.convolve(x, k, (2, 3), "VALID"), real(2, 3, 9, 8), real(4, 3, 3, 2))
row(
    "padded",
    lambda x, k: networks.convolve(x, k, padding=((2, 1), (-1, 3))),
    real(1, 2, 5, 6),
    real(3, 2, 2, 3),
)
row("dilated", lambda x, k: networks.convolve(x, k, rhs_dilation=(2, 1)), real(1, 2, 8, 6), real(3, 2, 3, 3))
row(
    "transposed",
    lambda x, k: networks.convolve(x, k, padding=((1, 2), (2, 1)), lhs_dilation=(2, 2)),
    real(1, 2, 4, 5),
    real(3, 2, 3, 3),
)
row(
    "grouped", lambda x, k: networks.convolve(x, k, feature_group_count=2), real(2, 4, 5, 5), real(6, 2, 3, 3)
)
row(
    "depthwise",
    lambda x, k: networks.convolve(x, k, feature_group_count=4),
    real(2, 4, 5, 5),
    real(4, 1, 3, 3),
)
row(
    "batch_groups",
    lambda x, k: networks.convolve(x, k, batch_group_count=2),
    real(4, 3, 5, 5),
    real(6, 3, 3, 3),
)
row(
    "channels_last",
    lambda x, k: networks.convolve(x, k, dimension_numbers=("NHWC", "HWIO", "NHWC")),
    real(2, 5, 6, 3),
    real(3, 3, 3, 4),
)
row("one_dimension", lambda x, k: lax.conv_general_dilated(x, k, (2,), "SAME"), real(2, 3, 9), real(4, 3, 3))
row(
    "three_dimensions",
    lambda x, k: lax.conv_general_dilated(x, k, (1, 1, 2), "VALID"),
    real(1, 2, 4, 4, 5),
    real(3, 2, 2, 2, 2),
)
row("reversed", lambda x, k: jnp.convolve(x, k, mode="full"), real(7), real(3))
row("bfloat", networks.convolve, real(1, 2, 5, 5, dtype="bfloat16"), real(2, 2, 3, 3, dtype="bfloat16"))
