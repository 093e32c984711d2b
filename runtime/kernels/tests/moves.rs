//! Gathers and scatters give what obvious loops give, bit for bit.

use choral_kernels::access::Elements;
use choral_kernels::access::{Dim, place};
use choral_kernels::cpu::moves::{gather, scatter};
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::moves::{Beyond, Combine, Gather, Numbering, Scatter, Scattered, Start};
use choral_kernels::rows::{Kind, Step};
use choral_kernels::{Access, Expression, Level, Number};
use half::{bf16, f16};

use super::arrays::{Buffers, Random, elements, float, frame, integer, ranges};

const INTEGERS: [Number; 9] = [
    Number::I1,
    Number::I8,
    Number::I16,
    Number::I32,
    Number::I64,
    Number::U8,
    Number::U16,
    Number::U32,
    Number::U64,
];

fn shape(random: &mut Random, rank: usize, largest: usize) -> Vec<usize> {
    (0..rank).map(|_| 1 + random.below(largest)).collect()
}

/// Starts along some dimensions of an array, with indices within and beyond.
fn starts(
    random: &mut Random,
    buffers: &mut Buffers,
    (numbering, shape, window): (&[usize], &[usize], &[usize]),
) -> Vec<Start> {
    let mut starts = Vec::new();
    for dim in 0..shape.len() {
        if random.below(3) == 0 {
            continue;
        }
        let number = random.one(&INTEGERS);
        let place = buffers.place(random, numbering, number);
        for at in elements(&place.access) {
            let index = match random.below(8) {
                0 => random.bits(),
                1 => (shape[dim] - window[dim] + 1) as u64,
                2 => u64::MAX,
                _ => random.below(shape[dim] - window[dim] + 1) as u64,
            };
            let index = if number == Number::I1 { index & 1 } else { index };
            buffers.write(place.buffer, number, at, index);
        }
        starts.push(Start { place, number, dim, last: shape[dim] - window[dim] });
    }
    starts
}

/// An access with the strides of some dimensions and the sizes of others.
fn sized(dims: &[Dim], sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().zip(dims).map(|(&size, &(_, stride))| (size, stride)).collect()
}

/// The index of a window along a dimension, and whether it lies within.
fn index(buffers: &Buffers, start: &Start, window: usize) -> (isize, bool) {
    let at = start.place.access.offset + place(&start.place.access.dims, window);
    let index = integer(start.number, buffers.read(start.place.buffer, start.number, at));
    let within = index.clamp(0, start.last as i128);
    (within as isize, within == index)
}

fn gathers(seed: u64, largest: usize, is_of_points: bool) {
    let mut random = Random(seed);
    let (random, mut buffers) = (&mut random, Buffers::default());
    let number = random.one(&Number::ALL);
    let (members, more, rank) = (random.below(3), random.below(3), random.below(4));
    let members = shape(random, members, 4);
    let most = if largest > 20 || is_of_points { 40 } else { 7 };
    let windows = [members.clone(), shape(random, more, most)].concat();
    let sizes = shape(random, rank, largest);
    let size = |size: usize| if random.is() { size } else { 1 + random.below(size) };
    let mut window: Vec<usize> = sizes.iter().copied().map(size).collect();
    if is_of_points {
        window.fill(1);
    }
    let array = buffers.filled(random, &[members.as_slice(), &sizes].concat(), number);
    let (of_members, of_array) = array.access.dims.split_at(members.len());
    let shared = windows[members.len()..].iter().map(|&size| (size, 0));
    let dims = of_members.iter().copied().chain(shared).chain(sized(of_array, &window)).collect();
    let from = Elements { buffer: array.buffer, access: Access { offset: array.access.offset, dims } };
    let mut starts = starts(random, &mut buffers, (&windows, &sizes, &window));
    starts.truncate(if is_of_points { 1 } else { sizes.len() });
    let out = buffers.place(random, &[windows.as_slice(), &window].concat(), number);
    let kernel = Gather { windows, window, starts, number, from, out };

    let mut expected = buffers.0[kernel.out.buffer].clone();
    std::mem::swap(&mut expected, &mut buffers.0[kernel.out.buffer]);
    let mut wanted = Vec::new();
    let of_window: usize = kernel.window.iter().product();
    let from = elements(&kernel.from.access);
    for (at, (from, out)) in from.zip(elements(&kernel.out.access)).enumerate() {
        let strides = &kernel.from.access.dims[kernel.windows.len()..];
        let starts = kernel.starts.iter();
        let moved: isize =
            starts.map(|start| index(&buffers, start, at / of_window).0 * strides[start.dim].1).sum();
        wanted.push((out, buffers.read(kernel.from.buffer, number, from + moved)));
    }
    for (out, bits) in wanted {
        buffers.write(kernel.out.buffer, number, out, bits);
    }
    let expected = std::mem::replace(&mut buffers.0[kernel.out.buffer], expected);
    buffers.0[kernel.out.buffer].fill(0);

    let program = gather::Program::new(&kernel, random.one(&[Level::Portable, Level::best()]));
    let pointers = buffers.pointers();
    for range in ranges(random, program.units()) {
        let frame = frame(program.frame_bytes());
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, range, frame.pointer()) };
    }
    assert!(buffers.0[kernel.out.buffer] == expected, "{seed}: {kernel:?}");
}

