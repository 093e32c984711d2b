//! Matrix products have the bits of an obvious loop: for every shape, layout, element type, tile and level.

use std::mem::MaybeUninit;

use choral_kernels::cpu::product::{Operands, Schedule, Setting};
use choral_kernels::product::Operand;
use choral_kernels::product::{Dim, Epilogue, Product, Unsupported, order, space};
use choral_kernels::{Level, Number};
use half::{bf16, f16};

/// Numbers that look random, the same in every run (splitmix64).
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// An element of any type: an integer, or a float as itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Integer(i64),
    Single(f32),
    Double(f64),
}

/// A buffer of elements, aligned for all of them.
#[derive(Clone)]
pub(crate) struct Buffer {
    number: Number,
    words: Vec<u64>,
}

impl Buffer {
    pub(crate) fn new(number: Number, length: usize) -> Buffer {
        Buffer { number, words: vec![0x5555_5555_5555_5555; (length * number.bytes()).div_ceil(8) + 1] }
    }

    pub(crate) fn drawn(number: Number, length: usize, draws: &mut Draws) -> Buffer {
        let mut buffer = Buffer::new(number, length);
        (0..length).for_each(|place| buffer.put(place, draw(number, draws)));
        buffer
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: every byte of the words is initialised.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.words.len() * 8) }
    }

    pub(crate) fn pointer(&mut self) -> *mut u8 {
        self.words.as_mut_ptr().cast()
    }

    fn at<const N: usize>(&self, place: usize) -> [u8; N] {
        self.bytes()[place * N..][..N].try_into().unwrap()
    }

    pub(crate) fn get(&self, place: usize) -> Scalar {
        match self.number {
            Number::I1 | Number::U8 => Scalar::Integer(self.at::<1>(place)[0].into()),
            Number::I8 => Scalar::Integer(i8::from_ne_bytes(self.at(place)).into()),
            Number::I16 => Scalar::Integer(i16::from_ne_bytes(self.at(place)).into()),
            Number::U16 => Scalar::Integer(u16::from_ne_bytes(self.at(place)).into()),
            Number::I32 => Scalar::Integer(i32::from_ne_bytes(self.at(place)).into()),
            Number::U32 => Scalar::Integer(u32::from_ne_bytes(self.at(place)).into()),
            Number::I64 | Number::U64 => Scalar::Integer(i64::from_ne_bytes(self.at(place))),
            Number::F16 => Scalar::Single(f16::from_ne_bytes(self.at(place)).to_f32()),
            Number::Bf16 => Scalar::Single(bf16::from_ne_bytes(self.at(place)).to_f32()),
            Number::F32 => Scalar::Single(f32::from_ne_bytes(self.at(place))),
            Number::F64 => Scalar::Double(f64::from_ne_bytes(self.at(place))),
        }
    }

    /// Rounds or wraps.
    pub(crate) fn put(&mut self, place: usize, value: Scalar) {
        let bytes: Vec<u8> = match (self.number, value) {
            (Number::I1, Scalar::Integer(value)) => vec![(value != 0).into()],
            (number, Scalar::Integer(value)) => value.to_le_bytes()[..number.bytes()].to_vec(),
            (Number::F16, Scalar::Single(value)) => f16::from_f32(value).to_ne_bytes().to_vec(),
            (Number::Bf16, Scalar::Single(value)) => bf16::from_f32(value).to_ne_bytes().to_vec(),
            (Number::F32, Scalar::Single(value)) => value.to_ne_bytes().to_vec(),
            (Number::F64, Scalar::Double(value)) => value.to_ne_bytes().to_vec(),
            (number, value) => panic!("{value:?} is no {number:?}"),
        };
        // SAFETY: any bytes are words.
        let all = unsafe {
            std::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast::<u8>(), self.words.len() * 8)
        };
        all[place * bytes.len()..][..bytes.len()].copy_from_slice(&bytes);
    }
}

