//! Layers against PyTorch's with the same state dict (`tests/pytorch/layers.py`), alone and as members of an
//! ensemble, which must have the bits of the layer alone.

use std::path::Path;

use choral::nn::*;
use choral::prelude::*;
use choral::state::file;
use choral::trace::attention::Attention;
use choral::tree::{leaves, rebuild};

use crate::ROOT;
use crate::close::{difference, numbered};

const DEVICES: [Device; 2] = [Device::Reference, Device::Cpu];

/// The cases of a family that are not checked yet.
struct Family {
    tensors: State<Tensor>,
}

impl Family {
    fn read(name: &str) -> Family {
        let path = Path::new(ROOT).join("tests/pytorch/layers").join(format!("{name}.safetensors"));
        Family { tensors: file::read(path).expect("a file of cases") }
    }

    /// What of a case begins with `part`, which is cut off.
    fn take(&mut self, case: &str) -> State<Tensor> {
        let start = format!("{case}.");
        let (taken, left) = self.tensors.drain(..).partition(|(name, _)| name.starts_with(&start));
        self.tensors = left;
        let taken: State<Tensor> = taken;
        taken.into_iter().map(|(name, tensor)| (name[start.len()..].to_owned(), tensor)).collect()
    }

    /// Loads the state of a case into a model and checks what `forward` makes of it and the case's inputs.
    #[track_caller]
    fn check<M, F>(&mut self, case: &str, mut model: M, forward: F)
    where
        M: ModuleState + Clone,
        M::With<TensorType>: 'static,
        M::With<Var>: Tree<Var, With<Var> = M::With<Var>>,
        F: Fn(M::With<Var>, &[Var]) -> Vec<Var> + Clone,
    {
        let tensors = self.take(case);
        let of_state = |(name, tensor): (&String, &Tensor)| {
            name.strip_prefix("state.").map(|name| (name.to_owned(), tensor.clone()))
        };
        let state = tensors.iter().filter_map(of_state).collect();
        model.load_state_dict(&state).unwrap_or_else(|error| panic!("{case}: {error}"));
        model.eval();
        let (inputs, expected) = (numbered(&tensors, "in."), numbered(&tensors, "out."));
        let run = |(model, inputs): (M::With<Var>, Vec<Var>)| forward(model, &inputs);
        for device in DEVICES {
            let alone = |model: &M, inputs: &[Tensor]| {
                let results = jit(run).on(device).call((model.clone(), inputs.to_vec()));
                results.unwrap_or_else(|error| panic!("{case}: {error}"))
            };
            let results = alone(&model, &inputs);
            assert_eq!(results.len(), expected.len(), "{case}");
            for (at, (got, expected)) in results.iter().zip(&expected).enumerate() {
                if let Some(difference) = difference(got, expected, 1e-5, 1e-5) {
                    panic!("{case} on {device:?}, result {at}: {difference}\n{got}\n{expected}");
                }
            }
            if leaves(&model).is_empty() {
                continue;
            }
            let models = FACTORS.map(|factor| scaled(&model, factor));
            let inputs_of = FACTORS.map(|factor| scaled(&inputs, 1.0 - factor / 4.0));
            let stacked = (stacked(&models), stacked(&inputs_of));
            let shared = vmap(run, (0, None)).on(device).call((stacked.0.clone(), inputs.clone()));
            let own = vmap(run, 0).on(device).call(stacked);
            let [shared, own] =
                [shared, own].map(|results| results.unwrap_or_else(|error| panic!("{case}: {error}")));
            for (member, (model, of_member)) in models.iter().zip(&inputs_of).enumerate() {
                same(case, member, &shared, &alone(model, &inputs));
                same(case, member, &own, &alone(model, of_member));
            }
        }
    }

    /// Fails if a case was left out.
    #[track_caller]
    fn finish(self) {
        let left: Vec<&String> = self.tensors.keys().collect();
        assert!(left.is_empty(), "nothing checks {left:?}");
    }
}

/// What the parameters of the members of an ensemble are multiplied by.
const FACTORS: [f64; 3] = [1.0, -0.5, 1.5];

