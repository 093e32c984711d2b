//! What layers refuse: state and inputs that do not fit, with one message at the line of the call.

use choral::prelude::*;
use choral::trace::attention::Attention;
use insta::assert_snapshot;

use crate::torch::{attend, of_hidden, plain};

/// The faults of a layer on inputs of these shapes, without their lines.
#[track_caller]
fn faults<M, const N: usize>(
    layer: &M,
    shapes: [&[usize]; N],
    forward: impl Fn(M::With<Var>, &[Var]) -> Vec<Var>,
) -> String
where
    M: Module<Tensor> + Clone,
    M::With<TensorType>: 'static,
{
    let inputs = shapes.map(|shape| Tensor::full(shape, 1.0f32)).to_vec();
    let run = |(layer, inputs): (M::With<Var>, Vec<Var>)| forward(layer, &inputs);
    let error = jit(run).call((layer.clone(), inputs)).expect_err("a fault").to_string();
    assert_eq!(error.matches("\n  at tests/refusals.rs:").count(), 1, "{error}");
    error.split("\n  at ").next().expect("a message").to_owned()
}

#[test]
fn layers_refuse_what_does_not_fit() {
    let key = Key::new(0);
    let rows = |layer: GroupNorm<Tensor>, shape: &[usize]| faults(&layer, [shape], plain!());
    let transposed = |layer: ConvTranspose1d<Tensor>, shape: &[usize]| faults(&layer, [shape], plain!());
    let mut biased = ConvTranspose1d::init(2, 3, 2, key);
    biased.bias = Some(Tensor::full([2], 1.0f32));
    let others = [
        rows(GroupNorm::init(2, 4), &[4]),
        rows(GroupNorm::init(2, 4), &[2, 3]),
        rows(GroupNorm::init(3, 4), &[2, 4]),
        rows(GroupNorm::init(0, 4), &[2, 4]),
        faults(&InstanceNorm2d::<Tensor>::init(3), [&[2, 4, 5, 5]], plain!()),
        faults(&InstanceNorm2d::<Tensor>::init(3), [&[3, 1, 1]], plain!()),
        faults(&RMSNorm::init([4]), [&[2, 3]], plain!()),
        faults(&PReLU::init(3), [&[2, 4]], plain!()),
        faults(&GLU::default(), [&[2, 3]], plain!()),
        transposed(biased, &[1, 2, 5]),
        transposed(ConvTranspose1d::init(2, 3, 2, key), &[1, 3, 5]),
        transposed(ConvTranspose1d::init(2, 3, 2, key), &[2, 5]),
        transposed(ConvTranspose1d::init(2, 3, 2, key).output_padding(1), &[1, 2, 5]),
        transposed(ConvTranspose1d::init_grouped(4, 4, 2, 0, key), &[1, 4, 5]),
        faults(&AdaptiveAvgPool1d::new(2), [&[2, 3, 0]], plain!()),
        faults(&AdaptiveAvgPool2d::new(2), [&[2, 3]], plain!()),
    ];
    assert_snapshot!("layers_refuse", others.join("\n"));
}

#[test]
fn attention_refuses_what_does_not_fit() {
    let key = Key::new(0);
    let layer = MultiheadAttention::init(8, 2, key);
    let cross =
        |layer, inputs: &[Var]| attend(layer, [0, 1, 2].map(|at| &inputs[at]), &AttentionMasks::default());
    let masked = |layer, inputs: &[Var]| {
        let masks = AttentionMasks {
            attn_mask: inputs.get(2).cloned(),
            key_padding_mask: Some(inputs[1].clone()),
            is_causal: false,
        };
        attend(layer, [&inputs[0]; 3], &masks)
    };
    let dot_product = |(), inputs: &[Var]| {
        let settings = Attention { mask: inputs.get(3), ..Attention::default() };
        vec![inputs[0].scaled_dot_product_attention(&inputs[1], &inputs[2], settings)]
    };
    let mut broken = layer.clone();
    broken.in_proj_bias = Some(Tensor::full([8], 0.0f32));
    let told = [
        faults(&layer, [&[4, 2, 6], &[4, 2, 6], &[4, 2, 6]], cross),
        faults(&layer, [&[4, 2, 8], &[5, 3, 8], &[5, 3, 8]], cross),
        faults(&layer, [&[4, 2, 8], &[5, 2, 8], &[4, 2, 8]], cross),
        faults(&layer.clone().batch_first(), [&[8], &[8], &[8]], cross),
        faults(&broken, [&[4, 8], &[4, 8], &[4, 8]], cross),
        faults(&MultiheadAttention::init(8, 3, key), [&[4, 8], &[4, 8], &[4, 8]], cross),
        faults(&layer, [&[4, 2, 8], &[4, 2]], masked),
        faults(&layer, [&[4, 2, 8], &[2, 4], &[4, 5]], masked),
        faults(&(), [&[3, 4], &[5, 4], &[4, 4]], dot_product),
        faults(&(), [&[3, 4], &[5, 3], &[5, 4]], dot_product),
        faults(&(), [&[3, 4], &[5, 4], &[5, 4], &[5, 3]], dot_product),
        faults(&TransformerEncoderLayer::init(8, 2, 16, key).dropout(0.0), [&[4, 2, 6]], plain!()),
    ];
    assert_snapshot!("attention_refuses", told.join("\n"));
}

#[test]
fn recurrent_layers_refuse_what_does_not_fit() {
    let key = Key::new(0);
    let stacked = || GRU::init_stacked(3, 4, 2, true, key);
    let mut missing = stacked();
    missing.parameters.shift_remove("bias_hh_l1_reverse");
    let mut none = GRU::init(3, 4, key);
    none.parameters.clear();
    let more = GRU { num_layers: 1, ..stacked() };
    let with_state =
        |mut cell: GRUCell<Var>, inputs: &[Var]| vec![cell.forward(&(inputs[0].clone(), inputs[1].clone()))];
    let told = [
        faults(&stacked(), [&[5, 2, 4]], of_hidden!()),
        faults(&stacked(), [&[3]], of_hidden!()),
        faults(&stacked(), [&[5, 2, 3], &[2, 2, 4]], of_hidden!()),
        faults(&stacked().batch_first(), [&[5, 2, 3], &[4, 2, 4]], of_hidden!()),
        faults(&missing, [&[5, 2, 3]], of_hidden!()),
        faults(&none, [&[5, 2, 3]], of_hidden!()),
        faults(&more, [&[5, 2, 3]], of_hidden!()),
        faults(&GRUCell::init(3, 4, key), [&[2, 4], &[2, 4]], with_state),
        faults(&GRUCell::init(3, 4, key), [&[2, 3], &[4]], with_state),
        faults(&GRUCell::init(3, 4, key), [&[5, 2, 3], &[2, 4]], with_state),
    ];
    assert_snapshot!("recurrent_layers_refuse", told.join("\n"));
}
