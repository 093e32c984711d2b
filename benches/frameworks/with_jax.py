"""The workloads in JAX: `PROGRAMS[name]` is a function of what a member has and what all share."""
import time

import jax
import jax.numpy as jnp
from jax import lax

jax.config.update("jax_default_matmul_precision", "highest")


def affine(layer, x):
    return x @ layer["w"].T + layer["b"]


def mlp(layers, x, activation):
    for layer in layers[:-1]:
        x = activation(affine(layer, x))
    return affine(layers[-1], x)


def gelu(x):
    return jax.nn.gelu(x, approximate=False)


def cnn(p, x):
    conv = lambda x, kernel: lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
    x = jax.nn.relu(conv(x, p["c1"]) + p["d1"][:, None, None])
    x = jax.nn.relu(conv(x, p["c2"]) + p["d2"][:, None, None])
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return mlp(p["fc"], x.reshape(x.shape[0], -1), jax.nn.relu)


def normalised(norm, x):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * norm["w"] + norm["b"]


def transformer(p, x):
    batch, length, width = x.shape
    q, k, v = jnp.split(affine(p["qkv"], normalised(p["norm1"], x)), 3, -1)
    q, k, v = (t.reshape(batch, length, 8, width // 8).transpose(0, 2, 1, 3) for t in (q, k, v))
    weights = jax.nn.softmax(q @ k.transpose(0, 1, 3, 2) / (width // 8) ** 0.5, -1)
    x = x + affine(p["out"], (weights @ v).transpose(0, 2, 1, 3).reshape(batch, length, width))
    return x + affine(p["down"], gelu(affine(p["up"], normalised(p["norm2"], x))))


def loss(layers, x, targets):
    return -(jax.nn.log_softmax(mlp(layers, x, jax.nn.relu)) * targets).sum(-1).mean()


def resnet(p, x):
    def scaled(p, x, stride=1):
        padding = p["w"].shape[-1] // 2
        names = ("NCHW", "OIHW", "NCHW")
        x = lax.conv_general_dilated(x, p["w"], (stride, stride), [(padding, padding)] * 2, dimension_numbers=names)
        return x * p["factor"] + p["term"]

    x = jax.nn.relu(scaled(p["stem"], x))
    for at, block in enumerate(p["blocks"]):
        stride = 2 if at in (2, 4, 6) else 1
        inner = scaled(block["second"], jax.nn.relu(scaled(block["first"], x, stride)))
        x = jax.nn.relu(inner + (scaled(block["beside"], x, stride) if "beside" in block else x))
    return mlp(p["out"], x.mean((2, 3)), jax.nn.relu)


def step(mapped, _):
    layers, velocity, x, targets = mapped
    slopes = jax.grad(loss)(layers, x, targets)
    velocity = jax.tree.map(lambda v, s: 0.9 * v + s, velocity, slopes)
    return jax.tree.map(lambda p, v: p - 0.01 * v, layers, velocity), velocity


def chain(mapped, _):
    scale, shift, x, y = mapped
    return (gelu(x * scale + shift) * jax.nn.sigmoid(y) - jnp.tanh(x)).sum(-1)


def predictive(_, args):
    layers, x = args
    p = jax.nn.softmax(jax.vmap(lambda layers: mlp(layers, x, jax.nn.relu))(layers), -1)
    mean = p.mean(0)
    return mean, p.var(0), -(mean * jnp.log(mean + 1e-12)).sum(-1)


def rollout(mapped, _):
    weights, start = mapped

    def step(state, _):
        x, v, angle, spin = state
        force, cosine, sine = 10 * jnp.tanh(weights @ state), jnp.cos(angle), jnp.sin(angle)
        push = (force + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine * cosine / 1.1))
        thrust = push - 0.05 * turn * cosine / 1.1
        return state + 0.02 * jnp.stack([v, thrust, spin, turn]), angle * angle

    return lax.scan(step, start, None, length=200)[1].sum()


def lstm(params, sequence):
    of_input, of_hidden, bias = params

    def step(carry, x):
        hidden, cell = carry
        i, f, g, o = jnp.split(of_input @ x + of_hidden @ hidden + bias, 4)
        cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(cell)
        return (hidden, cell), hidden

    return lax.scan(step, (jnp.zeros(64), jnp.zeros(64)), sequence)[1]


def product(_, squares):
    return squares[0] @ squares[1]


def convolution(_, args):
    return lax.conv_general_dilated(*args, (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NCHW"))


def integers(mapped, _):
    x, y = mapped
    mixed = (x * 31 + y) ^ (x - y * 7)
    return ((mixed * mixed) & 0xFFFF) + jnp.maximum(mixed, y)


def compare_select(mapped, _):
    x, y = mapped
    return jnp.where(((x > y) & (x < 1.0)) | (y >= 0.5), x * 2.0, y)


def max_pool_gradient(mapped, _):
    x, slope = mapped
    pool = lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    return jax.vjp(pool, x)[1](slope)[0]


def rounds(mapped, _):
    count, x = mapped
    body = lambda carry: (carry[0] + 1, jnp.cos(carry[1]) * 0.5 + carry[1] * 0.5)
    return lax.while_loop(lambda carry: carry[0] < count, body, (0, x))[1]


def forest(tree, samples):
    features, thresholds, leaves = tree
    node = jnp.zeros(512, jnp.int32)
    for _ in range(8):
        value = jnp.take_along_axis(samples, features[node][:, None], 1)[:, 0]
        node = node * 2 + 1 + (value > thresholds[node])
    return leaves[node - 255]


def viterbi(emissions, transitions):
    def forward(score, emission):
        reached = score[:, None] + transitions
        return reached.max(0) + emission, reached.argmax(0)

    score, origins = lax.scan(forward, jnp.zeros(32), emissions)
    return lax.scan(lambda state, origin: (origin[state], state), score.argmax(), origins, reverse=True)[1]


def hmc(mapped, roots):
    seed, start = mapped
    precision = roots @ roots.T + jnp.eye(16)
    energy = lambda x, momentum: (x @ precision @ x + momentum @ momentum) * 0.5

    def propose(carry, _):
        key, x = carry
        key, of_momentum, of_choice = jax.random.split(key, 3)
        momentum = jax.random.normal(of_momentum, (16,))

        def leap(_, state):
            x, momentum = state
            half = momentum - precision @ x * 0.05
            moved = x + half * 0.1
            return moved, half - precision @ moved * 0.05

        moved, turned = lax.fori_loop(0, 8, leap, (x, momentum))
        gain = energy(x, momentum) - energy(moved, turned)
        x = jnp.where(jnp.log(jax.random.uniform(of_choice)) < gain, moved, x)
        return (key, x), x

    return lax.scan(propose, (jax.random.PRNGKey(seed), start), None, length=50)[1]


STAGES = [
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
]
ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40]


def dopri5(mapped, _):
    stiffness, start = mapped
    slope = lambda s: jnp.stack([s[1], stiffness * (1 - s[0] * s[0]) * s[1] - s[0]])
    weighted = lambda weights, slopes: sum(w * s for w, s in zip(weights, slopes) if w)

    def attempt(carry):
        t, step, state = carry
        step = jnp.minimum(step, 5.0 - t)
        slopes = [slope(state)]
        for weights in STAGES:
            moved = state + step * weighted(weights, slopes)
            slopes.append(slope(moved))
        error = jnp.abs(weighted(ERROR, slopes) * step).max() / 1e-4 + 1e-10
        taken = error <= 1
        step_after = step * jnp.clip(error**-0.2 * 0.9, 0.2, 5.0)
        return jnp.where(taken, t + step, t), step_after, jnp.where(taken, moved, state)

    return lax.while_loop(lambda carry: carry[0] < 5.0, attempt, (jnp.float32(0), jnp.float32(0.01), start))[2]


def decoding(start, params):
    qkv, out = params
    place = jnp.arange(64)

    def step(carry, at):
        x, keys, values = carry
        q, k, v = (qkv @ x).reshape(3, 4, 16)
        keys = lax.dynamic_update_slice(keys, k[None], (at, 0, 0))
        values = lax.dynamic_update_slice(values, v[None], (at, 0, 0))
        scores = jnp.einsum("hd,lhd->hl", q, keys) * 0.25
        weights = jax.nn.softmax(jnp.where(place <= at, scores, -1e9), -1)
        x = jnp.tanh(x + out @ jnp.einsum("hl,lhd->hd", weights, values).reshape(64))
        return (x, keys, values), x

    cache = jnp.zeros((64, 4, 16))
    return lax.scan(step, (start, cache, cache), place)[1]


PROGRAMS = {
    "W1_seed_linear": lambda layers, x: mlp(layers, x, None),
    "W2_mlp_shared": lambda layers, x: mlp(layers, x, jax.nn.relu),
    "W2b_mlp_permember": lambda mapped, _: mlp(*mapped, jax.nn.relu),
    "W3_rl_b1": lambda mapped, _: mlp(*mapped, jnp.tanh),
    "W3b_rl_b32": lambda mapped, _: mlp(*mapped, jnp.tanh),
    "W4_mlp_big": lambda layers, x: mlp(layers, x, gelu),
    "W5_cnn": cnn,
    "W6_transformer": transformer,
    "W7_train_step": step,
    "W8_per_sample_grad": lambda sample, layers: jax.grad(loss)(layers, sample[0][None], sample[1][None]),
    "W9_elementwise": chain,
    "W10_predictive": predictive,
    "W11_rollout": rollout,
    "W12_lstm": lstm,
    "G1_mlp_bf16": lambda layers, x: mlp(layers, x, jax.nn.relu),
    "G2_policies": lambda mapped, _: mlp(*mapped, jnp.tanh),
    "G3_resnet": resnet,
    "G4_transformer_bf16": transformer,
    "product_i8": product,
    "product_bf16": product,
    "product_f16": product,
    "product_i32": product,
    "product_f32": product,
    "convolution_bf16": convolution,
    "convolution_f32": convolution,
    "integers_i32": integers,
    "threefry_bits": lambda seed, _: jax.random.bits(jax.random.PRNGKey(seed), (65_536,)),
    "compare_select": compare_select,
    "gelu_f32": lambda x, _: gelu(x),
    "gather_rows": lambda indices, table: table[indices],
    "scatter_add": lambda mapped, _: jnp.zeros(1024).at[mapped[0]].add(mapped[1]),
    "sort_rows": lambda x, _: jnp.sort(x, -1),
    "argmax_rows": lambda x, _: x.argmax(-1),
    "cumsum_rows": lambda x, _: jnp.cumsum(x, -1),
    "cummax_rows": lambda x, _: lax.cummax(x, 1),
    "maxpool_gradient": max_pool_gradient,
    "while_rounds": rounds,
    "forest": forest,
    "viterbi": viterbi,
    "hmc": hmc,
    "dopri5": dopri5,
    "kvcache_decoding": decoding,
}


# Types that NumPy lacks, or that arguments are drawn in another one of.
CASTS = {"bf16": jnp.bfloat16, "f16": jnp.float16}


def prepared(name, mapped, shared):
    """The compiled program and its arguments, in the type that the name says."""
    program = PROGRAMS[name]
    arguments = jax.tree.map(jnp.asarray, (mapped, shared))
    dtype = CASTS.get(name.split("_")[-1])
    arguments = arguments if dtype is None else jax.tree.map(lambda x: x.astype(dtype), arguments)
    return jax.jit(program if mapped is None else jax.vmap(program, (0, None))), arguments


def modes(name, mapped, shared):
    """The ways to call a workload: `{mode: call}`; a call returns when all is done."""
    compiled, (mapped, shared) = prepared(name, mapped, shared)
    return {"jit_vmap": lambda: jax.block_until_ready(compiled(mapped, shared))}


def on_gpu(name, mapped, shared):
    """The ways to call a workload on a GPU, one by one: pairs of mode and call, which does not wait."""
    for precision in ("highest", "default"):
        compiled, arguments = prepared(name, mapped, shared)
        jax.config.update("jax_default_matmul_precision", precision)
        yield f"jit_vmap {precision}", lambda compiled=compiled: compiled(*arguments)


def wait(results):
    jax.block_until_ready(results)


def read(results):
    return jax.device_get(results)


def device_us(call, count):
    """Microseconds of each of so many calls in a row, by the host's clock: JAX shows no clock of the GPU."""
    start = time.perf_counter()
    for _ in range(count):
        results = call()
    wait(results)
    return (time.perf_counter() - start) * 1e6 / count


def forget():
    """Gives memory back."""
    jax.clear_caches()


def leaves(results):
    return [jnp.asarray(leaf, jnp.float32) for leaf in jax.tree.leaves(results)]
