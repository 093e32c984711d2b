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

/// Standard normal: `torch.nn.Embedding` documents it.
#[test]
fn tables_are_standard_normal() {
    let draws = Embedding::init(DRAWS, 1, Key::new(0)).weight.to_f64_vec();
    let moment = |power: i32| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / draws.len() as f64;
    assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.03 && (moment(4) - 3.0).abs() < 0.3);
}
