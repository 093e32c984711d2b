"""The models, and the layers that several families use."""

import jax
import jax.numpy as jnp
from jax import lax


def perceptron(w1, b1, w2, b2, x):
    return jnp.tanh(x @ w1 + b1) @ w2 + b2


def perceptron_loss(w1, b1, w2, b2, x, labels):
    scores = jax.nn.log_softmax(perceptron(w1, b1, w2, b2, x))
    return -jnp.mean(jnp.take_along_axis(scores, labels[:, None], axis=1))


def training_step(w1, b1, w2, b2, x, labels):
    """One step of gradient descent: new parameters and the loss."""
    parameters = (w1, b1, w2, b2)
    loss, gradients = jax.value_and_grad(perceptron_loss, argnums=(0, 1, 2, 3))(*parameters, x, labels)
    return *(old - 0.1 * slope for old, slope in zip(parameters, gradients, strict=True)), loss


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")


def overlapping_max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 3, 3), (1, 1, 2, 2), "SAME")


def average_pool(x):
    return lax.reduce_window(x, 0.0, lax.add, (1, 1, 2, 2), (1, 1, 1, 1), "VALID") / 4


def convolve(x, kernel, strides=(1, 1), padding="SAME", **settings):
    return lax.conv_general_dilated(x, kernel, strides, padding, **settings)


def convolutional_network(k1, k2, weight, x):
    x = max_pool(jax.nn.relu(convolve(x, k1)))
    x = max_pool(jax.nn.relu(convolve(x, k2)))
    return x.reshape(x.shape[0], -1) @ weight


def batch_norm(x, scale, shift):
    mean = x.mean((0, 2, 3), keepdims=True)
    variance = ((x - mean) ** 2).mean((0, 2, 3), keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * scale[:, None, None] + shift[:, None, None]


def layer_norm(x, scale, shift):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-5) * scale + shift


def attention(queries, keys, values):
    """Causal, over [batch, heads, time, features]."""
    scores = jnp.einsum("bhqd,bhkd->bhqk", queries, keys) / jnp.sqrt(queries.shape[-1])
    mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
    return jnp.einsum("bhqk,bhkd->bhqd", weights, values)


def transformer_block(x, mix, out, up, down, scale, shift):
    batch, time, width = x.shape
    queries, keys, values = jnp.split(layer_norm(x, scale, shift) @ mix, 3, axis=-1)
    heads = [part.reshape(batch, time, 2, width // 2).swapaxes(1, 2) for part in (queries, keys, values)]
    x = x + attention(*heads).swapaxes(1, 2).reshape(batch, time, width) @ out
    return x + jax.nn.gelu(layer_norm(x, scale, shift) @ up) @ down


def gru(x, start, w_gates, w_new):
    """A gated recurrent unit over [time, features]."""

    def step(state, now):
        gates = jax.nn.sigmoid(jnp.concatenate([state, now]) @ w_gates)
        reset, keep = jnp.split(gates, 2)
        new = jnp.tanh(jnp.concatenate([reset * state, now]) @ w_new)
        state = keep * state + (1 - keep) * new
        return state, state

    return lax.scan(step, start, x)


def gru_loss(x, start, w_gates, w_new):
    _, states = gru(x, start, w_gates, w_new)
    return jnp.sum(states**2)


def adam(weight, slope, mean, variance, count):
    """One step of the optimiser."""
    count = count + 1
    mean = 0.9 * mean + 0.1 * slope
    variance = 0.999 * variance + 0.001 * slope**2
    corrected = mean / (1 - 0.9**count), variance / (1 - 0.999**count)
    return weight - 0.01 * corrected[0] / (jnp.sqrt(corrected[1]) + 1e-8), mean, variance, count