/// The tree with its floats multiplied by a factor.
fn scaled<X: Tree<Tensor, With<Tensor> = X>>(tree: &X, factor: f64) -> X {
    let scaled = |(_, leaf): (_, Tensor)| {
        let numbers = leaf.to_f64_vec();
        if leaf.dtype() == DType::F32 {
            Tensor::from_fn(leaf.shape(), |at| (numbers[at] * factor) as f32)
        } else {
            leaf
        }
    };
    let leaves: Vec<Tensor> = leaves(tree).into_iter().map(scaled).collect();
    rebuild(tree, &leaves).expect("as many leaves")
}

/// One tree of stacked leaves.
fn stacked<X: Tree<Tensor, With<Tensor> = X>>(trees: &[X]) -> X {
    let all: Vec<Vec<Tensor>> =
        trees.iter().map(|tree| leaves(tree).into_iter().map(|(_, leaf)| leaf).collect()).collect();
    let stack = |at: usize| Tensor::stack(&all.iter().map(|leaves| leaves[at].clone()).collect::<Vec<_>>());
    let leaves: Vec<Tensor> = (0..all[0].len()).map(|at| stack(at).expect("leaves of one type")).collect();
    rebuild(&trees[0], &leaves).expect("as many leaves")
}

#[track_caller]
fn same(case: &str, member: usize, together: &[Tensor], alone: &[Tensor]) {
    for (together, alone) in together.iter().zip(alone) {
        let got = together.index(member).expect("a member");
        assert!(got.bit_eq(alone), "{case}: member {member} gives {got}, alone {alone}");
    }
}

/// The only output of a layer for the only input.
macro_rules! plain {
    () => {
        |mut layer, inputs: &[Var]| vec![layer.forward(&inputs[0])]
    };
}
pub(crate) use plain;

#[test]
fn activations() {
    let mut family = Family::read("activations");
    family.check("celu", CELU { alpha: 1.5 }, plain!());
    family.check("elu", ELU { alpha: 1.5 }, plain!());
    family.check("gelu", GELU::default(), plain!());
    family.check("gelu_tanh", GELU { approximate: Approximate::Tanh }, plain!());
    family.check("glu", GLU { dim: 1 }, plain!());
    family.check("hardsigmoid", Hardsigmoid, plain!());
    family.check("hardswish", Hardswish, plain!());
    family.check("hardtanh", Hardtanh { min_val: -2.0, max_val: 0.5 }, plain!());
    family.check("leaky_relu", LeakyReLU { negative_slope: 0.2 }, plain!());
    family.check("log_sigmoid", LogSigmoid, plain!());
    family.check("log_softmax", LogSoftmax { dim: 1 }, plain!());
    family.check("mish", Mish, plain!());
    family.check("prelu", PReLU::init(1), plain!());
    family.check("prelu_of_channels", PReLU::init(4), plain!());
    family.check("relu", ReLU, plain!());
    family.check("relu6", ReLU6, plain!());
    family.check("selu", SELU, plain!());
    family.check("sigmoid", Sigmoid, plain!());
    family.check("silu", SiLU, plain!());
    family.check("softmax", Softmax { dim: 1 }, plain!());
    family.check("softplus", Softplus { beta: 2.0, threshold: 3.0 }, plain!());
    family.check("softsign", Softsign, plain!());
    family.check("tanh", Tanh, plain!());
    family.finish();
}

