"""What PyTorch and Optax make of the problems in tests/optimisers.rs, tests/losses.rs and tests/schedules.rs.

Writes `optimisers.safetensors`, `losses.safetensors` and `schedules.safetensors` beside this file:

    pip install torch==2.* optax==0.2.* safetensors numpy && python tests/training/golden.py
"""

from pathlib import Path

import jax
import numpy
import optax
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch.optim import lr_scheduler

jax.config.update("jax_enable_x64", True)

FOLDER = Path(__file__).parent
STEPS = 100
KEPT = [1, 2, 10, 100]

# Optimisers on least squares: the parameters after the first steps and after the last.

OPTIMISERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "sgd_dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.01),
    "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "adam_betas": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "adam_amsgrad": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.9, 0.9), amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "adamw_decay": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), weight_decay=0.5, amsgrad=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "rmsprop_momentum": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.8, weight_decay=0.1),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=0.05, centered=True),
    "rmsprop_all": lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, eps=0.05, centered=True, momentum=0.5),
    "clipped": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "clipped_by_value": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
}
LIONS = {
    "lion": optax.lion(1e-2),
    "lion_decay": optax.lion(2e-2, b1=0.8, b2=0.95, weight_decay=0.3),
}
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


PROBLEM = {"x": normal(16, 3), "y": normal(16, 2), "weight": normal(2, 3), "bias": normal(2)}


def with_torch(name, make, dtype):
    x, y, weight, bias = (value.to(dtype).clone() for value in PROBLEM.values())
    params = [weight.requires_grad_(), bias.requires_grad_()]
    optimiser, kept = make(params), {}
    for step in range(1, STEPS + 1):
        optimiser.zero_grad()
        F.mse_loss(F.linear(x, weight, bias), y).backward()
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_(params, 0.5)
        if name == "clipped_by_value":
            torch.nn.utils.clip_grad_value_(params, 0.1)
        optimiser.step()
        if step in KEPT:
            kept[step] = [param.detach().numpy().copy() for param in params]
    return kept


def with_optax(optimiser, dtype):
    x, y, *params = (jax.numpy.asarray(value.numpy(), dtype) for value in PROBLEM.values())
    gradient = jax.grad(lambda params: ((x @ params[0].T + params[1] - y) ** 2).mean())
    state, kept = optimiser.init(params), {}
    for step in range(1, STEPS + 1):
        updates, state = optimiser.update(gradient(params), state, params)
        params = optax.apply_updates(params, updates)
        if step in KEPT:
            kept[step] = [numpy.asarray(param) for param in params]
    return kept


def optimisers():
    data = {name: value.numpy() for name, value in PROBLEM.items()}
    for kind, dtype in [("f32", torch.float32), ("f64", torch.float64)]:
        runs = {name: with_torch(name, make, dtype) for name, make in OPTIMISERS.items()}
        runs |= {name: with_optax(lion, kind.replace("f", "float")) for name, lion in LIONS.items()}
        # In f32 roundings grow, and the last step is not compared.
        steps = KEPT if kind == "f64" else KEPT[:-1]
        for name, kept in runs.items():
            data[f"{name}.{kind}.weight"] = numpy.stack([kept[step][0] for step in steps])
            data[f"{name}.{kind}.bias"] = numpy.stack([kept[step][1] for step in steps])
    save_file(data, FOLDER / "optimisers.safetensors")


# Losses with their options.