pub(crate) fn draw(number: Number, draws: &mut Draws) -> Scalar {
    let bits = draws.next();
    let unit = (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
    // Now and then a zero of either sign, and a magnitude far from the others.
    let value = match bits & 31 {
        0 => 0.0,
        1 => -0.0,
        2 => unit * 1e2,
        3 => unit * 1e-4,
        _ => unit,
    };
    match number {
        Number::I1 => Scalar::Integer(bits.is_multiple_of(8).into()),
        Number::F16 | Number::Bf16 | Number::F32 => Scalar::Single(value as f32),
        Number::F64 => Scalar::Double(value),
        _ => Scalar::Integer(bits as i64 >> 3),
    }
}

/// The sum of products by the law, as it is written in [`order`].
pub(crate) fn sum(out: Number, terms: &[(Scalar, Scalar)]) -> Scalar {
    match out {
        Number::F64 => {
            let double = |value| match value {
                Scalar::Integer(value) => value as f64,
                Scalar::Single(value) => value.into(),
                Scalar::Double(value) => value,
            };
            let chain = |terms: &[(Scalar, Scalar)]| {
                terms.iter().fold(0.0, |sum, &(l, r)| double(l).mul_add(double(r), sum))
            };
            Scalar::Double(counted(terms, chain, |older, newer| older + newer))
        }
        Number::F16 | Number::Bf16 | Number::F32 => {
            let single = |value| if let Scalar::Single(value) = value { value } else { panic!("{value:?}") };
            let chain = |terms: &[(Scalar, Scalar)]| {
                terms.iter().fold(0.0, |sum, &(l, r)| single(l).mul_add(single(r), sum))
            };
            Scalar::Single(counted(terms, chain, |older, newer| older + newer))
        }
        _ => {
            let integer =
                |value| if let Scalar::Integer(value) = value { value } else { panic!("{value:?}") };
            Scalar::Integer(terms.iter().fold(0, |sum: i64, &(l, r)| match out {
                Number::I1 => sum | (integer(l) & integer(r)),
                _ => sum.wrapping_add(integer(l).wrapping_mul(integer(r))),
            }))
        }
    }
}

fn counted<T: Copy, S: Copy>(terms: &[T], chain: impl Fn(&[T]) -> S, add: impl Fn(S, S) -> S) -> S {
    if terms.len() <= 4096 {
        return chain(terms);
    }
    let mut kept: Vec<S> = Vec::new();
    for (block, terms) in terms.chunks(2048).enumerate() {
        let mut sum = chain(terms);
        for _ in 0..block.trailing_ones() {
            sum = add(kept.pop().unwrap(), sum);
        }
        kept.push(sum);
    }
    let newest = kept.pop().unwrap();
    kept.into_iter().rev().fold(newest, |newer, older| add(older, newer))
}

/// The result by definition, in a buffer whose other places are untouched.
fn expected(product: &Product, operands: &[Buffer; 3], mut out: Buffer) -> Buffer {
    let [batches, rows, columns, depth] = product.sizes();
    let at = |offset: isize| usize::try_from(offset).unwrap();
    for batch in 0..batches {
        let b = space::offsets(&product.batch, batch);
        for row in 0..rows {
            let m = space::offsets(&product.m, row);
            for column in 0..columns {
                let n = space::offsets(&product.n, column);
                let term = |k: usize| {
                    let k = space::offsets(&product.k, k);
                    let left = at(product.offsets[0] + b[0] + m[0] + k[0]);
                    let right = at(product.offsets[1] + b[1] + n[0] + k[1]);
                    (operands[0].get(left), operands[1].get(right))
                };
                let terms: Vec<_> = (0..depth).map(term).collect();
                let mut value = sum(product.out, &terms);
                if product.epilogue.add {
                    let addend = operands[2].get(at(product.offsets[3] + b[3] + m[2] + n[2]));
                    value = match (value, addend) {
                        (Scalar::Single(value), Scalar::Single(addend)) => Scalar::Single(value + addend),
                        (Scalar::Double(value), Scalar::Double(addend)) => Scalar::Double(value + addend),
                        (value, addend) => panic!("{value:?} + {addend:?}"),
                    };
                }
                if product.epilogue.relu {
                    value = match value {
                        Scalar::Single(value) => Scalar::Single(if value > 0.0 { value } else { 0.0 }),
                        Scalar::Double(value) => Scalar::Double(if value > 0.0 { value } else { 0.0 }),
                        Scalar::Integer(value) => Scalar::Integer(value.max(0)),
                    };
                }
                out.put(at(product.offsets[2] + b[2] + m[1] + n[1]), value);
            }
        }
    }
    out
}

/// The result of the loops, its tiles computed in several runs.
pub(crate) fn got(
    product: &Product,
    operands: &[Buffer; 3],
    mut out: Buffer,
    setting: Setting,
    parts: usize,
) -> Buffer {
    let schedule = Schedule::new(product, setting).unwrap();
    let mut scratch = vec![MaybeUninit::new(0xA5u8); schedule.scratch()];
    let bytes = |buffer: &Buffer| buffer.words.as_ptr().cast::<u8>();
    let packed: Vec<u64> = schedule.packed().map_or(Vec::new(), |length| {
        let mut packed = vec![0u64; length.div_ceil(8)];
        let operand = if setting.packed == Some(Operand::Lhs) { 0 } else { 1 };
        // Backwards: a part that wrote into the next one would spoil it.
        for part in (0..schedule.pack_parts()).rev() {
            // SAFETY: the bytes are those of the words; the operand has all that the product reaches.
            unsafe { schedule.pack(bytes(&operands[operand]), packed.as_mut_ptr().cast(), part..part + 1) };
        }
        packed
    });
    let place = |operand: Operand, buffer: &Buffer| {
        if setting.packed == Some(operand) { packed.as_ptr().cast() } else { bytes(buffer) }
    };
    let places = Operands {
        lhs: place(Operand::Lhs, &operands[0]),
        rhs: place(Operand::Rhs, &operands[1]),
        addend: bytes(&operands[2]),
        out: out.words.as_mut_ptr().cast(),
    };
    let mut told = 0;
    for part in (0..parts).rev() {
        let tiles = schedule.tiles() * part / parts..schedule.tiles() * (part + 1) / parts;
        // SAFETY: the operands have all that the product reaches, and the level is available.
        unsafe {
            let after = &mut |finished: choral_kernels::cpu::product::Finished| {
                told += finished.rows.len() * finished.columns.len();
            };
            schedule.run(places, &mut scratch, tiles, after);
        }
    }
    let [batch, m, n, _] = product.sizes();
    assert_eq!(told, batch * m * n, "finished blocks of {product:?}");
    out
}

pub(crate) fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_available())
}