#[test]
fn windows_are_read_where_indices_say() {
    (0..2000).for_each(|seed| gathers(seed, 8, false));
}

#[test]
fn large_windows_are_cut() {
    (0..40).for_each(|seed| gathers(seed, 60, false));
}

#[test]
fn single_elements_are_read_where_indices_say() {
    (0..2000).for_each(|seed| gathers(seed, 8, true));
}

#[test]
fn many_windows_are_read_block_by_block() {
    let mut random = Random(3);
    for (width, number) in
        [(1, Number::F32), (4, Number::F32), (3, Number::I8), (70, Number::F64), (1, Number::Bf16)]
    {
        let mut buffers = Buffers::default();
        let table = buffers.filled(&mut random, &[1000, width], number);
        let ids = buffers.place(&mut random, &[3000], Number::I32);
        for at in elements(&ids.access) {
            let id = random.below(1100) as u64;
            buffers.write(ids.buffer, Number::I32, at, id);
        }
        let mut from = table.clone();
        from.access.dims = vec![(3000, 0), (1, table.access.dims[0].1), table.access.dims[1]];
        let mut out = buffers.place(&mut random, &[3000, width], number);
        out.access.dims.insert(1, (1, 0));
        let start = Start { place: ids.clone(), number: Number::I32, dim: 0, last: 999 };
        let (windows, window) = (vec![3000], vec![1, width]);
        let kernel = Gather { windows, window, starts: vec![start], number, from, out: out.clone() };
        let program = gather::Program::new(&kernel, Level::best());
        let (pointers, frame) = (buffers.pointers(), frame(program.frame_bytes()));
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, 0..program.units(), frame.pointer()) };
        let words = std::mem::take(&mut buffers.0);
        let get = |buffer: usize, at: isize| {
            let bytes = words[buffer].as_ptr().cast::<u8>();
            // SAFETY: an element of the buffer.
            unsafe { std::slice::from_raw_parts(bytes.add(at as usize * number.bytes()), number.bytes()) }
        };
        for row in 0..3000 {
            let id = ids.access.offset + row * ids.access.dims[0].1;
            // SAFETY: an index of the buffer.
            let id = unsafe { words[ids.buffer].as_ptr().cast::<i32>().offset(id).read() }.min(999) as isize;
            for column in 0..width as isize {
                let [(_, down), (_, along)] = [table.access.dims[0], table.access.dims[1]];
                let expected = get(table.buffer, table.access.offset + id * down + column * along);
                let at = out.access.offset + row * out.access.dims[0].1 + column * out.access.dims[2].1;
                assert_eq!(get(out.buffer, at), expected, "row {row} of {number}");
            }
        }
    }
}

