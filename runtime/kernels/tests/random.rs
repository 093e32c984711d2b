//! Random bits are those of the generators, word by word, for every type, shape, layout and level.

use choral_kernels::cpu::random::Program;
use choral_kernels::random::{Algorithm, Random};
use choral_kernels::{Access, Number};

use crate::elements::{access, at, elements, indices, reach, run_in_parts};
use crate::product::{Buffer, Draws, levels};

fn halves(long: u64) -> [u32; 2] {
    [long as u32, (long >> 32) as u32]
}

fn joined(words: [u32; 2]) -> u64 {
    u64::from(words[0]) | u64::from(words[1]) << 32
}

pub(crate) fn threefry(key: [u32; 2], counter: u64) -> [u32; 2] {
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let [mut x, mut y] = halves(counter);
    (x, y) = (x.wrapping_add(keys[0]), y.wrapping_add(keys[1]));
    for round in 0..20 {
        x = x.wrapping_add(y);
        y = y.rotate_left([13, 15, 26, 6, 17, 29, 16, 24][round % 8]) ^ x;
        if round % 4 == 3 {
            let group = round / 4 + 1;
            x = x.wrapping_add(keys[group % 3]);
            y = y.wrapping_add(keys[(group + 1) % 3]).wrapping_add(group as u32);
        }
    }
    [x, y]
}

fn philox(key: [u32; 2], counter: u128) -> [u32; 4] {
    let mut x: [u32; 4] = std::array::from_fn(|word| (counter >> (32 * word)) as u32);
    for round in 0..10u32 {
        let [a, b] = [0xD251_1F53 * u64::from(x[0]), 0xCD9E_8D57 * u64::from(x[2])].map(halves);
        let keys = [
            key[0].wrapping_add(round.wrapping_mul(0x9E37_79B9)),
            key[1].wrapping_add(round.wrapping_mul(0xBB67_AE85)),
        ];
        x = [b[1] ^ x[1] ^ keys[0], b[0], a[1] ^ x[3] ^ keys[1], a[0]];
    }
    x
}

/// The bits of a state, and how many blocks they take.
fn drawn(random: &Random, state: &[u64]) -> (Vec<u64>, u64) {
    let count: usize = random.shape.iter().product();
    let is_long = random.number.bytes() == 8;
    let key = halves(state[0]);
    match random.algorithm {
        Algorithm::Philox => {
            let high = state.get(2).copied().unwrap_or(state[0]);
            let counter = u128::from(state[1]) | u128::from(high) << 64;
            let blocks = if is_long { count.div_ceil(2) } else { count.div_ceil(4) };
            let words: Vec<u32> =
                (0..blocks).flat_map(|at| philox(key, counter.wrapping_add(at as u128))).collect();
            let bits: Vec<u64> = match is_long {
                true => words.chunks(2).map(|pair| joined([pair[0], pair[1]])).collect(),
                false => words.into_iter().map(u64::from).collect(),
            };
            (bits[..count].to_vec(), blocks as u64)
        }
        Algorithm::ThreeFry if is_long => {
            let block = |at: usize| joined(threefry(key, state[1].wrapping_add(at as u64)));
            ((0..count).map(block).collect(), count as u64)
        }
        Algorithm::ThreeFry => halved(&random.shape, key, state[1]),
    }
}

/// Blocks are numbered in the row-major order of the shape with one dimension halved, rounded up.
fn halved(shape: &[usize], key: [u32; 2], counter: u64) -> (Vec<u64>, u64) {
    let longest = shape.iter().copied().max().unwrap_or(1);
    let even = shape.iter().position(|size| size % 2 == 0);
    let split = even.or_else(|| shape.iter().position(|&size| size == longest));
    let mut half = shape.to_vec();
    if let Some(split) = split {
        half[split] = half[split].div_ceil(2);
    }
    let mut bits = Vec::new();
    for index in indices(shape) {
        let mut block = index.clone();
        let side = split.map_or(0, |split| {
            block[split] = index[split] / 2;
            index[split] % 2
        });
        let number = block.iter().zip(&half).fold(0, |number, (at, size)| number * size + at);
        bits.push(u64::from(threefry(key, counter.wrapping_add(number as u64))[side]));
    }
    (bits, half.iter().product::<usize>() as u64)
}

