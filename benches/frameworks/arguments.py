"""Arguments of every workload, of the shapes and distributions of `workloads/*.rs`.

`ARGUMENTS[name]()` gives a pair: what members have along their first dimension, and what they share. Programs without
members have `None` and their arguments. What lies in them is told in the programs; arrays are NumPy's.
"""
import numpy as np

DIGITS = [784, 128, 128, 128, 10]
POLICY = [17, 256, 256, 6]


class Draw:
    """Numbers of one seed."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def normal(self, *shape, deviation=1.0):
        return (self.rng.standard_normal(shape) * deviation).astype(np.float32)

    def repeated(self, *shape, deviation=1.0):
        """As `normal`, for many: some numbers again and again, which takes less time."""
        few = self.normal(1_000_003, deviation=deviation)
        return np.resize(few, np.prod(shape)).reshape(shape)

    def below(self, end, *shape):
        return self.rng.integers(0, end, shape, dtype=np.int32)

    def layers(self, members, widths):
        return [
            dict(w=self.normal(members, to, of, deviation=of**-0.5), b=self.normal(members, to, deviation=0.1))
            for of, to in zip(widths, widths[1:])
        ]


def shared_batch(members, widths, batch):
    draw = Draw()
    return draw.layers(members, widths), draw.normal(batch, widths[0])


def own_batch(members, widths, batch):
    draw = Draw()
    return (draw.layers(members, widths), draw.normal(members, batch, widths[0])), None


def cnn():
    draw = Draw()
    params = dict(
        c1=draw.normal(10, 32, 1, 3, 3, deviation=0.3), d1=draw.normal(10, 32, deviation=0.1),
        c2=draw.normal(10, 64, 32, 3, 3, deviation=0.06), d2=draw.normal(10, 64, deviation=0.1),
        fc=draw.layers(10, [9216, 128, 10]),
    )  # fmt: skip
    return params, draw.normal(32, 1, 28, 28)


def transformer(members, width, *batch):
    draw = Draw()

    def linear(of, to):
        return dict(w=draw.normal(members, to, of, deviation=of**-0.5), b=draw.normal(members, to, deviation=0.02))

    def norm():
        return dict(w=np.ones((members, width), np.float32), b=np.zeros((members, width), np.float32))

    block = dict(
        norm1=norm(), qkv=linear(width, 3 * width), out=linear(width, width),
        norm2=norm(), up=linear(width, 4 * width), down=linear(4 * width, width),
    )  # fmt: skip
    return block, draw.normal(*batch, width)


def resnet():
    draw = Draw()
    members = 16

    def scaled(of, to, width):
        return dict(
            w=draw.repeated(members, to, of, width, width, deviation=(of * width * width) ** -0.5),
            factor=draw.normal(members, to, 1, 1), term=draw.normal(members, to, 1, 1, deviation=0.1),
        )  # fmt: skip

    blocks, of = [], 64
    for to in (64, 64, 128, 128, 256, 256, 512, 512):
        beside = dict(beside=scaled(of, to, 1)) if of != to else {}
        blocks.append(dict(first=scaled(of, to, 3), second=scaled(to, to, 3), **beside))
        of = to
    params = dict(stem=scaled(3, 64, 3), blocks=blocks, out=draw.layers(members, [512, 10]))
    return params, draw.normal(64, 3, 32, 32)


def wide_layer():
    draw = Draw()
    layer = dict(w=draw.repeated(64, 4096, 4096, deviation=4096**-0.5), b=draw.normal(64, 4096, deviation=0.1))
    return [layer], draw.repeated(512, 4096)


def one_hot(classes):
    return np.eye(10, dtype=np.float32)[classes]


def step():
    draw = Draw()
    layers = draw.layers(10, DIGITS)
    velocity = [{name: np.zeros_like(value) for name, value in layer.items()} for layer in layers]
    return (layers, velocity, draw.normal(10, 64, 784), one_hot(draw.below(10, 10, 64))), None


def per_sample():
    draw = Draw()
    layers = [{name: value[0] for name, value in layer.items()} for layer in draw.layers(1, DIGITS)]
    return (draw.normal(64, 784), one_hot(draw.below(10, 64))), layers


def chain():
    draw = Draw()
    return (draw.normal(64), draw.normal(64), draw.normal(64, 65_536), draw.normal(64, 65_536)), None


def rollout():
    draw = Draw()
    return (draw.normal(256, 4, deviation=0.5), draw.normal(256, 4, deviation=0.05)), None


def lstm():
    draw = Draw()
    of_input, of_hidden = draw.normal(16, 256, 32, deviation=0.17), draw.normal(16, 256, 64, deviation=0.12)
    return (of_input, of_hidden, draw.normal(16, 256, deviation=0.1)), draw.normal(50, 32)


def squares(dtype):
    draw = Draw()
    is_whole = np.dtype(dtype).kind == "i"
    one = lambda: draw.below(8, 256, 256).astype(dtype) if is_whole else draw.normal(256, 256)
    return None, (one(), one())


def images():
    draw = Draw()
    return None, (draw.normal(8, 16, 32, 32), draw.normal(32, 16, 3, 3, deviation=0.1))


def integers():
    draw = Draw()
    return (draw.below(1 << 20, 16, 65_536), draw.below(1 << 20, 16, 65_536)), None


def pair_of_rows():
    draw = Draw()
    return (draw.normal(16, 65_536), draw.normal(16, 65_536)), None


def gather_rows():
    draw = Draw()
    table = draw.normal(10_000, 64)
    return draw.below(10_000, 16, 1024), table


def scatter_add():
    draw = Draw()
    return (draw.below(1024, 16, 16_384), draw.normal(16, 16_384)), None


def rows():
    return Draw().normal(16, 64, 1000), None


def max_pool_gradient():
    draw = Draw()
    return (draw.normal(8, 8, 16, 32, 32), draw.normal(8, 8, 16, 16, 16)), None


def rounds():
    draw = Draw()
    return (draw.below(64, 256), draw.normal(256, 64)), None


def forest():
    draw = Draw()
    tree = draw.below(32, 64, 255), draw.normal(64, 255, deviation=0.5), draw.normal(64, 256)
    return tree, draw.normal(512, 32)


def viterbi():
    draw = Draw()
    return draw.normal(32, 64, 32), draw.normal(32, 32)


def hmc():
    draw = Draw()
    seeds = np.arange(64, dtype=np.uint32)
    return (seeds, draw.normal(64, 16)), draw.normal(16, 16, deviation=0.3)


def dopri5():
    stiffness = (0.1 + 4.0 * np.arange(128) / 128).astype(np.float32)
    return (stiffness, Draw().normal(128, 2)), None


def decoding():
    draw = Draw()
    return draw.normal(8, 64), (draw.normal(192, 64, deviation=0.125), draw.normal(64, 64, deviation=0.125))


ARGUMENTS = {
    "W1_seed_linear": lambda: shared_batch(5, [3, 3], 64),
    "W2_mlp_shared": lambda: shared_batch(10, DIGITS, 64),
    "W2b_mlp_permember": lambda: own_batch(10, DIGITS, 64),
    "W3_rl_b1": lambda: own_batch(64, POLICY, 1),
    "W3b_rl_b32": lambda: own_batch(64, POLICY, 32),
    "W4_mlp_big": lambda: shared_batch(8, [1024, 4096, 1024], 256),
    "W5_cnn": cnn,
    "W6_transformer": lambda: transformer(4, 256, 8, 64),
    "W7_train_step": step,
    "W8_per_sample_grad": per_sample,
    "W9_elementwise": chain,
    "W10_predictive": lambda: (None, shared_batch(32, [32, 64, 64, 3], 1024)),
    "W11_rollout": rollout,
    "W12_lstm": lstm,
    "product_i8": lambda: squares(np.int8),
    "product_bf16": lambda: squares(np.float32),
    "product_f16": lambda: squares(np.float32),
    "product_i32": lambda: squares(np.int32),
    "product_f32": lambda: squares(np.float32),
    "convolution_bf16": images,
    "convolution_f32": images,
    "integers_i32": integers,
    "threefry_bits": lambda: (np.arange(16, dtype=np.uint32), None),
    "compare_select": pair_of_rows,
    "gelu_f32": lambda: (Draw().normal(16, 65_536), None),
    "gather_rows": gather_rows,
    "scatter_add": scatter_add,
    "sort_rows": rows,
    "argmax_rows": rows,
    "cumsum_rows": rows,
    "cummax_rows": rows,
    "maxpool_gradient": max_pool_gradient,
    "while_rounds": rounds,
    "forest": forest,
    "viterbi": viterbi,
    "hmc": hmc,
    "dopri5": dopri5,
    "kvcache_decoding": decoding,
}

# Of a GPU's size.
LARGE = {
    "G1_mlp_bf16": wide_layer,
    "G2_policies": lambda: own_batch(1024, POLICY, 1),
    "G3_resnet": resnet,
    "G4_transformer_bf16": lambda: transformer(8, 1024, 8, 512),
}