/// What an instruction makes of two numbers.
fn applied(op: Binary, number: Number, [x, y]: [u64; 2]) -> u64 {
    let mask = u64::MAX >> (64 - 8 * number.bytes());
    macro_rules! floats {
        ($x:expr, $y:expr) => {
            match op {
                Binary::Add => $x + $y,
                Binary::Subtract => $x - $y,
                Binary::Multiply => $x * $y,
                Binary::Maximum if $x.is_nan() || $x > $y || $x == $y && $x.is_sign_positive() => $x,
                Binary::Minimum if $x.is_nan() || $x < $y || $x == $y && $x.is_sign_negative() => $x,
                _ => $y,
            }
        };
    }
    match number {
        Number::F16 => {
            let [x, y] = [x, y].map(|bits| f16::from_bits(bits as u16).to_f32());
            u64::from(f16::from_f32(floats!(x, y)).to_bits())
        }
        Number::Bf16 => {
            let [x, y] = [x, y].map(|bits| bf16::from_bits(bits as u16).to_f32());
            u64::from(bf16::from_f32(floats!(x, y)).to_bits())
        }
        Number::F32 => {
            let [x, y] = [x, y].map(|bits| f32::from_bits(bits as u32));
            u64::from(floats!(x, y).to_bits())
        }
        Number::F64 => {
            let [x, y] = [x, y].map(f64::from_bits);
            floats!(x, y).to_bits()
        }
        Number::I1 => match op {
            Binary::Add | Binary::Maximum => x | y,
            _ => x & y,
        },
        _ => {
            let [p, q] = [x, y].map(|bits| integer(number, bits));
            let result = match op {
                Binary::Add => p + q,
                Binary::Subtract => p - q,
                Binary::Multiply => p.wrapping_mul(q),
                Binary::Maximum => p.max(q),
                _ => p.min(q),
            };
            result as u64 & mask
        }
    }
}

/// Of every NaN the same bits, since its sign and payload are the processor's.
fn same(number: Number, bits: u64) -> u64 {
    if number.is_float() && float(number, bits).is_nan() { u64::MAX } else { bits }
}

/// A body of two operands: the sum of the first, and the second's update where that is less than the first's.
fn body(first: Number, second: Number) -> Expression {
    let register = first.in_registers();
    let compute = |instruction, operands: &[usize], number| Step {
        kind: Kind::Compute { instruction, operands: operands.to_vec() },
        number,
    };
    let steps = vec![
        compute(Instruction::Binary(Binary::Add), &[0, 2], register),
        compute(Instruction::Compare(choral_kernels::instruction::Comparison::Less), &[2, 0], Number::I1),
        compute(Instruction::Select, &[5, 3, 1], second.in_registers()),
    ];
    Expression { inputs: vec![first, second, first, second], steps, results: vec![(4, first), (6, second)] }
}

fn scatters(seed: u64, largest: usize) {
    let mut random = Random(seed);
    let (random, mut buffers) = (&mut random, Buffers::default());
    let (members, more, rank) = (random.below(3), random.below(3), random.below(4));
    let members = shape(random, members, 3);
    let sizes = shape(random, rank, largest);
    let mut window: Vec<usize> =
        sizes.iter().map(|&size| if random.is() { size } else { 1 + random.below(size) }).collect();
    let mut windows: Vec<Numbering> =
        shape(random, more, 9).into_iter().map(|size| Numbering { size, along: None }).collect();
    let whole = window.clone();
    if rank > 0 && random.below(3) == 0 {
        // A dimension of the windows that stands before those of the indices.
        let dim = random.below(rank);
        windows.insert(0, Numbering { size: window[dim], along: Some(dim) });
        window[dim] = 1;
    }
    let numbering: Vec<usize> = members.iter().copied().chain(windows.iter().map(|dim| dim.size)).collect();
    let mut starts = starts(random, &mut buffers, (&numbering, &sizes, &whole));
    for start in &mut starts {
        // The indices say nothing of it.
        let dims = &mut start.place.access.dims[members.len()..];
        dims.iter_mut().zip(&windows).filter(|(_, window)| window.along.is_some()).for_each(
            |((size, stride), _)| {
                start.place.access.offset += if *stride < 0 { (*size as isize - 1) * *stride } else { 0 };
                *stride = 0;
            },
        );
    }
    let number = random.one(&Number::ALL);
    let (combine, numbers) = match random.below(4) {
        0 => (Combine::Overwrite, vec![number]),
        1 => {
            let second = random.one(&Number::ALL);
            (Combine::Body(body(number, second)), vec![number, second])
        }
        _ => {
            let ops = [Binary::Add, Binary::Multiply, Binary::Maximum, Binary::Minimum, Binary::Subtract];
            let op = random.one(if number == Number::I1 { &ops[..4] } else { &ops });
            (Combine::Binary(op), vec![number])
        }
    };
    let results = [members.as_slice(), &sizes].concat();
    let mut out = Access::dense(&results);
    let is_in_place = random.is() && numbers.len() == 1;
    let operands: Vec<Scattered> = numbers
        .iter()
        .map(|&number| {
            let input = buffers.filled(random, &results, number);
            let updates = buffers.filled(random, &[numbering.as_slice(), &window].concat(), number);
            let buffer = if is_in_place { input.buffer } else { buffers.add(out.len() * number.bytes()) };
            out = if is_in_place { input.access.clone() } else { out.clone() };
            Scattered { number, input, updates, out: buffer }
        })
        .collect();
    let beyond = random.one(&[Beyond::Dropped, Beyond::Clamped]);
    let kernel = Scatter { members, windows, shape: sizes, window, starts, operands, out, beyond, combine };
    let expected = scattered(&kernel, &buffers);

    let level = random.one(&[Level::Portable, Level::best()]);
    let program = scatter::Program::new(&kernel, level).unwrap();
    let pointers = buffers.pointers();
    for range in ranges(random, program.units()) {
        let frame = frame(program.frame_bytes());
        // SAFETY: the kernel's accesses are those of the buffers.
        unsafe { program.run(&pointers, range, frame.pointer()) };
    }
    for (operand, expected) in kernel.operands.iter().zip(expected) {
        for (at, expected) in elements(&kernel.out).zip(expected) {
            let got = buffers.read(operand.out, operand.number, at);
            assert_eq!(same(operand.number, got), same(operand.number, expected), "{seed}: {kernel:?}");
        }
    }
}

