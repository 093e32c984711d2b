//! Sorts give what the merge sort that defines them gives, bit for bit.

use std::cmp::Ordering;

use choral_kernels::cpu::sort::run::Program;
use choral_kernels::instruction::{Comparison, Instruction};
use choral_kernels::rows::{Kind, Step};
use choral_kernels::sort::{Comparator, Order, Sort, Sorted};
use choral_kernels::{Expression, Level, Number};

use super::arrays::{Buffers, Random, elements, float, frame, integer, ranges, value};

/// The comparison of two numbers in an order.
fn compared(order: Order, number: Number, [x, y]: [u64; 2]) -> Option<Ordering> {
    if !number.is_float() {
        return integer(number, x).partial_cmp(&integer(number, y));
    }
    let sign = 1 << (8 * number.bytes() - 1);
    // Sizes and signs of bits are the total order.
    let total = |bits: u64| if bits & sign == 0 { bits as i128 } else { -1 - (bits & !sign) as i128 };
    let [p, q] = [x, y].map(|bits| float(number, bits));
    match order {
        Order::Total => total(x).partial_cmp(&total(y)),
        Order::Natural => p.partial_cmp(&q),
        Order::NanGreatest => p.partial_cmp(&q).or_else(|| p.is_nan().partial_cmp(&q.is_nan())),
    }
}

fn merged(places: &[usize], before: &impl Fn(usize, usize) -> bool) -> Vec<usize> {
    if places.len() < 2 {
        return places.to_vec();
    }
    let (left, right) = places.split_at(places.len() / 2);
    let (left, right) = (merged(left, before), merged(right, before));
    let (mut l, mut r, mut all) = (0, 0, Vec::new());
    while l < left.len() && r < right.len() {
        let takes_right = before(right[r], left[l]);
        all.push(if takes_right { right[r] } else { left[l] });
        (l, r) = if takes_right { (l, r + 1) } else { (l + 1, r) };
    }
    all.extend(&left[l..]);
    all.extend(&right[r..]);
    all
}

/// The last operand's elements, less first: of floats no order, if one is NaN.
pub(super) fn last_less(numbers: &[Number]) -> Expression {
    let last = 2 * numbers.len() - 2;
    let compare = Instruction::Compare(Comparison::Less);
    let kind = Kind::Compute { instruction: compare, operands: vec![last, last + 1] };
    let inputs: Vec<Number> = numbers.iter().flat_map(|&number| [number; 2]).collect();
    let result = (inputs.len(), Number::I1);
    Expression { inputs, steps: vec![Step { kind, number: Number::I1 }], results: vec![result] }
}

fn sorts(seed: u64, longest: usize) {
    let mut random = Random(seed);
    let (random, mut buffers) = (&mut random, Buffers::default());
    let rank = random.below(3);
    let rows: Vec<usize> = (0..rank).map(|_| 1 + random.below(4)).collect();
    let length = random.below(longest);
    let count = 1 + random.below(3);
    let numbers: Vec<Number> = (0..count).map(|_| random.one(&Number::ALL)).collect();
    let is_top = random.below(4) == 0;
    let taken = if is_top { random.below(length + 1) } else { length };
    let shape = |length: usize| [rows.as_slice(), &[length]].concat();
    let has_special = random.is();
    let operands: Vec<Sorted> = numbers
        .iter()
        .map(|&number| {
            let from = buffers.filled(random, &shape(length), number);
            for at in elements(&from.access).filter(|_| !has_special) {
                // Without zeros and NaN.
                let mut bits = value(random, number);
                while number.is_float() && (float(number, bits).is_nan() || float(number, bits) == 0.0) {
                    bits = value(random, number);
                }
                buffers.write(from.buffer, number, at, bits);
            }
            Sorted { number, from, out: buffers.place(random, &shape(taken), number) }
        })
        .collect();
    let comparator = match random.below(5) {
        0 => Comparator::Body(last_less(&numbers)),
        _ => Comparator::Keys {
            order: random.one(&[Order::Natural, Order::Total, Order::NanGreatest]),
            descending: random.is(),
            or_equal: random.is(),
        },
    };
    let places = is_top.then(|| buffers.place(random, &shape(taken), Number::I32));
    let kernel = Sort { rows: rows.clone(), length, operands, comparator, taken, places };
    let row = |buffers: &Buffers, operand: &Sorted, row: usize| -> Vec<u64> {
        let places = elements(&operand.from.access).skip(row * length).take(length);
        places.map(|at| buffers.read(operand.from.buffer, operand.number, at)).collect()
    };
    let orders: Vec<Vec<usize>> = (0..rows.iter().product())
        .map(|at| {
            let (first, last) =
                (row(&buffers, &kernel.operands[0], at), row(&buffers, &kernel.operands[count - 1], at));
            let before = |x: usize, y: usize| match &kernel.comparator {
                Comparator::Keys { order, descending, or_equal } => {
                    compared(*order, numbers[0], [first[x], first[y]]).is_some_and(|order| match order {
                        Ordering::Less => !descending,
                        Ordering::Equal => *or_equal,
                        Ordering::Greater => *descending,
                    })
                }
                Comparator::Body(_) => compared(Order::Natural, numbers[count - 1], [last[x], last[y]])
                    .is_some_and(Ordering::is_lt),
            };
            let places: Vec<usize> = (0..length).collect();
            merged(&places, &before)
        })
        .collect();

    let program = Program::new(&kernel, Level::best()).unwrap();
    let pointers = buffers.pointers();
    for range in ranges(random, program.units()) {
        let frame = frame(program.frame_bytes());
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, range, frame.pointer()) };
    }
    for operand in &kernel.operands {
        let expected = orders.iter().enumerate().flat_map(|(at, order)| {
            let elements = row(&buffers, operand, at);
            order.iter().take(taken).map(|&place| elements[place]).collect::<Vec<_>>()
        });
        let got =
            elements(&operand.out.access).map(|at| buffers.read(operand.out.buffer, operand.number, at));
        assert!(got.eq(expected), "{seed}: {kernel:?}");
    }
    if let Some(places) = &kernel.places {
        let expected = orders.iter().flat_map(|order| order.iter().take(taken).map(|&place| place as u64));
        let got = elements(&places.access).map(|at| buffers.read(places.buffer, Number::I32, at));
        assert!(got.eq(expected), "{seed}: {kernel:?}");
    }
}

#[test]
fn short_rows() {
    (0..4000).for_each(|seed| sorts(seed, 12));
}

#[test]
fn long_rows() {
    (0..150).for_each(|seed| sorts(seed, 3000));
}
