//! Algorithms with loops and choices: each member takes its own course.
//!
//! Must not live here: single ops.

use choral::Error;
use choral::prelude::*;

use crate::data::Draw;
use crate::prepared::{Uncompiled, ensemble};
use crate::{Maker, Workload};

pub(crate) fn workloads() -> Vec<Workload> {
    let all: [(&str, Maker); 6] = [
        ("while_rounds", rounds),
        ("forest", forest),
        ("viterbi", viterbi),
        ("hmc", hmc),
        ("dopri5", dopri5),
        ("kvcache_decoding", decoding),
    ];
    all.map(|(name, make)| Workload::new(name, make)).into()
}

/// A loop of each member's own number of rounds, on 64 numbers.
fn rounds() -> Result<Uncompiled, Error> {
    let mut draw = Draw::new();
    let (counts, x) = (draw.below([256], 64), draw.normal([256, 64], 1.0));
    let member = |((count, x), ()): ((Var, Var), ())| {
        let first = count.full([], 0.0);
        while_loop(
            |(round, _)| round.lt(&count),
            |(round, x)| (round + 1, x.cos() * 0.5 + x * 0.5),
            (first, x),
        )
        .1
    };
    ensemble(member, ((counts, x), ()))
}

/// Trees of depth 8 that sort 512 samples of 32 features into their leaves.
fn forest() -> Result<Uncompiled, Error> {
    const TREES: usize = 64;
    const DEPTH: u32 = 8;
    let inner = (1 << DEPTH) - 1;
    let mut draw = Draw::new();
    let features = draw.below([TREES, inner], 32);
    let thresholds = draw.normal([TREES, inner], 0.5);
    let leaves = draw.normal([TREES, 1 << DEPTH], 1.0);
    let samples = draw.normal([512, 32], 1.0);
    let tree = move |([features, thresholds, leaves], samples): ([Var; 3], Var)| {
        let root = features.full([512], 0.0);
        let node = (0..DEPTH).fold(root, |node, _| {
            let feature = features.take_rows(&node).unsqueeze(1);
            let value = samples.gather(1, &feature).squeeze(1);
            let is_right = value.gt(thresholds.take_rows(&node));
            node * 2 + 1 + is_right.to(DType::I32)
        });
        leaves.take_rows(&(node - inner as i32))
    };
    ensemble(tree, ([features, thresholds, leaves], samples))
}

/// The likeliest paths through a hidden Markov model of 32 states, of sequences of 64 steps.
fn viterbi() -> Result<Uncompiled, Error> {
    const STATES: usize = 32;
    let mut draw = Draw::new();
    let emissions = draw.normal([32, 64, STATES], 1.0);
    let transitions = draw.normal([STATES, STATES], 1.0);
    let path = |(emissions, transitions): (Var, Var)| {
        let forward = |score: Var, emission: Var| {
            let reached = score.unsqueeze(1) + &transitions;
            (reached.amax(0) + emission, reached.argmax(0))
        };
        let (score, from) = scan(forward, emissions.full([STATES], 0.0), emissions);
        let back = |state: Var, from: Var| (from.take_rows(&state), state);
        scan_reverse(back, score.argmax(0), from).1
    };
    ensemble(path, (emissions, transitions))
}

/// Hamiltonian Monte Carlo (Duane et al., 1987) on a normal distribution: 50 proposals of 8 leapfrog steps.
fn hmc() -> Result<Uncompiled, Error> {
    const SIZE: usize = 16;
    const STEP: f64 = 0.1;
    let on_diagonal = |at| f32::from(at / SIZE == at % SIZE);
    let mut draw = Draw::new();
    let keys = Tensor::from(draw.key().split_n(64));
    let start = draw.normal([64, SIZE], 1.0);
    let roots = draw.normal([SIZE, SIZE], 0.3);
    let chain = |((key, start), roots): ((Var, Var), Var)| {
        let precision = roots.matmul(&roots.transpose(0, 1)) + Tensor::from_fn([SIZE, SIZE], on_diagonal);
        let slope = |x: &Var| precision.matmul(x);
        let energy = |x: &Var, momentum: &Var| (x * slope(x) + momentum * momentum).sum(()) * 0.5;
        let propose = |(key, x): (Var, Var)| {
            let [next, of_momentum, of_choice] = random::split(&key);
            let momentum = random::normal(&of_momentum, [SIZE]);
            let leap = |(x, momentum): (Var, Var)| {
                let half = momentum - slope(&x) * (STEP / 2.0);
                let moved = x + &half * STEP;
                let momentum = half - slope(&moved) * (STEP / 2.0);
                ((moved, momentum), ())
            };
            let ((moved, turned), ()) = scan_length(leap, (x.clone(), momentum.clone()), 8);
            let gain = energy(&x, &momentum) - energy(&moved, &turned);
            let is_taken = random::uniform(&of_choice, []).log().lt(&gain);
            let x = moved.where_(&is_taken, &x);
            ((next, x.clone()), x)
        };
        scan_length(propose, (key, start), 50).1
    };
    ensemble(chain, ((keys, start), roots))
}

