"""Ordering elements."""

import jax.numpy as jnp
from jax import lax

from arguments import boolean, integer, real, special
from table import family


def sort_pairs(keys, values):
    """Sorted by two keys; the second operand breaks ties."""
    return lax.sort((keys, values), dimension=0, num_keys=2)


row = family("sort")
row("sort", jnp.sort, real(3, 7))
row("sort_special", jnp.sort, special(16))
row("descending", lambda x: jnp.sort(x, descending=True), integer(-5, 5, 9))
row("argsort", jnp.argsort, real(2, 9))
row("argsort_ties", jnp.argsort, integer(0, 4, 12))
row("several_keys", sort_pairs, integer(0, 3, 9), real(9))
row("top_k", lambda x: lax.top_k(x, 3), real(2, 8))
row("top_k_integers", lambda x: lax.top_k(x, 4), integer(0, 6, 9))
row("top_k_booleans", lambda x: lax.top_k(x, 4), boolean(2, 9))
row("approx_max_k", lambda x: lax.approx_max_k(x, 3), real(2, 50))
row("approx_min_k", lambda x: lax.approx_min_k(x, 4, reduction_dimension=0), real(40, 2))
row("approx_min_k_bins", lambda x: lax.approx_min_k(x, 2, aggregate_to_topk=False), real(30))
row("median", jnp.median, real(9))
row("quantile", lambda x: jnp.quantile(x, jnp.array([0.1, 0.5]), axis=0), real(9, 2))
row("searchsorted", lambda x, y: jnp.searchsorted(jnp.sort(x), y), real(8), real(5))
row("bfloat", jnp.sort, real(9, dtype="bfloat16"))
