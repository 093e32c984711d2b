//! Long chains and steps through time: W9, W11 and W12.

use choral::Error;
use choral::prelude::*;

use crate::data::Draw;
use crate::prepared::{Uncompiled, ensemble};

/// W9: a chain of elementwise functions over long rows, and their sums.
pub(crate) fn chain() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 64;
    const LENGTH: usize = 65_536;
    let mut draw = Draw::new();
    let [scale, shift] = [(); 2].map(|()| draw.normal([MEMBERS], 1.0));
    let [x, y] = [(); 2].map(|()| draw.normal([MEMBERS, LENGTH], 1.0));
    let member = |([scale, shift, x, y], ()): ([Var; 4], ())| {
        ((&x * scale + shift).gelu() * y.sigmoid() - x.tanh()).sum(-1)
    };
    ensemble(member, ([scale, shift, x, y], ()))
}

/// The cart and its pole a fiftieth of a second later: the textbook's, half a metre to the pole's centre.
fn cart_pole(state: &Var, force: &Var) -> Var {
    let [x, speed, angle, spin] = [0, 1, 2, 3].map(|part| state.select(0, part));
    let (cosine, sine) = (angle.cos(), angle.sin());
    let push = (force + &spin * 0.05 * &spin * &sine) / 1.1;
    let turn = (&sine * 9.8 - &cosine * &push) / ((4.0 / 3.0 - &cosine * 0.1 * &cosine / 1.1) * 0.5);
    let thrust = push - &turn * 0.05 * &cosine / 1.1;
    let moved = |value: &Var, by: &Var| value + by * 0.02;
    moved(&x, &speed).stack(&[&moved(&speed, &thrust), &moved(&angle, &spin), &moved(&spin, &turn)], 0)
}

/// W11: linear policies that each balance a pole for 200 steps.
pub(crate) fn rollout() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 256;
    const STEPS: usize = 200;
    let mut draw = Draw::new();
    let (weights, start) = (draw.normal([MEMBERS, 4], 0.5), draw.normal([MEMBERS, 4], 0.05));
    let member = |([weights, start], ()): ([Var; 2], ())| {
        let step = |state: Var| {
            let angle = state.select(0, 2);
            (cart_pole(&state, &(weights.matmul(&state).tanh() * 10.0)), &angle * &angle)
        };
        scan_length(step, start, STEPS).1.sum(())
    };
    ensemble(member, ([weights, start], ()))
}

/// W12: long short-term memories of 64 cells that read one sequence, with PyTorch's gates.
pub(crate) fn lstm() -> Result<Uncompiled, Error> {
    const MEMBERS: usize = 16;
    const CELLS: usize = 64;
    let mut draw = Draw::new();
    let of_input = draw.normal([MEMBERS, 4 * CELLS, 32], 0.17);
    let of_hidden = draw.normal([MEMBERS, 4 * CELLS, CELLS], 0.12);
    let bias = draw.normal([MEMBERS, 4 * CELLS], 0.1);
    let sequence = draw.normal([50, 32], 1.0);
    let member = |([of_input, of_hidden, bias], sequence): ([Var; 3], Var)| {
        let step = |(hidden, cell): (Var, Var), x: Var| {
            let gates = (of_input.matmul(&x) + of_hidden.matmul(&hidden) + &bias).chunk(4, 0);
            let [input, forget, new, output] = [0, 1, 2, 3].map(|part| &gates[part]);
            let cell = forget.sigmoid() * cell + input.sigmoid() * new.tanh();
            let hidden = output.sigmoid() * cell.tanh();
            ((hidden.clone(), cell), hidden)
        };
        let zeros = sequence.full([CELLS], 0.0);
        scan(step, (zeros.clone(), zeros), sequence).1
    };
    ensemble(member, ([of_input, of_hidden, bias], sequence))
}