/// Runs a product in every way, and compares each with the definition.
#[track_caller]
fn check(product: &Product, draws: &mut Draws) {
    check_packed(product, &[None, Some(Operand::Lhs), Some(Operand::Rhs)], draws);
}

/// As [`check`], with the operands that are packed ahead.
#[track_caller]
fn check_packed(product: &Product, ways: &[Option<Operand>], draws: &mut Draws) {
    let numbers = [product.lhs, product.rhs, product.out, product.out];
    let [lhs, rhs, out, addend] = std::array::from_fn(|operand| {
        let length = product.reach()[operand].map_or(0, |(_, last)| usize::try_from(last).unwrap() + 1);
        if operand == 2 {
            Buffer::new(numbers[operand], length)
        } else {
            Buffer::drawn(numbers[operand], length, draws)
        }
    });
    let operands = [lhs, rhs, addend];
    let right = expected(product, &operands, out.clone());
    for level in levels() {
        for &packed in ways {
            let threads = draws.one_of(&[1, 2, 64]);
            let setting = Setting { level, threads, packed };
            let parts = 1 + draws.below(3);
            let got = got(product, &operands, out.clone(), setting, parts);
            if let Some(place) =
                (0..got.bytes().len()).find(|&place| got.bytes()[place] != right.bytes()[place])
            {
                let place = place / product.out.bytes();
                let (got, right) = (got.get(place), right.get(place));
                panic!("{got:?} at {place}, not {right:?}, {setting:?}, {parts} parts: {product:#?}");
            }
        }
    }
}