#[test]
fn convolutions() {
    let mut family = Family::read("convolutions");
    let key = Key::new(0);
    let chain = (
        Conv1d::init(2, 4, 3, key),
        GroupNorm::init(2, 4),
        Mish,
        Flatten::default(),
        Linear::init(12, 3, key),
    );
    family.check("adaptive_1d", AdaptiveAvgPool1d::new(3), plain!());
    family.check("adaptive_2d", AdaptiveAvgPool2d::new([2, 3]), plain!());
    family.check("adaptive_more", AdaptiveAvgPool2d::new([5, 1]), plain!());
    family.check("sequential", chain, plain!());
    let layer = ConvTranspose1d::init(4, 6, 3, key).stride(2).padding(1).output_padding(1);
    family.check("transpose_1d", layer, plain!());
    let layer = ConvTranspose1d::init_grouped(4, 6, 3, 2, key).dilation(2).without_bias();
    family.check("transpose_1d_groups", layer, plain!());
    family.check("transpose_1d_padding", ConvTranspose1d::init(2, 3, 2, key).padding(3), plain!());
    let layer =
        ConvTranspose2d::init(4, 2, [3, 2], key).stride([2, 3]).padding([1, 0]).output_padding([1, 2]);
    family.check("transpose_2d", layer, plain!());
    family.check("transpose_2d_groups", ConvTranspose2d::init_grouped(4, 6, 2, 2, key).stride(2), plain!());
    family.finish();
}

#[test]
fn norms() {
    let mut family = Family::read("norms");
    family.check("group", GroupNorm::init(2, 6), plain!());
    family.check("group_2d", GroupNorm::init(3, 6).eps(0.1), plain!());
    family.check("group_plain", GroupNorm::<Tensor>::init(3, 6).without_affine(), plain!());
    family.check("instance_1d", InstanceNorm1d::<Tensor>::init(3), plain!());
    family.check("instance_1d_alone", InstanceNorm1d::init(3).with_affine(), plain!());
    family.check("instance_2d", InstanceNorm2d::init(3).with_affine().eps(0.1), plain!());
    family.check("rms", RMSNorm::init([4]), plain!());
    family.check("rms_small", RMSNorm::init([3, 4]), plain!());
    family.check("rms_eps", RMSNorm::init([3, 4]).eps(0.1), plain!());
    family.finish();
}

/// The output of attention, averaged weights, and those of every head.
#[track_caller]
pub(crate) fn attend(
    mut attention: MultiheadAttention<Var>,
    inputs: [&Var; 3],
    masks: &AttentionMasks<Var>,
) -> Vec<Var> {
    let (output, weights) = attention.attend(inputs, masks);
    vec![output, weights.mean(-3), weights]
}

#[test]
fn dot_product_attention() {
    let mut family = Family::read("dot_products");
    let dot_product = |settings: fn(Option<&Var>) -> Attention<'_>| {
        move |(), inputs: &[Var]| {
            let [queries, keys, values] = [0, 1, 2].map(|at| &inputs[at]);
            vec![queries.scaled_dot_product_attention(keys, values, settings(inputs.get(3)))]
        }
    };
    let masked = dot_product(|mask| Attention { mask, ..Attention::default() });
    family.check("dot_product", (), masked);
    family.check("dot_product_mask", (), masked);
    family.check("dot_product_added", (), masked);
    let scaled = dot_product(|_| Attention { scale: Some(0.3), ..Attention::default() });
    family.check("dot_product_broadcast", (), scaled);
    let causal = dot_product(|_| Attention { is_causal: true, ..Attention::default() });
    family.check("dot_product_causal", (), causal);
    family.finish();
}

