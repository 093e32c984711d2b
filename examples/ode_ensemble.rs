//! Many initial value problems at once, each with its own step sizes and its own number of steps.
//!
//! An adaptive Runge-Kutta integrator is written for one van der Pol oscillator, as a `while_loop`
//! whose body accepts or rejects a step. `vmap` makes it one program for all oscillators: members
//! that reach the end keep their values while the stiffer ones go on.
//!
//! ```text
//! cargo run --release --example ode_ensemble
//! ```

use choral::prelude::*;

const MEMBERS: usize = 8;
const END: f64 = 10.0;
const TOLERANCE: f64 = 1e-8;

/// The derivative of position and velocity; `mu` says how stiff the oscillator is.
fn van_der_pol((x, v): (&Var, &Var), mu: &Var) -> (Var, Var) {
    (v.clone(), mu * (1.0 - x * x) * v - x)
}

/// The state moved by `h` along derivatives, each with its weight.
fn moved((x, v): (&Var, &Var), h: &Var, along: &[(f64, &(Var, Var))]) -> (Var, Var) {
    let sum = |part: fn(&(Var, Var)) -> &Var| {
        along.iter().map(|(weight, slope)| part(slope) * *weight).reduce(|sum, term| sum + term)
    };
    let (dx, dv) = (sum(|slope| &slope.0), sum(|slope| &slope.1));
    (dx.map_or_else(|| x.clone(), |dx| x + h * dx), dv.map_or_else(|| v.clone(), |dv| v + h * dv))
}

/// One step of Bogacki and Shampine's method of order 3, and how far it lies from that of order 2.
fn step(state: (&Var, &Var), mu: &Var, h: &Var) -> ((Var, Var), Var) {
    let slope = |state: &(Var, Var)| van_der_pol((&state.0, &state.1), mu);
    let k1 = van_der_pol(state, mu);
    let k2 = slope(&moved(state, h, &[(0.5, &k1)]));
    let k3 = slope(&moved(state, h, &[(0.75, &k2)]));
    let next = moved(state, h, &[(2.0 / 9.0, &k1), (1.0 / 3.0, &k2), (4.0 / 9.0, &k3)]);
    let k4 = slope(&next);
    let weights = [7.0 / 24.0, 0.25, 1.0 / 3.0, 0.125];
    let lower =
        moved(state, h, &[(weights[0], &k1), (weights[1], &k2), (weights[2], &k3), (weights[3], &k4)]);
    let error = (&next.0 - lower.0).abs().maximum((&next.1 - lower.1).abs());
    (next, error)
}

/// Position and velocity at the end, and the number of steps tried.
fn integrate((x, v, mu): (Var, Var, Var)) -> (Var, Var, Var) {
    let (t, h, steps) = (x.full([], 0.0), x.full([], 1e-3), x.full([], 0.0));
    let unfinished = |(t, _, _, _, _): (Var, Var, Var, Var, Var)| t.lt(END);
    let attempt = |(t, h, x, v, steps): (Var, Var, Var, Var, Var)| {
        let h = h.minimum(END - &t);
        let ((next_x, next_v), error) = step((&x, &v), &mu, &h);
        let accepted = error.le(TOLERANCE);
        // Errors grow with the third power of the step; aim a little below the tolerance.
        let factor = (TOLERANCE / (error + 1e-16)).pow(1.0 / 3.0) * 0.9;
        let factor = factor.clamp(0.2, 5.0);
        let t = (&t + &h).where_(&accepted, &t);
        (t, h * factor, next_x.where_(&accepted, &x), next_v.where_(&accepted, &v), steps + 1.0)
    };
    let (_, _, x, v, steps) = while_loop(unfinished, attempt, (t, h, x, v, steps));
    (x, v, steps)
}

/// The same oscillator in plain Rust, in tiny steps of a fixed size.
fn by_hand(mut x: f64, mut v: f64, mu: f64) -> f64 {
    let steps = 2_000_000;
    let h = END / f64::from(steps);
    let acceleration = |x: f64, v: f64| mu * (1.0 - x * x) * v - x;
    for _ in 0..steps {
        let (middle_x, middle_v) = (x + h / 2.0 * v, v + h / 2.0 * acceleration(x, v));
        (x, v) = (x + h * middle_v, v + h * acceleration(middle_x, middle_v));
    }
    x
}

fn main() -> Result<(), choral::Error> {
    let member = |from: f64, to: f64| {
        Tensor::from_fn([MEMBERS], |at| from + (to - from) * at as f64 / (MEMBERS - 1) as f64)
    };
    let (x, v, mu) = (member(2.0, 0.5), member(0.0, 1.0), member(0.1, 8.0));
    let started = std::time::Instant::now();
    let (positions, velocities, steps) = vmap(integrate, 0).call((&x, &v, &mu))?;
    let time = started.elapsed();
    println!("van der Pol oscillators at t = {END}, one program for {MEMBERS} of them, {time:.2?}");
    println!("     mu   steps   position   velocity      error");
    let columns = [&mu, &steps, &positions, &velocities, &x, &v].map(|tensor| tensor.to_f64_vec());
    for at in 0..MEMBERS {
        let [mu, steps, position, velocity, x, v] = columns.each_ref().map(|column| column[at]);
        let error = (position - by_hand(x, v, mu)).abs();
        println!("  {mu:5.2}  {steps:6}  {position:9.5}  {velocity:9.5}  {error:9.1e}");
    }
    Ok(())
}
