"""Random numbers: keys hashed by an ordinary program, and the generator op."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import bits, integer, real
from table import family

wrap = jax.random.wrap_key_data


def random_walk(key):
    """Keys split in a loop."""

    def step(state, _):
        key, place = state
        key, own = jax.random.split(key)
        place = place + jax.random.normal(own, (2,))
        return (key, place), place

    start = (wrap(key), jnp.zeros(2))
    return lax.scan(step, start, length=4)[1]


def dropout(key, x):
    keep = jax.random.bernoulli(wrap(key), 0.7, x.shape)
    return jnp.where(keep, x / 0.7, 0)


def generator(algorithm, dtype):
    return lambda key: lax.rng_bit_generator(key, (7,), dtype, algorithm)


row = family("random")
row("bits", lambda key: jax.random.bits(wrap(key), (5,)), bits(2))
row("normal", lambda key: jax.random.normal(wrap(key), (3, 4)), bits(2))
row("uniform", lambda key: jax.random.uniform(wrap(key), (7,)), bits(2))
row("integers", lambda key: jax.random.randint(wrap(key), (6,), -3, 9), bits(2))
row("split", lambda key: jax.random.key_data(jax.random.split(wrap(key), 3)), bits(2))
row("fold_in", lambda key, i: jax.random.key_data(jax.random.fold_in(wrap(key), i)), bits(2), integer(0, 99))
row("permutation", lambda key: jax.random.permutation(wrap(key), 8), bits(2))
row("shuffle", lambda key, x: jax.random.permutation(wrap(key), x), bits(2), real(6, 2))
row("categorical", lambda key, x: jax.random.categorical(wrap(key), x), bits(2), real(5, 3))
row("truncated", lambda key: jax.random.truncated_normal(wrap(key), -1, 2, (6,)), bits(2))
row("half", lambda key: jax.random.normal(wrap(key), (6,), "bfloat16"), bits(2))
row("dropout", dropout, bits(2), real(4, 5))
row("walk", random_walk, bits(2))

# Under `jax.vmap` the generator op draws the bits of all members from the first member's key.
row = family("random", stacks=False)
row("three_fry", generator(lax.RandomAlgorithm.RNG_THREE_FRY, "uint32"), bits(4))
row("three_fry_bytes", generator(lax.RandomAlgorithm.RNG_THREE_FRY, "uint8"), bits(4))
row("philox", generator(lax.RandomAlgorithm.RNG_PHILOX, "uint32"), bits(4))
row("philox_bytes", generator(lax.RandomAlgorithm.RNG_PHILOX, "uint8"), bits(4))