/// Distances of dimensions in an operand that holds them in some order, with gaps, backwards or repeated.
pub(crate) fn strides(sizes: &[usize], is_written: bool, draws: &mut Draws) -> (Vec<isize>, isize) {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    if draws.below(2) == 0 {
        (1..order.len()).for_each(|at| order.swap(at, draws.below(at + 1)));
    }
    let (mut strides, mut first, mut step) = (vec![0; sizes.len()], 0, 1);
    for &dim in order.iter().rev() {
        let kind = draws.below(12);
        if kind == 0 && !is_written {
            continue;
        }
        step *= if kind == 1 { 2 } else { 1 };
        strides[dim] = if kind == 2 { -step } else { step };
        first += if kind == 2 { step * (sizes[dim] as isize - 1).max(0) } else { 0 };
        step *= sizes[dim].max(1) as isize;
    }
    (strides, first)
}

/// A product of these extents in random layouts.
fn laid_out(numbers: [Number; 3], sizes: [Vec<usize>; 4], draws: &mut Draws) -> Product {
    let [batch, m, n, k] = &sizes;
    let operand = |parts: [&Vec<usize>; 3], is_written: bool, draws: &mut Draws| {
        let sizes: Vec<usize> = parts.into_iter().flatten().copied().collect();
        strides(&sizes, is_written, draws)
    };
    let (lhs, lhs_at) = operand([batch, m, k], false, draws);
    let (rhs, rhs_at) = operand([batch, k, n], false, draws);
    let (out, out_at) = operand([batch, m, n], true, draws);
    let is_float = matches!(numbers[2], Number::F32 | Number::F64);
    let epilogue = Epilogue { add: is_float && draws.below(3) == 0, relu: is_float && draws.below(3) == 0 };
    let by_rows = draws.below(2) == 0;
    let empty = Vec::new();
    let moving = if by_rows { [batch, m, &empty] } else { [batch, &empty, n] };
    let (addend, addend_at) = operand(moving, false, draws);
    let (b, m_end, k_end) = (batch.len(), batch.len() + m.len(), batch.len() + k.len());
    let of_m = |at: usize| if by_rows { addend[b + at] } else { 0 };
    let of_n = |at: usize| if by_rows { 0 } else { addend[b + at] };
    let batch = (0..b).map(|at| Dim::new(batch[at], [lhs[at], rhs[at], out[at], addend[at]]));
    let m_dims = (0..m.len()).map(|at| Dim::new(m[at], [lhs[b + at], out[b + at], of_m(at)]));
    let n_dims = (0..n.len()).map(|at| Dim::new(n[at], [rhs[k_end + at], out[m_end + at], of_n(at)]));
    let k_dims = (0..k.len()).map(|at| Dim::new(k[at], [lhs[m_end + at], rhs[b + at]]));
    Product {
        lhs: numbers[0],
        rhs: numbers[1],
        out: numbers[2],
        offsets: [lhs_at, rhs_at, out_at, addend_at],
        batch: batch.collect(),
        m: m_dims.collect(),
        n: n_dims.collect(),
        k: k_dims.collect(),
        epilogue,
    }
}

/// Types of operands and result that there are loops for.
fn numbers() -> Vec<[Number; 3]> {
    let mut all = Vec::new();
    for operand in Number::ALL {
        all.extend(Number::ALL.map(|out| [operand, operand, out]));
    }
    all.extend([[Number::Bf16, Number::F32, Number::F32], [Number::I8, Number::U8, Number::I32]]);
    let empty = |[lhs, rhs, out]: [Number; 3]| Product {
        lhs,
        rhs,
        out,
        offsets: [0; 4],
        batch: vec![],
        m: vec![],
        n: vec![],
        k: vec![],
        epilogue: Epilogue::default(),
    };
    all.retain(|&numbers| empty(numbers).check().is_ok());
    all
}

fn extents(count: usize, sizes: &[usize], draws: &mut Draws) -> Vec<usize> {
    (0..count).map(|_| draws.one_of(sizes)).collect()
}