/// Weights of the stages of Dormand and Prince (1980), the last those of the fifth order.
const STAGES: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// How the fifth order's weights differ from the fourth's.
const ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// Sum of slopes, each with its weight.
fn weighted(weights: &[f64], slopes: &[Var]) -> Var {
    let terms = weights.iter().zip(slopes).filter(|(weight, _)| **weight != 0.0);
    terms.map(|(weight, slope)| slope * *weight).reduce(|sum, term| sum + term).expect("a slope")
}

/// Van der Pol oscillators, integrated with steps that each member chooses.
fn dopri5() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 128;
    const END: f64 = 5.0;
    let stiffness = Tensor::from_fn([MEMBERS], |at| 0.1 + 4.0 * at as f32 / MEMBERS as f32);
    let start = Draw::new().normal([MEMBERS, 2], 1.0);
    let member = |([stiffness, start], ()): ([Var; 2], ())| {
        let slope = |state: &Var| {
            let (x, v) = (state.select(0, 0), state.select(0, 1));
            v.stack(&[&(&stiffness * (1.0 - &x * &x) * &v - x)], 0)
        };
        let is_open = |(t, _, _): (Var, Var, Var)| t.lt(END);
        let attempt = |(t, step, state): (Var, Var, Var)| {
            let step = step.minimum(END - &t);
            let mut slopes = vec![slope(&state)];
            let mut next = state.clone();
            for weights in STAGES {
                next = &state + &step * weighted(weights, &slopes);
                slopes.push(slope(&next));
            }
            let error = (weighted(&ERROR, &slopes) * &step).abs().amax(()) / 1e-4 + 1e-10;
            let is_taken = error.le(1.0);
            let factor = (error.pow(-0.2) * 0.9).clamp(0.2, 5.0);
            let t = (&t + &step).where_(&is_taken, &t);
            (t, step * factor, next.where_(&is_taken, &state))
        };
        let (t, step) = (start.full([], 0.0), start.full([], 0.01));
        while_loop(is_open, attempt, (t, step, start)).2
    };
    ensemble(member, ([stiffness, start], ()))
}

/// 64 steps of attention that reads what earlier steps wrote into a cache, for 8 sequences; width 64, 4 heads.
fn decoding() -> Result<Uncompiled, Error> {
    const LENGTH: usize = 64;
    const WIDTH: usize = 64;
    const HEADS: usize = 4;
    let mut draw = Draw::new();
    let start = draw.normal([8, WIDTH], 1.0);
    let qkv = draw.normal([3 * WIDTH, WIDTH], 0.125);
    let out = draw.normal([WIDTH, WIDTH], 0.125);
    let decode = |(start, [qkv, out]): (Var, [Var; 2])| {
        let cache = start.full([LENGTH, HEADS, WIDTH / HEADS], 0.0);
        let place = cache.constant(&Tensor::from_fn([LENGTH], |at| at as i32));
        let step = |(x, keys, values): (Var, Var, Var), at: Var| {
            let parts = qkv.matmul(&x).reshape([3, HEADS as i64, (WIDTH / HEADS) as i64]);
            let none = at.full([], 0.0);
            let [q, k, v] = [0, 1, 2].map(|part| parts.select(0, part));
            let keys = keys.dynamic_update_slice(&k.unsqueeze(0), &[&at, &none, &none]);
            let values = values.dynamic_update_slice(&v.unsqueeze(0), &[&at, &none, &none]);
            let scores = einsum("hd,lhd->hl", &[&q, &keys]) * 0.25;
            let weights = scores.where_(&place.le(&at), -1e9).softmax(-1);
            let mixed = einsum("hl,lhd->hd", &[&weights, &values]).reshape([WIDTH as i64]);
            let x = (x + out.matmul(&mixed)).tanh();
            ((x.clone(), keys, values), x)
        };
        scan(step, (start, cache.clone(), cache), place.clone()).1
    };
    ensemble(decode, (start, [qkv, out]))
}
