//! What layers start from: PyTorch's distributions, over so many draws that another bound would show.

use choral::prelude::*;

/// Draws enough for the greatest of them to come within a thousandth of the bound.
const DRAWS: usize = 30_000;

/// Checks that these are uniform up to the bound, on both sides.
#[track_caller]
fn check_uniform(draws: &Tensor, bound: f64) {
    let draws = draws.to_f64_vec();
    let greatest = draws.iter().copied().fold(f64::MIN, f64::max) / bound;
    let least = draws.iter().copied().fold(f64::MAX, f64::min) / bound;
    assert!((0.999..=1.0).contains(&greatest) && (-1.0..=-0.999).contains(&least), "{least} to {greatest}");
    let variance = draws.iter().map(|draw| draw * draw).sum::<f64>() / draws.len() as f64;
    assert!((3.0 * variance / (bound * bound) - 1.0).abs() < 0.03, "{variance} for a bound of {bound}");
}

/// `1 / sqrt(fan_in)`, of weights and of biases: `torch.nn.Linear` and `torch.nn.Conv2d` document it.
#[test]
fn weights_and_biases_reach_pytorchs_bounds() {
    for fan_in in [1, 2, 3, 12] {
        let bound = 1.0 / (fan_in as f64).sqrt();
        let linear = Linear::init(fan_in, DRAWS, Key::new(fan_in as u64));
        check_uniform(&linear.weight, bound);
        check_uniform(&linear.bias.expect("a bias"), bound);
    }
    // Input channels of a group, times the elements of a kernel.
    let conv = Conv2d::init_grouped(6, DRAWS, 2, 2, Key::new(0));
    check_uniform(&conv.weight, 1.0 / 12f64.sqrt());
    check_uniform(&conv.bias.expect("a bias"), 1.0 / 12f64.sqrt());
}

/// Of transposes, PyTorch counts output channels of a group, times the elements of a kernel.
#[test]
fn transposed_convolutions_reach_pytorchs_bounds() {
    let conv = ConvTranspose2d::init_grouped(DRAWS, 6, 2, 2, Key::new(0));
    check_uniform(&conv.weight, 1.0 / 12f64.sqrt());
    let conv = ConvTranspose1d::init(1, DRAWS, 1, Key::new(0));
    check_uniform(&conv.bias.expect("a bias"), 1.0 / (DRAWS as f64).sqrt());
}

/// By the size of the hidden state, in every layer: `torch.nn.LSTM` documents it.
#[test]
fn recurrent_layers_reach_pytorchs_bounds() {
    let bound = 0.1;
    let lstm = LSTM::init_stacked(100, 100, 2, true, Key::new(0));
    for (name, parameter) in lstm.parameters.iter().filter(|(name, _)| name.starts_with("weight")) {
        check_uniform(parameter, bound);
        assert_eq!(parameter.shape(), [400, if name.starts_with("weight_ih_l1") { 200 } else { 100 }]);
    }
    check_uniform(&GRUCell::init(400, 100, Key::new(0)).weight_ih, bound);
}

/// Glorot and Bengio's bound on both sides of a matrix, biases of zero: `torch.nn.MultiheadAttention`.
#[test]
fn attention_reaches_pytorchs_bounds() {
    let size = 120;
    let attention = MultiheadAttention::init(size, 4, Key::new(0));
    let state = attention.state_dict();
    check_uniform(&state["in_proj_weight"], (6.0 / (4 * size) as f64).sqrt());
    check_uniform(&attention.out_proj.weight, 1.0 / (size as f64).sqrt());
    for bias in ["in_proj_bias", "out_proj.bias"] {
        assert!(state[bias].to_f64_vec().iter().all(|&bias| bias == 0.0));
    }
    let state = MultiheadAttention::init_with_sizes(size, (300, 400), 4, Key::new(0)).state_dict();
    let names: Vec<&str> = state.keys().map(String::as_str).collect();
    let separate = ["q_proj_weight", "k_proj_weight", "v_proj_weight"];
    assert_eq!(names, [&separate[..], &["in_proj_bias", "out_proj.weight", "out_proj.bias"]].concat());
    for (name, other) in separate.into_iter().zip([size, 300, 400]) {
        check_uniform(&state[name], (6.0 / (size + other) as f64).sqrt());
    }
}

/// Standard normal: `torch.nn.Embedding` documents it.
#[test]
fn tables_are_standard_normal() {
    let draws = Embedding::init(DRAWS, 1, Key::new(0)).weight.to_f64_vec();
    let moment = |power: i32| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / draws.len() as f64;
    assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03 && (moment(4) - 3.0).abs() < 0.3);
}
