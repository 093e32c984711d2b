"""Writes the files of the folder `layers`: layers of PyTorch with random parameters, their inputs and outputs.

    pip install torch safetensors     # CPU is enough
    python tests/pytorch/layers.py

Each file is a family. Of a case it holds the state dict as `CASE.state.NAME`, and `CASE.in.0`, `CASE.in.1`, ..
and `CASE.out.0`, `CASE.out.1`, .. Layers are in evaluation mode.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent / "layers"


def normal(*shape):
    return torch.randn(*shape)


def wide(*shape):
    return 4 * torch.randn(*shape)


def hidden(*shape, p=0.4):
    """Random booleans; the first of each row is false, so that something is seen."""
    mask = torch.rand(*shape) < p
    mask[..., 0] = False
    return mask


def flat(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [leaf for output in outputs for leaf in flat(output)]


def randomise(module):
    """Parameters that all matter: also those that start as zeros or ones."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn_like(parameter))
    return module.eval()


class Call(nn.Module):
    """A function as a module without state, or a module called in another way."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function = function
        self.called = modules

    def forward(self, *arguments):
        return self.function(*self.called, *arguments)

    def state_dict(self):
        return self.called[0].state_dict() if self.called else {}


def activations():
    line = lambda module: (module, (wide(2, 4, 3),))
    return {
        "celu": line(nn.CELU(1.5)),
        "elu": line(nn.ELU(1.5)),
        "gelu": line(nn.GELU()),
        "gelu_tanh": line(nn.GELU(approximate="tanh")),
        "glu": line(nn.GLU(1)),
        "hardsigmoid": line(nn.Hardsigmoid()),
        "hardswish": line(nn.Hardswish()),
        "hardtanh": line(nn.Hardtanh(-2.0, 0.5)),
        "leaky_relu": line(nn.LeakyReLU(0.2)),
        "log_sigmoid": line(nn.LogSigmoid()),
        "log_softmax": line(nn.LogSoftmax(1)),
        "mish": line(nn.Mish()),
        "prelu": line(randomise(nn.PReLU())),
        "prelu_of_channels": line(randomise(nn.PReLU(4))),
        "relu": line(nn.ReLU()),
        "relu6": line(nn.ReLU6()),
        "selu": line(nn.SELU()),
        "sigmoid": line(nn.Sigmoid()),
        "silu": line(nn.SiLU()),
        "softmax": line(nn.Softmax(1)),
        "softplus": line(nn.Softplus(2.0, 3.0)),
        "softsign": line(nn.Softsign()),
        "tanh": line(nn.Tanh()),
    }


def convolutions():
    chain = nn.Sequential(nn.Conv1d(2, 4, 3), nn.GroupNorm(2, 4), nn.Mish(), nn.Flatten(), nn.Linear(12, 3))
    return {
        "adaptive_1d": (nn.AdaptiveAvgPool1d(3), (normal(2, 3, 7),)),
        "adaptive_2d": (nn.AdaptiveAvgPool2d((2, 3)), (normal(2, 2, 6, 7),)),
        "adaptive_more": (nn.AdaptiveAvgPool2d((5, 1)), (normal(2, 3, 4),)),
        "sequential": (randomise(chain), (normal(2, 2, 5),)),
        "transpose_1d": (
            randomise(nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1)),
            (normal(2, 4, 5),),
        ),
        "transpose_1d_groups": (
            randomise(nn.ConvTranspose1d(4, 6, 3, groups=2, dilation=2, bias=False)),
            (normal(2, 4, 5),),
        ),
        "transpose_1d_padding": (randomise(nn.ConvTranspose1d(2, 3, 2, padding=3)), (normal(2, 2, 8),)),
        "transpose_2d": (
            randomise(
                nn.ConvTranspose2d(4, 2, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2))
            ),
            (normal(2, 4, 3, 2),),
        ),
        "transpose_2d_groups": (
            randomise(nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2)),
            (normal(1, 4, 3, 2),),
        ),
    }


def norms():
    return {
        "group": (randomise(nn.GroupNorm(2, 6)), (normal(2, 6, 4),)),
        "group_2d": (randomise(nn.GroupNorm(3, 6, eps=0.1)), (normal(2, 6, 2, 3),)),
        "group_plain": (nn.GroupNorm(3, 6, affine=False), (normal(2, 6),)),
        "instance_1d": (nn.InstanceNorm1d(3), (normal(2, 3, 5),)),
        "instance_1d_alone": (randomise(nn.InstanceNorm1d(3, affine=True)), (normal(3, 5),)),
        "instance_2d": (randomise(nn.InstanceNorm2d(3, eps=0.1, affine=True)), (normal(2, 3, 3, 4),)),
        "rms": (randomise(nn.RMSNorm(4)), (normal(2, 3, 4),)),
        "rms_small": (randomise(nn.RMSNorm([3, 4])), (1e-4 * normal(2, 3, 4),)),
        "rms_eps": (randomise(nn.RMSNorm([3, 4], eps=0.1)), (normal(2, 3, 4),)),
    }


def dot_products():
    def dot_product(**settings):
        return Call(lambda *inputs: F.scaled_dot_product_attention(*inputs, **settings))

    heads = lambda: (normal(2, 2, 3, 4), normal(2, 2, 5, 4), normal(2, 2, 5, 3))
    unseen = hidden(2, 1, 3, 5)
    unseen[0, 0, 1] = True
    return {
        "dot_product": (dot_product(), heads()),
        "dot_product_broadcast": (dot_product(scale=0.3), (normal(2, 3, 4), normal(5, 4), normal(5, 3))),
        "dot_product_causal": (dot_product(is_causal=True), heads()),
        "dot_product_mask": (dot_product(), (*heads(), ~unseen)),
        "dot_product_added": (dot_product(), (*heads(), normal(3, 5))),
    }


def attention():
    def attend(**settings):
        """The output, averaged weights, and those of every head."""

        def call(attention, query, key, value, **masks):
            output, averaged = attention(query, key, value, **masks)
            _, weights = attention(query, key, value, average_attn_weights=False, **masks)
            return output, averaged, weights

        attention = randomise(nn.MultiheadAttention(8, 2, **settings))
        return lambda *masks: Call(
            lambda module, *inputs: call(module, *inputs[:3], **dict(zip(masks, inputs[3:]))), attention
        )

    def itself(*masks, **settings):
        module = attend(**settings)(*masks)
        return lambda x, *rest: (Call(lambda layer, x, *rest: layer(x, x, x, *rest), module), (x, *rest))

    causal = nn.Transformer.generate_square_subsequent_mask(4)
    return {
        "self": itself()(normal(4, 2, 8)),
        "self_alone": itself()(normal(4, 8)),
        "self_first": itself(batch_first=True, bias=False)(normal(2, 4, 8)),
        "self_causal": itself("attn_mask", batch_first=True)(normal(2, 4, 8), causal),
        "cross": (attend()(), (normal(3, 2, 8), normal(5, 2, 8), normal(5, 2, 8))),
        "cross_sizes": (
            attend(kdim=6, vdim=5, batch_first=True)(),
            (normal(2, 3, 8), normal(2, 5, 6), normal(2, 5, 5)),
        ),
        "cross_alone": (attend(kdim=6, vdim=5)(), (normal(3, 8), normal(5, 6), normal(5, 5))),
        "mask": itself("attn_mask", batch_first=True)(normal(2, 4, 8), hidden(4, 4)),
        "mask_of_heads": itself("attn_mask")(normal(4, 2, 8), hidden(4, 4, 4)),
        "mask_added": itself("attn_mask", batch_first=True)(normal(2, 4, 8), normal(4, 4)),
        "padding": itself("key_padding_mask", batch_first=True)(normal(2, 4, 8), hidden(2, 4)),
        "padding_alone": itself("key_padding_mask")(normal(4, 8), hidden(4)),
        "masks": itself("attn_mask", "key_padding_mask")(normal(4, 2, 8), hidden(4, 4), hidden(2, 4)),
        "masks_added": itself("attn_mask", "key_padding_mask")(normal(4, 2, 8), normal(4, 4), normal(2, 4)),
    }


def encoders():
    def encoder_layer(**settings):
        return randomise(nn.TransformerEncoderLayer(8, 2, 16, **settings))

    pair = nn.TransformerEncoder(encoder_layer(), 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    causal = nn.Transformer.generate_square_subsequent_mask(4)
    return {
        "encoder_layer": (encoder_layer(), (normal(4, 2, 8),)),
        "encoder_layer_first": (
            encoder_layer(norm_first=True, activation="gelu", batch_first=True, layer_norm_eps=0.1),
            (normal(2, 4, 8),),
        ),
        "encoder_layer_plain": (encoder_layer(bias=False, batch_first=True), (normal(2, 4, 8),)),
        "encoder": (randomise(pair), (normal(4, 2, 8),)),
        "encoder_padding": (
            Call(lambda encoder, x, padding: encoder(x, causal, padding, is_causal=True), randomise(pair)),
            (normal(4, 2, 8), torch.where(hidden(2, 4), -torch.inf, 0.0)),
        ),
    }


def layer(Layer, *sizes, **settings):
    return randomise(Layer(*sizes, **settings))


def recurrent_layers():
    both = dict(num_layers=2, bidirectional=True)
    return {
        "rnn": (layer(nn.RNN, 3, 4), (normal(5, 2, 3),)),
        "rnn_relu": (
            layer(nn.RNN, 3, 4, nonlinearity="relu", batch_first=True, **both),
            (normal(2, 5, 3), normal(4, 2, 4)),
        ),
        "gru": (layer(nn.GRU, 3, 4), (normal(5, 2, 3),)),
        "gru_plain": (layer(nn.GRU, 3, 4, bias=False, bidirectional=True), (normal(5, 2, 3),)),
        "gru_both": (layer(nn.GRU, 3, 4, **both), (normal(5, 2, 3), normal(4, 2, 4))),
        "lstm": (layer(nn.LSTM, 3, 4), (normal(5, 2, 3),)),
        "lstm_alone": (layer(nn.LSTM, 3, 4, num_layers=2), (normal(5, 3),)),
        "lstm_both": (
            Call(
                lambda lstm, x, *first: lstm(x, first), layer(nn.LSTM, 3, 4, batch_first=True, **both)
            ),
            (normal(2, 5, 3), normal(4, 2, 4), normal(4, 2, 4)),
        ),
    }


def recurrent_cells():
    return {
        "rnn_cell": (layer(nn.RNNCell, 3, 4, nonlinearity="relu"), (normal(2, 3), normal(2, 4))),
        "gru_cell": (layer(nn.GRUCell, 3, 4, bias=False), (normal(3),)),
        "gru_cell_state": (layer(nn.GRUCell, 3, 4), (normal(2, 3), normal(2, 4))),
        "lstm_cell": (layer(nn.LSTMCell, 3, 4), (normal(2, 3),)),
        "lstm_cell_state": (
            Call(lambda cell, x, *state: cell(x, state), layer(nn.LSTMCell, 3, 4)),
            (normal(2, 3), normal(2, 4), normal(2, 4)),
        ),
    }


FAMILIES = [
    activations,
    attention,
    convolutions,
    dot_products,
    encoders,
    norms,
    recurrent_cells,
    recurrent_layers,
]


def main():
    FOLDER.mkdir(exist_ok=True)
    for family in FAMILIES:
        torch.manual_seed(0)
        tensors = {}
        for case, (module, inputs) in family().items():
            with torch.no_grad():
                outputs = flat(module(*inputs))
            named = {f"state.{name}": value for name, value in module.state_dict().items()}
            named |= {f"in.{at}": value for at, value in enumerate(inputs)}
            named |= {f"out.{at}": value for at, value in enumerate(outputs)}
            tensors |= {f"{case}.{name}": value.clone().contiguous() for name, value in named.items()}
        save_file(tensors, FOLDER / f"{family.__name__}.safetensors")


if __name__ == "__main__":
    main()
