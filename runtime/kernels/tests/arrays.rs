//! Random arrays in buffers, for tests of kernels that move elements.

use choral_kernels::access::Elements;
use choral_kernels::access::{Dim, place};
use choral_kernels::memory::Block;
use choral_kernels::{Access, Number};
use half::{bf16, f16};

/// Random numbers (Vigna's splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit.max(1)
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(super) fn is(&mut self) -> bool {
        self.bits() & 1 == 1
    }
}

/// Buffers of a kernel, as bytes that are aligned.
#[derive(Default)]
pub(super) struct Buffers(pub(super) Vec<Vec<u64>>);

impl Buffers {
    pub(super) fn add(&mut self, bytes: usize) -> usize {
        self.0.push(vec![0; bytes.div_ceil(8)]);
        self.0.len() - 1
    }

    pub(super) fn pointers(&mut self) -> Vec<*mut u8> {
        self.0.iter_mut().map(|buffer| buffer.as_mut_ptr().cast()).collect()
    }

    pub(super) fn read(&self, buffer: usize, number: Number, at: isize) -> u64 {
        let (start, width) = (at as usize * number.bytes() * 8, number.bytes() * 8);
        self.0[buffer][start / 64] >> (start % 64) & u64::MAX >> (64 - width)
    }

    pub(super) fn write(&mut self, buffer: usize, number: Number, at: isize, bits: u64) {
        let (start, width) = (at as usize * number.bytes() * 8, number.bytes() * 8);
        let (word, shift) = (start / 64, start % 64);
        let mask = u64::MAX >> (64 - width) << shift;
        let kept = self.0[buffer][word] & !mask;
        self.0[buffer][word] = kept | bits << shift & mask;
    }

    /// A new buffer with room for a shape, and an access to it with dimensions in any order in memory, some of them
    /// backwards, and perhaps some room before and between.
    pub(super) fn place(&mut self, random: &mut Random, shape: &[usize], number: Number) -> Elements {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        if random.is() {
            for at in (1..order.len()).rev() {
                order.swap(at, random.below(at + 1));
            }
        }
        let mut dims: Vec<Dim> = shape.iter().map(|&size| (size, 0)).collect();
        let (mut stride, mut offset) = (1 + random.below(8) / 7, random.below(8) / 6);
        for &dim in order.iter().rev() {
            dims[dim].1 = stride as isize;
            if random.below(8) == 0 {
                dims[dim].1 = -(stride as isize);
                offset += stride * shape[dim].saturating_sub(1);
            }
            stride *= shape[dim] + random.below(8) / 7;
        }
        let buffer = self.add((stride + offset + 1) * number.bytes());
        Elements { buffer, access: Access { offset: offset as isize, dims } }
    }

    /// As [`Buffers::place`], with numbers in it.
    pub(super) fn filled(&mut self, random: &mut Random, shape: &[usize], number: Number) -> Elements {
        let place = self.place(random, shape, number);
        for at in elements(&place.access) {
            let bits = value(random, number);
            self.write(place.buffer, number, at, bits);
        }
        place
    }
}

/// Where the elements of an access lie, in row-major order.
pub(super) fn elements(access: &Access) -> impl Iterator<Item = isize> {
    (0..access.len()).map(|at| access.offset + place(&access.dims, at))
}

/// A number, often a special one.
pub(super) fn value(random: &mut Random, number: Number) -> u64 {
    let (bits, small) = (random.bits(), random.below(9) as i64 - 4);
    let special = [0.0, -0.0, 1.0, -1.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let float = match bits % 4 {
        0 => random.one(&special),
        1 => small as f64,
        _ => (bits as i64 >> 20) as f64 * 1e-11,
    };
    match number {
        Number::I1 => bits & 1,
        Number::F16 => u64::from(f16::from_f64(float).to_bits()),
        Number::Bf16 => u64::from(bf16::from_f64(float).to_bits()),
        Number::F32 => u64::from((float as f32).to_bits()),
        Number::F64 => float.to_bits(),
        _ => (if bits % 3 == 0 { small as u64 } else { bits >> 3 }) & (u64::MAX >> (64 - 8 * number.bytes())),
    }
}

/// The value of a number.
pub(super) fn float(number: Number, bits: u64) -> f64 {
    match number {
        Number::F16 => f16::from_bits(bits as u16).to_f64(),
        Number::Bf16 => bf16::from_bits(bits as u16).to_f64(),
        Number::F32 => f64::from(f32::from_bits(bits as u32)),
        Number::F64 => f64::from_bits(bits),
        _ => integer(number, bits) as f64,
    }
}

/// The value of an integer.
pub(super) fn integer(number: Number, bits: u64) -> i128 {
    match number {
        Number::I8 => i128::from(bits as i8),
        Number::I16 => i128::from(bits as i16),
        Number::I32 => i128::from(bits as i32),
        Number::I64 => i128::from(bits as i64),
        _ => i128::from(bits),
    }
}

/// Units cut into ranges in any way, in any order.
pub(super) fn ranges(random: &mut Random, units: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < units {
        let end = units.min(at + 1 + random.below(units));
        ranges.push(at..end);
        at = end;
    }
    for at in (1..ranges.len()).rev() {
        let other = random.below(at + 1);
        ranges.swap(at, other);
    }
    ranges
}

/// A frame full of something.
pub(super) fn frame(bytes: usize) -> Block {
    let block = Block::new(bytes).unwrap();
    // SAFETY: the block has so many bytes.
    unsafe { std::ptr::write_bytes(block.pointer(), 0xA5, bytes) };
    block
}