#[test]
fn every_element_type_in_every_layout() {
    let draws = &mut Draws(1);
    let rounds = if cfg!(miri) { 1 } else { 16 };
    for numbers in numbers() {
        for _ in 0..rounds {
            let (b, m, n, k) = (draws.below(3), draws.below(3), draws.below(3), draws.below(3));
            let sizes = [
                extents(b, &[0, 1, 2, 3, 3], draws),
                extents(m, &[0, 1, 2, 3, 5, 7, 9], draws),
                extents(n, &[0, 1, 2, 4, 7, 16, 17], draws),
                extents(k, &[0, 1, 2, 3, 5, 8, 9], draws),
            ];
            check(&laid_out(numbers, sizes, draws), draws);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn sizes_beyond_every_tile() {
    let draws = &mut Draws(2);
    let types = [
        [Number::F32; 3],
        [Number::F64; 3],
        [Number::Bf16; 3],
        [Number::F16, Number::F16, Number::F32],
        [Number::I8, Number::I8, Number::I32],
        [Number::I8; 3],
        [Number::I1; 3],
        [Number::I64; 3],
    ];
    for numbers in types {
        for sizes in
            [[1, 130, 70, 900], [2, 1, 300, 530], [3, 100, 1, 520], [1, 500, 20, 40], [1, 7, 600, 130]]
        {
            let packed = draws.one_of(&[None, Some(Operand::Lhs), Some(Operand::Rhs)]);
            check_packed(&laid_out(numbers, sizes.map(|size| vec![size]), draws), &[packed], draws);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore)]
fn long_sums_are_trees_of_chains() {
    let draws = &mut Draws(3);
    for numbers in [[Number::F32; 3], [Number::F64; 3], [Number::F16; 3], [Number::I32; 3]] {
        for depth in [4095, 4096, 4097, 6144, 6145, 8192, 14337, 20000] {
            for sizes in [[1, 1, 3], [2, 3, 17], [1, 14, 33], [1, 1, 1]] {
                let sizes = [vec![sizes[0]], vec![sizes[1]], vec![sizes[2]], vec![depth]];
                let packed = draws.one_of(&[None, Some(Operand::Lhs), Some(Operand::Rhs)]);
                check_packed(&laid_out(numbers, sizes, draws), &[packed], draws);
            }
        }
    }
}

#[test]
fn the_order_is_that_of_a_binary_counter() {
    let merges =
        |terms| -> Vec<usize> { order::chunks(terms, 4096, true).filter_map(|chunk| chunk.merges).collect() };
    assert_eq!(merges(0), [0]);
    assert_eq!(merges(4096), [0]);
    assert_eq!(merges(4097), [0, 1, 1]);
    assert_eq!(merges(7 * 2048), [0, 1, 0, 2, 0, 1, 2]);
    assert_eq!(order::chunks(5000, 512, false).filter(|chunk| chunk.begins).count(), 1);
}

#[test]
fn what_has_no_loops_is_refused() {
    let plain = |lhs, out| Product {
        lhs,
        rhs: lhs,
        out,
        offsets: [0; 4],
        batch: vec![],
        m: vec![Dim::new(2, [1, 2, 1])],
        n: vec![Dim::new(2, [1, 1, 1])],
        k: vec![],
        epilogue: Epilogue::default(),
    };
    let check = |product: Product| product.check().unwrap_err();
    assert_eq!(check(plain(Number::F64, Number::F32)), Unsupported::Operand(Number::F64, Number::F32));
    assert_eq!(check(plain(Number::I32, Number::F32)), Unsupported::Operand(Number::I32, Number::F32));
    let relu = Epilogue { add: false, relu: true };
    assert_eq!(
        check(Product { epilogue: relu, ..plain(Number::F16, Number::F16) }),
        Unsupported::Epilogue(Number::F16)
    );
    let add = Epilogue { add: true, relu: false };
    assert_eq!(check(Product { epilogue: add, ..plain(Number::F32, Number::F32) }), Unsupported::Addend);
    let overlap = Product { m: vec![Dim::new(2, [1, 1, 1])], ..plain(Number::F32, Number::F32) };
    assert_eq!(check(overlap), Unsupported::Overlap);
}
