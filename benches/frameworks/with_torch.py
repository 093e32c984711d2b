"""The workloads in PyTorch: `PROGRAMS[name]` is a function of what a member has and what all share.

Each runs as a loop over members, as `torch.func.vmap`, and as `torch.compile` of that. What PyTorch cannot map (loops of
a number of rounds that members choose), and what it draws otherwise, is left out.
"""
import torch
import torch.nn.functional as F
import torch.utils._pytree as pytree
from torch.func import grad, vmap


def mlp(layers, x, activation):
    for layer in layers[:-1]:
        x = activation(F.linear(x, layer["w"], layer["b"]))
    return F.linear(x, layers[-1]["w"], layers[-1]["b"])


def cnn(p, x):
    x = F.relu(F.conv2d(x, p["c1"], p["d1"]))
    x = F.max_pool2d(F.relu(F.conv2d(x, p["c2"], p["d2"])), 2).flatten(1)
    return mlp(p["fc"], x, F.relu)


def transformer(p, x):
    batch, length, width = x.shape
    affine = lambda name, x: F.linear(x, p[name]["w"], p[name]["b"])
    normalised = lambda name, x: F.layer_norm(x, (width,), p[name]["w"], p[name]["b"])
    parts = affine("qkv", normalised("norm1", x)).chunk(3, -1)
    q, k, v = (part.reshape(batch, length, 8, width // 8).transpose(1, 2) for part in parts)
    weights = torch.softmax(q @ k.transpose(-1, -2) / (width // 8) ** 0.5, -1)
    x = x + affine("out", (weights @ v).transpose(1, 2).reshape(batch, length, width))
    return x + affine("down", F.gelu(affine("up", normalised("norm2", x))))


def loss(layers, x, targets):
    return -(F.log_softmax(mlp(layers, x, F.relu), -1) * targets).sum(-1).mean()


def resnet(p, x):
    def scaled(p, x, stride=1):
        x = F.conv2d(x, p["w"], stride=stride, padding=p["w"].shape[-1] // 2)
        return x * p["factor"] + p["term"]

    x = F.relu(scaled(p["stem"], x))
    for at, block in enumerate(p["blocks"]):
        stride = 2 if at in (2, 4, 6) else 1
        inner = scaled(block["second"], F.relu(scaled(block["first"], x, stride)))
        x = F.relu(inner + (scaled(block["beside"], x, stride) if "beside" in block else x))
    return mlp(p["out"], x.mean((2, 3)), F.relu)


def step(mapped, _):
    layers, velocity, x, targets = mapped
    slopes = grad(loss)(layers, x, targets)
    velocity = [{k: 0.9 * v[k] + s[k] for k in v} for v, s in zip(velocity, slopes)]
    return [{k: p[k] - 0.01 * v[k] for k in p} for p, v in zip(layers, velocity)], velocity


def chain(mapped, _):
    scale, shift, x, y = mapped
    return (F.gelu(x * scale + shift) * torch.sigmoid(y) - torch.tanh(x)).sum(-1)


def predictive(_, args):
    layers, x = args
    p = torch.softmax(vmap(lambda layers: mlp(layers, x, F.relu))(layers), -1)
    mean = p.mean(0)
    return mean, p.var(0, unbiased=False), -(mean * (mean + 1e-12).log()).sum(-1)


def rollout(mapped, _):
    weights, (x, v, angle, spin) = mapped[0], mapped[1].unbind(-1)
    total = torch.zeros_like(x)
    for _ in range(200):
        force = 10 * torch.tanh((weights * torch.stack([x, v, angle, spin])).sum())
        cosine, sine = torch.cos(angle), torch.sin(angle)
        total = total + angle * angle
        push = (force + 0.05 * spin * spin * sine) / 1.1
        turn = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine * cosine / 1.1))
        thrust = push - 0.05 * turn * cosine / 1.1
        x, v, angle, spin = x + 0.02 * v, v + 0.02 * thrust, angle + 0.02 * spin, spin + 0.02 * turn
    return total


def lstm(params, sequence):
    of_input, of_hidden, bias = params
    hidden = cell = torch.zeros(64, device=bias.device)
    every = []
    for x in sequence.unbind(0):
        i, f, g, o = (of_input @ x + of_hidden @ hidden + bias).chunk(4)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        every.append(hidden)
    return torch.stack(every)


def product(_, squares):
    return squares[0] @ squares[1]


def convolution(_, args):
    return F.conv2d(*args, padding=1)


def integers(mapped, _):
    x, y = mapped
    mixed = (x * 31 + y) ^ (x - y * 7)
    return ((mixed * mixed) & 0xFFFF) + torch.maximum(mixed, y)


def compare_select(mapped, _):
    x, y = mapped
    return torch.where(((x > y) & (x < 1.0)) | (y >= 0.5), x * 2.0, y)


def max_pool_gradient(mapped, _):
    x, slope = mapped
    return torch.func.vjp(lambda x: F.max_pool2d(x, 2), x)[1](slope)[0]


def forest(tree, samples):
    features, thresholds, leaves = tree
    node = torch.zeros(512, dtype=torch.long, device=samples.device)
    for _ in range(8):
        value = samples.gather(1, features[node].long()[:, None])[:, 0]
        node = node * 2 + 1 + (value > thresholds[node])
    return leaves[node - 255]


def viterbi(emissions, transitions):
    score, origins = torch.zeros(32, device=transitions.device), []
    for emission in emissions.unbind(0):
        score, origin = (score[:, None] + transitions).max(0)
        score = score + emission
        origins.append(origin)
    path = [score.argmax().reshape(1)]
    for origin in reversed(origins[1:]):
        path.append(origin.gather(0, path[-1]))
    return torch.cat(path[::-1])


def decoding(x, params):
    qkv, out = params
    place = torch.arange(64, device=x.device)[:, None, None]
    keys = values = torch.zeros(64, 4, 16, device=x.device)
    every = []
    for at in range(64):
        q, k, v = (qkv @ x).reshape(3, 4, 16)
        keys, values = torch.where(place == at, k, keys), torch.where(place == at, v, values)
        scores = torch.einsum("hd,lhd->hl", q, keys[: at + 1]) * 0.25
        mixed = torch.einsum("hl,lhd->hd", torch.softmax(scores, -1), values[: at + 1])
        x = torch.tanh(x + out @ mixed.reshape(64))
        every.append(x)
    return torch.stack(every)


PROGRAMS = {
    "W1_seed_linear": lambda layers, x: mlp(layers, x, None),
    "W2_mlp_shared": lambda layers, x: mlp(layers, x, F.relu),
    "W2b_mlp_permember": lambda mapped, _: mlp(*mapped, F.relu),
    "W3_rl_b1": lambda mapped, _: mlp(*mapped, torch.tanh),
    "W3b_rl_b32": lambda mapped, _: mlp(*mapped, torch.tanh),
    "W4_mlp_big": lambda layers, x: mlp(layers, x, F.gelu),
    "W5_cnn": cnn,
    "W6_transformer": transformer,
    "W7_train_step": step,
    "W8_per_sample_grad": lambda sample, layers: grad(loss)(layers, sample[0][None], sample[1][None]),
    "W9_elementwise": chain,
    "W10_predictive": predictive,
    "W11_rollout": rollout,
    "W12_lstm": lstm,
    "G1_mlp_bf16": lambda layers, x: mlp(layers, x, F.relu),
    "G2_policies": lambda mapped, _: mlp(*mapped, torch.tanh),
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
    "compare_select": compare_select,
    "gelu_f32": lambda x, _: F.gelu(x),
    "gather_rows": lambda indices, table: table[indices],
    "scatter_add": lambda mapped, _: torch.zeros(1024, device=mapped[1].device).scatter_add(
        0, mapped[0].long(), mapped[1]
    ),
    "sort_rows": lambda x, _: x.sort(-1)[0],
    "argmax_rows": lambda x, _: x.argmax(-1),
    "cumsum_rows": lambda x, _: x.cumsum(-1),
    "cummax_rows": lambda x, _: x.cummax(-1)[0],
    "maxpool_gradient": max_pool_gradient,
    "forest": forest,
    "viterbi": viterbi,
    "kvcache_decoding": decoding,
}

# Steps written out one after another, which take minutes to compile.
EAGER = {"W11_rollout", "W12_lstm", "viterbi", "kvcache_decoding"}

# A loop over 256 members of 200 steps each, which takes ten seconds a call.
MAPPED = {"W11_rollout"}

CASTS = {"bf16": torch.bfloat16, "f16": torch.float16}


def compiled(function, args):
    """The function compiled with tuned kernels, or without where PyTorch fails to make them."""
    torch._dynamo.reset()
    tuned = torch.compile(function, mode="max-autotune-no-cudagraphs")
    try:
        tuned(*args)
        return tuned
    except torch._dynamo.exc.TorchDynamoException:
        torch._dynamo.reset()
        return torch.compile(function)


def placed(name, arguments, device):
    """Arguments there, in the type that the name says."""
    dtype = CASTS.get(name.split("_")[-1])
    one = lambda x: x if x is None else torch.from_numpy(x.copy()).to(device).to(dtype or torch.from_numpy(x).dtype)
    return pytree.tree_map(one, arguments)


def modes(name, mapped, shared):
    """The ways to call a workload: `{mode: call}`."""
    program = PROGRAMS[name]
    mapped, shared = placed(name, (mapped, shared), "cpu")
    if mapped is None:
        calls = {"eager": program}
    else:
        count = pytree.tree_leaves(mapped)[0].shape[0]
        members = [pytree.tree_map(lambda x: x[at], mapped) for at in range(count)]
        all_members = vmap(program, (0, None))
        calls = {"vmap": all_members}
        if name not in MAPPED:
            calls["loop"] = lambda _, shared: [program(member, shared) for member in members]
    with torch.no_grad():
        if name not in EAGER:
            calls["compile"] = compiled(calls.get("vmap", program), (mapped, shared))
    without = torch.no_grad()
    return {mode: without(lambda call=call: call(mapped, shared)) for mode, call in calls.items()}


def on_gpu(name, mapped, shared):
    """The ways to call a workload on a GPU, one by one: pairs of mode and call, which does not wait."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    program = PROGRAMS[name] if mapped is None else vmap(PROGRAMS[name], (0, None))
    arguments = placed(name, (mapped, shared), device)
    without = torch.no_grad()
    yield "eager", without(lambda: program(*arguments))
    if name in MAPPED:
        return
    torch._dynamo.reset()
    fast = torch.compile(program, mode="reduce-overhead")
    yield "compile", without(lambda: fast(*arguments))


def wait(_):
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def read(results):
    return [leaf.cpu() for leaf in pytree.tree_leaves(results)]


def device_us(call, count):
    """Microseconds of each of so many calls in a row, by the GPU's clock."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(count):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) * 1e3 / count


def forget():
    """Gives memory back."""
    torch._dynamo.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def peaks():
    """What the GPU reaches: products of squares of 8,192 in bf16, of 4,096 in f32, and a copy of 4 GiB."""
    def best(call):
        wait(call())
        return min(device_us(call, 5) for _ in range(5)) * 1e-6

    square = lambda size, dtype: torch.randn(size, size, device="cuda", dtype=torch.float32).to(dtype)
    torch.backends.cuda.matmul.allow_tf32 = False
    narrow, wide = square(8192, torch.bfloat16), square(4096, torch.float32)
    long = torch.zeros(1 << 32, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(long)
    return dict(
        bf16_gflops=2 * 8192**3 / best(lambda: narrow @ narrow) / 1e9,
        f32_gflops=2 * 4096**3 / best(lambda: wide @ wide) / 1e9,
        copy_gb_per_s=2 * long.numel() / best(lambda: target.copy_(long)) / 1e9,
    )


def leaves(results):
    return [leaf.float() for leaf in pytree.tree_leaves(results)]