/// The elements of the results, by loops over members, windows and their elements.
fn scattered(kernel: &Scatter, buffers: &Buffers) -> Vec<Vec<u64>> {
    let read = |operand: &Scattered| {
        let input = elements(&operand.input.access);
        input.map(|at| buffers.read(operand.input.buffer, operand.number, at)).collect::<Vec<u64>>()
    };
    let mut results: Vec<Vec<u64>> = kernel.operands.iter().map(read).collect();
    let dense = Access::dense(&[kernel.members.as_slice(), &kernel.shape].concat());
    let (of_members, strides) = dense.dims.split_at(kernel.members.len());
    let count: usize = kernel.windows.iter().map(|window| window.size).product();
    let numbers: Vec<Dim> =
        Access::dense(&kernel.windows.iter().map(|dim| dim.size).collect::<Vec<_>>()).dims;
    let size: usize = kernel.window.iter().product();
    for window in 0..of_members.iter().map(|dim| dim.0).product::<usize>() * count {
        let starts: Vec<(isize, bool)> =
            kernel.starts.iter().map(|start| index(buffers, start, window)).collect();
        if kernel.beyond == Beyond::Dropped && starts.iter().any(|(_, within)| !within) {
            continue;
        }
        let mut first = place(of_members, window / count);
        first += kernel
            .starts
            .iter()
            .zip(&starts)
            .map(|(start, (at, _))| strides[start.dim].1 * at)
            .sum::<isize>();
        let mut number = window % count;
        for (&(_, step), dim) in numbers.iter().zip(&kernel.windows) {
            let at = number / step as usize;
            number %= step as usize;
            first += dim.along.map_or(0, |along| strides[along].1 * at as isize);
        }
        for element in 0..size {
            let at = (first + place(&sized(strides, &kernel.window), element)) as usize;
            let updates: Vec<u64> = kernel
                .operands
                .iter()
                .map(|Scattered { updates, number, .. }| {
                    let from = updates.access.offset + place(&updates.access.dims, window * size + element);
                    buffers.read(updates.buffer, *number, from)
                })
                .collect();
            match &kernel.combine {
                Combine::Overwrite => results[0][at] = updates[0],
                Combine::Binary(op) => {
                    results[0][at] = applied(*op, kernel.operands[0].number, [results[0][at], updates[0]]);
                }
                Combine::Body(_) => {
                    let number = kernel.operands[0].number;
                    let [update, held] = [updates[0], results[0][at]];
                    let is_less = match number.is_float() {
                        true => float(number, update) < float(number, held),
                        false => integer(number, update) < integer(number, held),
                    };
                    if is_less {
                        results[1][at] = updates[1];
                    }
                    results[0][at] = applied(Binary::Add, number, [results[0][at], updates[0]]);
                }
            }
        }
    }
    results
}

#[test]
fn updates_are_combined_in_order() {
    (0..4000).for_each(|seed| scatters(seed, 6));
}

#[test]
fn large_arrays_are_cut() {
    (0..60).for_each(|seed| scatters(seed, 40));
}
