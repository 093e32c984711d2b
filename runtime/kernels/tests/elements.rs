//! Elements in random layouts, obvious arithmetic on them, and kernels that run in parts: what tests of kernels share.

use std::ops::Range;

use choral_kernels::access::{Dim, Elements, place};
use choral_kernels::instruction::Binary;
use choral_kernels::memory::Block;
use choral_kernels::{Access, Number};

use crate::product::{Buffer, Draws, Scalar, strides};

/// An access to a buffer in some order, with gaps, backwards or repeated; what is written repeats nothing.
pub(crate) fn access(sizes: &[usize], is_written: bool, draws: &mut Draws) -> Access {
    let (strides, offset) = strides(sizes, is_written, draws);
    Access { offset, dims: sizes.iter().copied().zip(strides).collect() }
}

/// As many elements as the access reaches.
pub(crate) fn reach(access: &Access) -> usize {
    let end = |&(size, stride): &Dim| (size as isize - 1).max(0) * stride.max(0);
    (access.offset + access.dims.iter().map(end).sum::<isize>()) as usize + 1
}

pub(crate) fn elements(buffer: usize, access: &Access) -> Elements {
    Elements { buffer, access: access.clone() }
}

/// Where an element lies.
pub(crate) fn at(access: &Access, index: &[usize]) -> usize {
    let steps = access.dims.iter().zip(index).map(|((_, stride), &at)| at as isize * stride);
    (access.offset + steps.sum::<isize>()) as usize
}

/// Every index of a shape in row-major order.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let shape = shape.to_vec();
    (0..shape.iter().product()).map(move |mut at| {
        let mut index = vec![0; shape.len()];
        for (dim, &size) in shape.iter().enumerate().rev() {
            (index[dim], at) = (at % size, at / size);
        }
        index
    })
}

/// Runs all units of a kernel in a few parts, the last one first.
pub(crate) fn run_in_parts(
    (units, frame): (usize, usize),
    buffers: &mut [Buffer],
    draws: &mut Draws,
    run: impl Fn(&[*mut u8], Range<usize>, *mut u8),
) {
    let pointers: Vec<*mut u8> = buffers.iter_mut().map(Buffer::pointer).collect();
    let frame = Block::new(frame).unwrap();
    let parts = 1 + draws.below(4);
    for part in (0..parts).rev() {
        run(&pointers, units * part / parts..units * (part + 1) / parts, frame.pointer());
    }
}

/// An integer cut to a type.
fn cut(number: Number, value: i128) -> Scalar {
    Scalar::Integer(match number {
        Number::I1 | Number::U8 => i64::from(value as u8),
        Number::I8 => i64::from(value as i8),
        Number::I16 => i64::from(value as i16),
        Number::U16 => i64::from(value as u16),
        Number::I32 => i64::from(value as i32),
        Number::U32 => i64::from(value as u32),
        _ => value as i64,
    })
}

/// An integer as what it stands for.
pub(crate) fn integer(number: Number, value: i64) -> i128 {
    if number == Number::U64 { i128::from(value as u64) } else { i128::from(value) }
}

/// Whether a number is less than another, in the order of their type.
pub(crate) fn less(number: Number, x: Scalar, y: Scalar) -> bool {
    match (x, y) {
        (Scalar::Integer(x), Scalar::Integer(y)) => integer(number, x) < integer(number, y),
        (Scalar::Single(x), Scalar::Single(y)) => x < y,
        (Scalar::Double(x), Scalar::Double(y)) => x < y,
        _ => panic!("{x:?} and {y:?}"),
    }
}

/// The greater of two floats by the law of NaN and zeros.
fn greater(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if x == y {
        if x.is_sign_positive() { x } else { y }
    } else {
        x.max(y)
    }
}

/// An instruction of two operands, on one pair.
pub(crate) fn binary(op: Binary, number: Number, x: Scalar, y: Scalar) -> Scalar {
    let float = |x: f64, y: f64| match op {
        Binary::Maximum => greater(x, y),
        Binary::Minimum => -greater(-x, -y),
        _ => panic!("{op:?} of floats"),
    };
    match (x, y) {
        (Scalar::Single(x), Scalar::Single(y)) => Scalar::Single(match op {
            Binary::Add => x + y,
            Binary::Subtract => x - y,
            Binary::Multiply => x * y,
            _ => float(x.into(), y.into()) as f32,
        }),
        (Scalar::Double(x), Scalar::Double(y)) => Scalar::Double(match op {
            Binary::Add => x + y,
            Binary::Subtract => x - y,
            Binary::Multiply => x * y,
            _ => float(x, y),
        }),
        (Scalar::Integer(x), Scalar::Integer(y)) => {
            let (x, y) = (integer(number, x), integer(number, y));
            let truth = number == Number::I1;
            cut(
                number,
                match op {
                    Binary::Add | Binary::Maximum if truth => x | y,
                    Binary::Multiply | Binary::Minimum if truth => x & y,
                    Binary::Add => x + y,
                    Binary::Subtract => x - y,
                    Binary::Multiply => x.wrapping_mul(y),
                    Binary::Maximum => x.max(y),
                    Binary::Minimum => x.min(y),
                    Binary::And => x & y,
                    Binary::Or => x | y,
                    Binary::Xor => x ^ y,
                    _ => panic!("{op:?}"),
                },
            )
        }
        _ => panic!("{x:?} and {y:?}"),
    }
}

/// The bits of a number; of every NaN the same.
pub(crate) fn bits(value: Scalar) -> u64 {
    match value {
        Scalar::Integer(value) => value as u64,
        Scalar::Single(value) => u64::from(if value.is_nan() { f32::NAN } else { value }.to_bits()),
        Scalar::Double(value) => if value.is_nan() { f64::NAN } else { value }.to_bits(),
    }
}

/// A number's bits in memory.
pub(crate) fn bits_of(number: Number, value: Scalar) -> u64 {
    let mut buffer = Buffer::new(number, 1);
    buffer.put(0, value);
    let mut bits = [0; 8];
    bits[..number.bytes()].copy_from_slice(&buffer.bytes()[..number.bytes()]);
    u64::from_le_bytes(bits)
}

/// Compares the elements of two buffers where an access has one.
#[track_caller]
pub(crate) fn same(got: &Buffer, expected: &Buffer, access: &Access, what: &dyn std::fmt::Debug) {
    for number in 0..access.len() {
        let place = (access.offset + place(&access.dims, number)) as usize;
        let (x, y) = (got.get(place), expected.get(place));
        assert_eq!(bits(x), bits(y), "{x:?}, not {y:?}, at element {number}: {what:#?}");
    }
}
