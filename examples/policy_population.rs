//! An evolution strategy on cart-pole: 1,024 policies tried at once, in one program per generation.
//!
//! What is written is one member: it perturbs the policy with noise of its own, balances the pole
//! in a `scan` over time steps, compares itself with the population (`pmean` along the named axis)
//! and votes for its noise. `vmap` makes it a generation. The method is that of Salimans et al.,
//! "Evolution Strategies as a Scalable Alternative to Reinforcement Learning" (2017); the physics
//! are those of Barto, Sutton and Anderson (1983), with Gymnasium's constants.
//!
//! ```text
//! cargo run --release --example policy_population
//! ```

use choral::prelude::*;
use choral::tree::{leaves, rebuild};
use textplots::{Chart, Plot, Shape};

const POPULATION: usize = 1024;
const GENERATIONS: u32 = 15;
const STEPS: usize = 500;
/// Standard deviation of the noise.
const SIGMA: f64 = 0.3;
const LEARNING_RATE: f64 = 2.0;

/// Position and speed of the cart, angle and angular speed of the pole: `[4]` to a push, `[1]`.
#[derive(Module, Clone)]
struct Policy<T> {
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl<T> Policy<T> {
    fn init<K: RandomKey<Leaf = T>>(key: K) -> Self {
        let [fc1, fc2] = key.split();
        Policy { fc1: Linear::init(4, 16, fc1), fc2: Linear::init(16, 1, fc2) }
    }
}

impl Forward for Policy<Var> {
    type Output = Var;

    fn forward(&mut self, state: &Var) -> Var {
        let hidden = self.fc1.forward(state).tanh();
        self.fc2.forward(&hidden)
    }
}

/// The state a fiftieth of a second later, the cart pushed by ten newtons to the right or left.
fn physics(state: &Var, is_right: &Var) -> Var {
    let [x, speed, angle, spin] = [0, 1, 2, 3].map(|part| state.select(0, part));
    let force = x.full([], 10.0).where_(is_right, -10.0);
    let (sine, cosine) = (angle.sin(), angle.cos());
    let push = (force + &spin * &spin * &sine * 0.05) / 1.1;
    let turn = (&sine * 9.8 - &cosine * &push) / ((4.0 / 3.0 - &cosine * &cosine * (0.1 / 1.1)) * 0.5);
    let thrust = push - &turn * cosine * (0.05 / 1.1);
    let moved = |value: &Var, by: &Var| (value + by * 0.02).unsqueeze(0);
    moved(&x, &speed).cat(&[&moved(&speed, &thrust), &moved(&angle, &spin), &moved(&spin, &turn)], 0)
}

/// How many steps the policy keeps the cart on its track and the pole within 12 degrees.
fn rollout(policy: &Policy<Var>, key: &Var) -> Var {
    let start = random::uniform_between(key, [4], -0.05, 0.05);
    let (is_up, total) = (start.full([], 1.0), start.full([], 0.0));
    let step = |(state, is_up, total): (Var, Var, Var), _: Var| {
        let is_right = policy.clone().forward(&state).select(0, 0).gt(0.0);
        let state = physics(&state, &is_right);
        let on_track =
            state.select(0, 0).abs().lt(2.4).logical_and(state.select(0, 2).abs().lt(12f64.to_radians()));
        let is_up = is_up.where_(&on_track, 0.0);
        ((state, is_up.clone(), total + &is_up), is_up)
    };
    let clock = start.full([STEPS], 0.0);
    let ((_, _, total), _) = scan(step, (start, is_up, total), clock);
    total
}

/// One member: the policy that all members agree on next, and how long its own held out.
fn member((mean, key): (Policy<Var>, Var)) -> (Policy<Var>, Var) {
    let [noise_key, start_key] = random::split(&key);
    let weights: Vec<Var> = leaves(&mean).into_iter().map(|(_, weight)| weight).collect();
    let draw =
        |(at, weight): (usize, &Var)| random::normal(&random::fold_in(&noise_key, at as i32), weight.shape());
    let noise: Vec<Var> = weights.iter().enumerate().map(draw).collect();
    let moved = |steps: Vec<Var>| {
        let moved: Vec<Var> = weights.iter().zip(steps).map(|(weight, step)| weight + step).collect();
        rebuild(&mean, &moved).expect("a step for each weight")
    };
    let mine = moved(noise.iter().map(|noise| noise * SIGMA).collect());
    let total = rollout(&mine, &start_key);

    let distance = &total - total.pmean("population");
    let deviation = (&distance * &distance).pmean("population").sqrt() + 1e-6;
    let vote = distance / deviation * (LEARNING_RATE / SIGMA);
    let next = moved(noise.iter().map(|noise| (noise * &vote).pmean("population") * SIGMA).collect());
    (next, total)
}

fn main() -> Result<(), choral::Error> {
    let generation = vmap(member, (None, 0)).axis_name("population").out_dims((None, 0));
    let [start, seed] = Key::new(0).split();
    let mut policy = Policy::init(start);
    let (mut best, mut mean) = (Vec::new(), Vec::new());
    let started = std::time::Instant::now();
    for round in 0..GENERATIONS {
        let keys = Tensor::from(seed.fold_in(round).split_n(POPULATION));
        let totals;
        (policy, totals) = generation.call((&policy, &keys))?;
        let totals = totals.to_f64_vec();
        best.push((round as f32, totals.iter().copied().fold(0.0, f64::max) as f32));
        mean.push((round as f32, (totals.iter().sum::<f64>() / POPULATION as f64) as f32));
    }
    let time = started.elapsed();
    println!(
        "cart-pole, {POPULATION} policies, {STEPS} steps each: how long the best and the average hold out"
    );
    Chart::new_with_y_range(120, 60, 0.0, (GENERATIONS - 1) as f32, 0.0, STEPS as f32)
        .lineplot(&Shape::Lines(&best))
        .lineplot(&Shape::Lines(&mean))
        .nice();
    println!("generation   mean   best");
    for ((round, mean), (_, best)) in mean.iter().zip(&best) {
        println!("{round:10}  {mean:5.1}  {best:5.0}");
    }
    println!("{time:.2?}, compilation included");
    Ok(())
}