def losses():
    data = {
        "logits": normal(6, 5) * 3,
        "images": normal(3, 5, 2, 2) * 3,
        "labels": torch.tensor([0, 4, 2, 2, 1, 3]),
        "ignoring": torch.tensor([0, -100, 2, 1, -100, 3]),
        "image_labels": torch.tensor([[[0, 1], [2, 3]], [[4, 0], [1, 1]], [[2, 2], [3, 4]]]),
        "probabilities": normal(6, 5).softmax(-1),
        "class_weight": torch.tensor([0.5, 1.0, 2.0, 0.1, 1.5], dtype=torch.float64),
        "x": normal(4, 3) * 2,
        "y": normal(4, 3) * 2,
        "var": normal(4, 3).exp(),
        "truth": torch.tensor([[0.0, 1, 1], [1, 0, 0], [0.2, 0.7, 1], [1, 1, 0]], dtype=torch.float64),
        "sparse": torch.tensor([[0.0, 0.5, 0.5], [1, 0, 0], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]], dtype=torch.float64),
        "pos_weight": torch.tensor([0.5, 3.0, 1.0], dtype=torch.float64),
        "element_weight": normal(4, 3).abs(),
    }
    d = data.copy()
    labels, ignoring, weight = d["labels"], d["ignoring"], d["class_weight"]
    calls = {"cross_entropy.one": F.cross_entropy(d["logits"][0], labels[0])}
    for reduction in ["mean", "sum", "none"]:
        ce = lambda input, target, **options: F.cross_entropy(input, target, reduction=reduction, **options)
        calls |= {
            f"cross_entropy.plain.{reduction}": ce(d["logits"], labels),
            f"cross_entropy.smooth.{reduction}": ce(d["logits"], labels, label_smoothing=0.1),
            f"cross_entropy.weighted.{reduction}": ce(d["logits"], labels, weight=weight),
            f"cross_entropy.ignoring.{reduction}": ce(d["logits"], ignoring),
            f"cross_entropy.all.{reduction}": ce(d["logits"], labels, weight=weight, ignore_index=2, label_smoothing=0.3),
            f"cross_entropy.images.{reduction}": ce(d["images"], d["image_labels"], weight=weight, label_smoothing=0.2),
            f"cross_entropy.probabilities.{reduction}": ce(d["logits"], d["probabilities"]),
            f"cross_entropy.all_probabilities.{reduction}": ce(
                d["logits"], d["probabilities"], weight=weight, label_smoothing=0.3
            ),
            f"nll_loss.plain.{reduction}": F.nll_loss(d["logits"].log_softmax(1), labels, reduction=reduction),
            f"nll_loss.all.{reduction}": F.nll_loss(
                d["images"].log_softmax(1), d["image_labels"], weight=weight, ignore_index=1, reduction=reduction
            ),
            f"mse_loss.{reduction}": F.mse_loss(d["x"], d["y"], reduction=reduction),
            f"l1_loss.{reduction}": F.l1_loss(d["x"], d["y"], reduction=reduction),
            f"huber_loss.plain.{reduction}": F.huber_loss(d["x"], d["y"], reduction=reduction),
            f"huber_loss.delta.{reduction}": F.huber_loss(d["x"], d["y"], delta=2.5, reduction=reduction),
            f"smooth_l1_loss.plain.{reduction}": F.smooth_l1_loss(d["x"], d["y"], reduction=reduction),
            f"smooth_l1_loss.beta.{reduction}": F.smooth_l1_loss(d["x"], d["y"], beta=2.5, reduction=reduction),
            f"smooth_l1_loss.zero.{reduction}": F.smooth_l1_loss(d["x"], d["y"], beta=0, reduction=reduction),
            f"bce.plain.{reduction}": F.binary_cross_entropy_with_logits(d["x"], d["truth"], reduction=reduction),
            f"bce.weighted.{reduction}": F.binary_cross_entropy_with_logits(
                d["x"], d["truth"], weight=d["element_weight"], pos_weight=d["pos_weight"], reduction=reduction
            ),
            f"gaussian.plain.{reduction}": F.gaussian_nll_loss(d["x"], d["y"], d["var"], reduction=reduction),
            f"gaussian.full.{reduction}": F.gaussian_nll_loss(
                d["x"], d["y"], d["var"][:, :1], full=True, eps=0.9, reduction=reduction
            ),
            f"kl_div.plain.{reduction}": F.kl_div(d["x"].log_softmax(1), d["sparse"], reduction=reduction),
            f"kl_div.log.{reduction}": F.kl_div(
                d["x"].log_softmax(1), d["y"].log_softmax(1), log_target=True, reduction=reduction
            ),
        }
    calls["kl_div.plain.batchmean"] = F.kl_div(d["x"].log_softmax(1), d["sparse"], reduction="batchmean")
    data |= calls
    save_file({name: value.numpy().copy() for name, value in data.items()}, FOLDER / "losses.safetensors")


# Schedules: the rates of 60 steps.


def rates(make):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    schedule, seen = make(optimiser), []
    for _ in range(60):
        seen.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return numpy.array(seen)


def schedules():
    def warm(optimiser):
        first = lr_scheduler.LinearLR(optimiser, start_factor=0.1, total_iters=10)
        then = lr_scheduler.CosineAnnealingLR(optimiser, T_max=50, eta_min=0.01)
        return lr_scheduler.SequentialLR(optimiser, [first, then], milestones=[10])

    cosine = optax.cosine_decay_schedule(0.5, 40, alpha=0.1)
    warmup = optax.warmup_cosine_decay_schedule(0.05, 0.5, 10, 50, end_value=0.01)
    linear = optax.linear_schedule(0.5, 0.1, 30)
    data = {
        "torch.constant": rates(lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        "torch.step": rates(lambda o: lr_scheduler.StepLR(o, step_size=7, gamma=0.3)),
        "torch.exponential": rates(lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9)),
        "torch.cosine": rates(lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=60, eta_min=0.02)),
        "torch.linear": rates(lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, end_factor=0.8, total_iters=25)),
        "torch.warmup": rates(warm),
        "optax.cosine": numpy.array([cosine(step) for step in range(60)]),
        "optax.warmup": numpy.array([warmup(step) for step in range(60)]),
        "optax.linear": numpy.array([linear(step) for step in range(60)]),
    }
    save_file({name: value.astype(numpy.float64) for name, value in data.items()}, FOLDER / "schedules.safetensors")


optimisers()
losses()
schedules()
