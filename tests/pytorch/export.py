"""Writes the programs beside this file: layers as PyTorch/XLA exports them, with their arguments and results.

    pip install torch torch_xla safetensors     # at one version; CPU is enough
    python tests/pytorch/export.py

Layers in evaluation are exported by `exported_program_to_stablehlo`, and the results are those of PyTorch
itself. Layers in training are lazy tensors with their gradients, and the results are those of XLA, which
runs the same program. Each program is `name.mlir`; `name.safetensors` holds `in.0`, `in.1`, .. and
`out.0`, ..
"""

import os
from pathlib import Path

os.environ["PJRT_DEVICE"] = "CPU"

import numpy as np
import torch
import torch_xla
import torch_xla.core.xla_model as xm
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F
from torch_xla.stablehlo import VariableType, exported_program_to_stablehlo

FOLDER = Path(__file__).resolve().parent


class SelfAttention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x, need_weights=False)[0]


class CausalAttention(nn.Module):
    """Attention of each place to those before it."""

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def normal(*shape):
    return torch.randn(*shape)


def convolutional():
    return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.AvgPool2d(2))


EVALUATED = {
    "attention": (SelfAttention, lambda: (normal(2, 3, 8),)),
    "batch_norm_1d": (lambda: nn.BatchNorm1d(4), lambda: (normal(3, 4),)),
    "batch_norm_2d": (lambda: nn.BatchNorm2d(4), lambda: (normal(2, 4, 3, 3),)),
    "causal_attention": (CausalAttention, lambda: tuple(normal(2, 2, 3, 4) for _ in range(3))),
    "convolution": (convolutional, lambda: (normal(1, 2, 8, 8),)),
    "embedding": (lambda: nn.Embedding(7, 3), lambda: (torch.tensor([[1, 2], [6, 0]]),)),
    "gelu": (nn.GELU, lambda: (normal(2, 5),)),
    "gelu_tanh": (lambda: nn.GELU(approximate="tanh"), lambda: (normal(2, 5),)),
    "layer_norm": (lambda: nn.LayerNorm(4), lambda: (normal(2, 3, 4),)),
    "linear": (lambda: nn.Linear(3, 5), lambda: (normal(2, 3),)),
    "linear_batches": (lambda: nn.Linear(3, 5), lambda: (normal(4, 2, 3),)),
    "transformer_layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
        lambda: (normal(2, 3, 8),),
    ),
}


def learn(*leaves):
    for leaf in leaves:
        leaf.requires_grad_()


def batch_norm_training(x, weight, bias, mean, var):
    mean, var = mean.clone(), var.clone()
    learn(x, weight, bias)
    y = F.batch_norm(x, mean, var, weight, bias, training=True)
    return [y, mean, var, *torch.autograd.grad((y**3).sum(), [x, weight, bias])]


def layer_norm_training(x, weight, bias):
    learn(x, weight, bias)
    y = F.layer_norm(x, (4,), weight, bias)
    return [y, *torch.autograd.grad((y**3).sum(), [x, weight, bias])]


def gelu_training(x):
    learn(x)
    y = F.gelu(x)
    return [y, *torch.autograd.grad(y.sum(), [x])]


def embedding_training(weight, places):
    learn(weight)
    y = F.embedding(places.long(), weight)
    return [y, *torch.autograd.grad((y**2).sum(), [weight])]


def linear_training(x, weight, bias):
    learn(x, weight, bias)
    y = F.linear(x, weight, bias)
    return [y, *torch.autograd.grad((y**2).sum(), [x, weight, bias])]


TRAINED = {
    "batch_norm_1d_training": (
        batch_norm_training,
        lambda: (normal(5, 3), normal(3), normal(3), normal(3), torch.rand(3) + 0.5),
    ),
    "batch_norm_2d_training": (
        batch_norm_training,
        lambda: (normal(4, 3, 2, 2), normal(3), normal(3), normal(3), torch.rand(3) + 0.5),
    ),
    "embedding_training": (embedding_training, lambda: (normal(7, 3), torch.tensor([[1, 2], [6, 1]]))),
    "gelu_training": (gelu_training, lambda: (normal(2, 5),)),
    "layer_norm_training": (layer_norm_training, lambda: (normal(2, 3, 4), normal(4), normal(4))),
    "linear_training": (linear_training, lambda: (normal(2, 3), normal(5, 3), normal(5))),
}


def write(name, text, arguments, results):
    (FOLDER / f"{name}.mlir").write_text(text)
    array = lambda value: np.array(value.detach().cpu().numpy(), order="C")
    tensors = {f"in.{at}": array(value) for at, value in enumerate(arguments)}
    tensors |= {f"out.{at}": array(value) for at, value in enumerate(results)}
    save_file(tensors, FOLDER / f"{name}.safetensors")


def export_evaluated(name, make, draw):
    module, arguments = make().eval(), draw()
    exported = exported_program_to_stablehlo(torch.export.export(module, arguments))
    bundle = exported._bundle
    values = []
    for location in bundle.stablehlo_funcs[0].meta.input_locations:
        if location.type_ == VariableType.INPUT_ARG:
            values.append(arguments[location.position])
        elif location.type_ == VariableType.PARAMETER:
            values.append(torch.as_tensor(bundle.state_dict[location.name]))
        else:
            values.append(torch.as_tensor(bundle.additional_constants[location.position]))
    write(name, exported.get_stablehlo_text("forward"), values, [module(*arguments)])


def export_trained(name, function, draw):
    device = torch_xla.device()
    leaves = [value.to(device) for value in draw()]
    torch_xla.sync()
    results = function(*leaves)
    text = xm.get_stablehlo(results)
    _, values = torch_xla._XLAC._get_tensors_xla_device_data_node(results)
    write(name, text, [value.cpu() for value in values], [value.cpu() for value in results])


def main():
    torch.manual_seed(0)
    for name, (make, draw) in EVALUATED.items():
        export_evaluated(name, make, draw)
    for name, (function, draw) in TRAINED.items():
        export_trained(name, function, draw)


if __name__ == "__main__":
    main()
