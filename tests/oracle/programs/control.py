"""Conditionals and loops."""

import jax
import jax.numpy as jnp
from jax import lax

from arguments import boolean, definite, integer, positive, real
from table import family


def newton_root(x):
    """The square root, by as many steps as it takes."""

    def goes_on(state):
        guess, steps = state
        return (jnp.abs(guess * guess - x) > 1e-4 * x) & (steps < 50)

    def step(state):
        guess, steps = state
        return 0.5 * (guess + x / guess), steps + 1

    return lax.while_loop(goes_on, step, (x, jnp.int32(0)))


def collatz(n):
    """Steps to one: a loop around a conditional."""

    def step(state):
        n, steps = state
        return lax.cond(n % 2 == 0, lambda n: n // 2, lambda n: 3 * n + 1, n), steps + 1

    return lax.while_loop(lambda state: state[0] != 1, step, (n, jnp.int32(0)))[1]


def power_iteration(matrix, start):
    return lax.fori_loop(0, 6, lambda _, x: (matrix @ x) / jnp.linalg.norm(matrix @ x), start)


def nested_loops(x):
    """A loop in a loop; the inner one reads what the outer one computes."""

    def outer(i, x):
        return lax.fori_loop(0, 3, lambda j, y: jnp.sin(y) + x * 0.1 + i * j, x)

    return lax.fori_loop(0, 4, outer, x)


def bisection(target):
    """Where the cube is `target`, in a loop of a fixed number of steps."""

    def step(ends, _):
        low, high = ends
        middle = (low + high) / 2
        below = middle**3 < target
        return (jnp.where(below, middle, low), jnp.where(below, high, middle)), middle

    return lax.scan(step, (jnp.full_like(target, -4), jnp.full_like(target, 4)), length=12)


row = family("control")
row("cond", lambda p, x: lax.cond(p, jnp.sin, jnp.cos, x), boolean(), real(4))
row("cond_reads", lambda p, x, y: lax.cond(p, lambda: x * 2, lambda: x - y), boolean(), real(4), real(4))
row("switch", lambda i, x: lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x), integer(-1, 5), real(4))
row("while", newton_root, positive())
row("while_cond", collatz, integer(1, 30))
row("fori", power_iteration, definite(4), positive(4), slack=10)
# Its number of rounds is an argument: backwards, JAX differentiates it for one number alone.
row(
    "fori_counted",
    lambda n, x: lax.fori_loop(0, n, lambda i, x: x * 0.9 + i, x),
    integer(0, 6),
    real(3),
    differentiates=False,
)
row("nested", nested_loops, real(3))
row("scan", bisection, real(3))
row("scan_reverse", lambda x: lax.scan(lambda c, a: (c + a, c * a), 0.0, x, reverse=True), real(6))
row("map", lambda x: lax.map(lambda a: a @ a, x), real(3, 2, 2))
row("associative_scan", lambda x: lax.associative_scan(jnp.multiply, x), real(7, 2))
row("barrier", lambda x, y: lax.optimization_barrier((x + 1, y * 2)), real(3), real(2))
row("checkpoint", jax.grad(lambda x: jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)))(x).sum()), real(4))