/// A word of a buffer of words.
fn words(buffer: &mut Buffer) -> *mut u64 {
    buffer.pointer().cast()
}

fn check(random: &Random, draws: &mut Draws) {
    let (state, next) = (&random.state.access, &random.next.access);
    let words_of_state = state.dims.last().unwrap().0;
    let states: Vec<usize> = random.bits.access.dims.iter().map(|dim| dim.0).collect();
    let count: usize = random.shape.iter().product();
    let bytes = random.number.bytes();
    let mut buffers = vec![
        Buffer::new(Number::U64, reach(state)),
        Buffer::new(Number::U64, reach(next)),
        Buffer::new(random.number, reach(&random.bits.access) + count),
    ];
    for place in 0..reach(state) {
        // Counters near where a word overflows.
        let word = draws.next() | [0, 0, u64::from(u32::MAX - 7), u64::MAX - 70][draws.below(4)];
        // SAFETY: the place is one of the buffer's.
        unsafe { words(&mut buffers[0]).add(place).write(word) };
    }
    for level in levels() {
        let program = Program::of_blocks(random, level, draws.one_of(&[1, 64, 1000]));
        let mut buffers = buffers.clone();
        run_in_parts(
            (program.units(), program.frame_bytes()),
            &mut buffers,
            draws,
            |buffers, units, frame| {
                // SAFETY: the buffers reach as far as the accesses, and bits as far as the shape.
                unsafe { program.run(buffers, units, frame) }
            },
        );
        for index in indices(&states) {
            let word = |word: usize| [index.clone(), vec![word]].concat();
            let [from, to] = [0, 1].map(|role: usize| {
                let access = [state, next][role];
                (0..words_of_state)
                    // SAFETY: the place is one of the buffer's.
                    .map(|at_word| unsafe {
                        words(&mut buffers[role]).add(at(access, &word(at_word))).read()
                    })
                    .collect::<Vec<u64>>()
            });
            let (bits, blocks) = drawn(random, &from);
            let counter = u128::from(from[1]) | u128::from(from.get(2).copied().unwrap_or(0)) << 64;
            let counter = counter.wrapping_add(blocks.into());
            let expected = [from[0], counter as u64, (counter >> 64) as u64];
            assert_eq!(to, expected[..words_of_state], "{random:?}");
            let first = at(&random.bits.access, &index);
            for (place, word) in bits.into_iter().enumerate() {
                let got = &buffers[2].bytes()[(first + place) * bytes..][..bytes];
                let word = match random.narrow {
                    _ if random.number == Number::I1 => word & 1,
                    Some(bits) if random.number == Number::I8 => {
                        ((word as i64) << (64 - bits) >> (64 - bits)) as u64
                    }
                    Some(bits) => word & ((1 << bits) - 1),
                    None => word,
                };
                assert_eq!(got, &word.to_le_bytes()[..bytes], "at {place}: {random:?}");
            }
        }
    }
}

#[test]
fn random_bits_of_every_type_and_shape() {
    let mut draws = Draws(21);
    for number in Number::ALL {
        for algorithm in [Algorithm::ThreeFry, Algorithm::Philox] {
            for _ in 0..24 {
                let states: Vec<usize> = (0..draws.below(3)).map(|_| draws.below(4)).collect();
                let shape: Vec<usize> =
                    (0..draws.below(4)).map(|_| draws.one_of(&[0, 1, 2, 3, 5, 9, 33, 64])).collect();
                let words = if algorithm == Algorithm::Philox { 2 + draws.below(2) } else { 2 };
                let of_state = [states.clone(), vec![words]].concat();
                let count: usize = shape.iter().product();
                let of_bits = [states.clone(), vec![count]].concat();
                let mut bits = Access::dense(&of_bits);
                bits.dims.pop();
                let is_byte = matches!(number, Number::I8 | Number::U8);
                let random = Random {
                    algorithm,
                    state: elements(0, &access(&of_state, false, &mut draws)),
                    next: elements(1, &access(&of_state, true, &mut draws)),
                    bits: elements(2, &bits),
                    shape,
                    number,
                    narrow: if is_byte { draws.one_of(&[None, Some(2), Some(4)]) } else { None },
                };
                check(&random, &mut draws);
            }
        }
    }
}