#[test]
fn attention() {
    let mut family = Family::read("attention");
    let key = Key::new(0);
    let layer = || MultiheadAttention::init(8, 2, key);
    let itself = |masks: fn(&[Var]) -> AttentionMasks<Var>| {
        move |attention, inputs: &[Var]| attend(attention, [&inputs[0]; 3], &masks(&inputs[1..]))
    };
    let none = itself(|_| AttentionMasks::default());
    family.check("self", layer(), none);
    family.check("self_alone", layer(), none);
    family.check("self_first", layer().batch_first().without_bias(), none);
    let causal = itself(|_| AttentionMasks { is_causal: true, ..AttentionMasks::default() });
    family.check("self_causal", layer().batch_first(), causal);

    let cross = |attention, inputs: &[Var]| {
        attend(attention, [0, 1, 2].map(|at| &inputs[at]), &AttentionMasks::default())
    };
    family.check("cross", layer(), cross);
    let sizes = MultiheadAttention::init_with_sizes(8, (6, 5), 2, key);
    family.check("cross_sizes", sizes.clone().batch_first(), cross);
    family.check("cross_alone", sizes, cross);

    let mask =
        |masks: &[Var]| AttentionMasks { attn_mask: Some(masks[0].clone()), ..AttentionMasks::default() };
    family.check("mask", layer().batch_first(), itself(mask));
    family.check("mask_of_heads", layer(), itself(mask));
    family.check("mask_added", layer().batch_first(), itself(mask));
    let padding = |masks: &[Var]| AttentionMasks {
        key_padding_mask: Some(masks[0].clone()),
        ..AttentionMasks::default()
    };
    family.check("padding", layer().batch_first(), itself(padding));
    family.check("padding_alone", layer(), itself(padding));
    let both = |masks: &[Var]| AttentionMasks {
        attn_mask: Some(masks[0].clone()),
        key_padding_mask: Some(masks[1].clone()),
        is_causal: false,
    };
    family.check("masks", layer(), itself(both));
    family.check("masks_added", layer(), itself(both));
    family.finish();
}

#[test]
fn encoders() {
    let mut family = Family::read("encoders");
    let layer = || TransformerEncoderLayer::init(8, 2, 16, Key::new(0));
    family.check("encoder_layer", layer(), plain!());
    let first = layer().norm_first().activation(Activation::Gelu).batch_first().layer_norm_eps(0.1);
    family.check("encoder_layer_first", first, plain!());
    family.check("encoder_layer_plain", layer().without_bias().batch_first(), plain!());
    let pair = TransformerEncoder::new(&layer(), 2).norm(LayerNorm::init([8]));
    family.check("encoder", pair.clone(), plain!());
    let padded = |mut encoder: TransformerEncoder<Var>, inputs: &[Var]| {
        let key_padding_mask = Some(inputs[1].clone());
        let masks = AttentionMasks { attn_mask: None, key_padding_mask, is_causal: true };
        vec![encoder.forward(&(inputs[0].clone(), masks))]
    };
    family.check("encoder_padding", pair, padded);
    family.finish();
}

/// The outputs of recurrent layers whose state is one value, with and without a first state.
macro_rules! of_hidden {
    () => {
        |mut layer, inputs: &[Var]| {
            let (output, hidden) = match inputs {
                [input] => layer.forward(input),
                _ => layer.forward(&(inputs[0].clone(), inputs[1].clone())),
            };
            vec![output, hidden]
        }
    };
}
pub(crate) use of_hidden;

#[test]
fn recurrent_layers() {
    let mut family = Family::read("recurrent_layers");
    let key = Key::new(0);
    family.check("rnn", RNN::init(3, 4, key), of_hidden!());
    let rectified = RNN::init_stacked(3, 4, 2, true, key).nonlinearity(Elman::Relu).batch_first();
    family.check("rnn_relu", rectified, of_hidden!());
    family.check("gru", GRU::init(3, 4, key), of_hidden!());
    family.check("gru_plain", GRU::init_stacked(3, 4, 1, true, key).without_bias(), of_hidden!());
    family.check("gru_both", GRU::init_stacked(3, 4, 2, true, key), of_hidden!());
    let of_memory = |mut layer: LSTM<Var>, inputs: &[Var]| {
        let (output, (hidden, memory)) = match inputs {
            [input] => layer.forward(input),
            _ => layer.forward(&(inputs[0].clone(), (inputs[1].clone(), inputs[2].clone()))),
        };
        vec![output, hidden, memory]
    };
    family.check("lstm", LSTM::init(3, 4, key), of_memory);
    family.check("lstm_alone", LSTM::init_stacked(3, 4, 2, false, key), of_memory);
    family.check("lstm_both", LSTM::init_stacked(3, 4, 2, true, key).batch_first(), of_memory);
    family.finish();
}

#[test]
fn recurrent_cells() {
    let mut family = Family::read("recurrent_cells");
    let key = Key::new(0);
    let rectified = RNNCell::init(3, 4, key).nonlinearity(Elman::Relu);
    let with_state =
        |mut cell: RNNCell<Var>, inputs: &[Var]| vec![cell.forward(&(inputs[0].clone(), inputs[1].clone()))];
    family.check("rnn_cell", rectified, with_state);
    family.check("gru_cell", GRUCell::init(3, 4, key).without_bias(), plain!());
    let with_state =
        |mut cell: GRUCell<Var>, inputs: &[Var]| vec![cell.forward(&(inputs[0].clone(), inputs[1].clone()))];
    family.check("gru_cell_state", GRUCell::init(3, 4, key), with_state);
    let of_memory = |mut cell: LSTMCell<Var>, inputs: &[Var]| {
        let (hidden, memory) = match inputs {
            [input] => cell.forward(input),
            _ => cell.forward(&(inputs[0].clone(), (inputs[1].clone(), inputs[2].clone()))),
        };
        vec![hidden, memory]
    };
    family.check("lstm_cell", LSTMCell::init(3, 4, key), of_memory);
    family.check("lstm_cell_state", LSTMCell::init(3, 4, key), of_memory);
    family.finish();
}

/// In training, layers drop by the key in scope: members by their own keys, with the bits of the layer alone.
#[test]
fn layers_drop_in_training() -> Result<(), choral::Error> {
    let [encoder, lstm] = Key::new(0).split();
    let encoder = TransformerEncoderLayer::init(8, 2, 16, encoder).dropout(0.5);
    let lstm = LSTM::init_stacked(8, 8, 2, false, lstm).dropout(0.5);
    type Both<T> = (TransformerEncoderLayer<T>, LSTM<T>);
    let run = |((mut encoder, mut lstm), x, key): (Both<Var>, Var, Var)| {
        with_key(&key, || {
            let encoded = encoder.forward(&x);
            let (output, _) = lstm.forward(&encoded);
            (encoded, output)
        })
    };
    let keys: [Key; 3] = Key::new(5).split();
    let x = Tensor::randn([4, 2, 8], Key::new(6));
    let mut both = (encoder, lstm);
    let stacked = Tensor::stack(&keys.map(Tensor::from))?;
    let together = vmap(run, (None, None, 0)).call((&both, &x, &stacked))?;
    let mut seen = Vec::new();
    for (member, key) in keys.into_iter().enumerate() {
        let (encoded, output) = jit(run).call((&both, &x, &Tensor::from(key)))?;
        assert!(together.0.index(member)?.bit_eq(&encoded) && together.1.index(member)?.bit_eq(&output));
        seen.extend([encoded, output]);
    }
    both.eval();
    let (encoded, output) = jit(run).call((&both, &x, &Tensor::from(keys[0])))?;
    seen.extend([encoded, output]);
    for (at, one) in seen.iter().enumerate() {
        assert!(seen[..at].iter().all(|other| !one.bit_eq(other)), "{at} is another's");
    }
    Ok(())
}

/// Weights of attention are dropped and the others scaled, as numbers are.
#[test]
fn attention_drops_weights() -> Result<(), choral::Error> {
    let weigh = |(queries, keys, key): (Var, Var, Var)| {
        let kept = queries.attention_weights(&keys, Attention::default());
        let settings = Attention { dropout: 0.5, ..Attention::default() };
        (kept, with_key(&key, || queries.attention_weights(&keys, settings)))
    };
    let [queries, keys] = [0, 1].map(|seed| Tensor::randn([30, 4], Key::new(seed)));
    let (kept, dropped) = jit(weigh).call((&queries, &keys, &Tensor::from(Key::new(2))))?;
    let pairs: Vec<(f64, f64)> = kept.to_f64_vec().into_iter().zip(dropped.to_f64_vec()).collect();
    assert!(pairs.iter().all(|&(kept, dropped)| dropped == 0.0 || (dropped / kept - 2.0).abs() < 1e-6));
    let zeros = pairs.iter().filter(|(_, dropped)| *dropped == 0.0).count();
    assert!((400..500).contains(&zeros), "{zeros} of 900 dropped");
    Ok(())
}
