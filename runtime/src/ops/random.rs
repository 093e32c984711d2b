//! Random bits from a key and a counter, laid out as XLA lays them out.

use choral_ir::op::{RngAlgorithm, RngBitGenerator};
use choral_ir::random::threefry2x32;
use choral_ir::{Element, Storage, Tensor, TensorType};

use crate::error::Error;

/// The next state, and the bits.
///
/// # Errors
/// Only if a tensor does not hold what its type says.
pub fn evaluate(op: &RngBitGenerator, state: &Tensor, types: &[TensorType]) -> Result<Vec<Tensor>, Error> {
    let RngBitGenerator { algorithm, batching_dims, shape, dtype } = op;
    let words = state.shape()[*batching_dims];
    let wide = dtype.bits() > 32;
    let (mut states, mut bits) = (Vec::new(), Vec::new());
    for state in state.as_slice::<u64>()?.chunks_exact(words) {
        let (next, drawn) = match (algorithm, wide) {
            (RngAlgorithm::ThreeFry, false) => threefry_words(state, shape),
            (RngAlgorithm::ThreeFry, true) => threefry_long_words(state, shape),
            (RngAlgorithm::Philox | RngAlgorithm::Default, _) => philox(state, shape.iter().product(), wide),
        };
        states.extend(next);
        bits.extend(drawn);
    }
    let bits = Storage::from_bits(*dtype, &bits);
    Ok(vec![
        Tensor::from_storage(types[0].shape.as_slice(), u64::store(states))?,
        Tensor::from_storage(types[1].shape.as_slice(), bits)?,
    ])
}

/// Low word first.
fn halves(long: u64) -> [u32; 2] {
    [long as u32, (long >> 32) as u32]
}

fn joined([low, high]: [u32; 2]) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// The two words of block `counter` fill the two halves of the shape along one of its dimensions:
/// neighbours there, the first even dimension, or else the longest, rounded up.
fn threefry_words(state: &[u64], shape: &[usize]) -> (Vec<u64>, Vec<u64>) {
    let even = shape.iter().position(|size| size % 2 == 0);
    let longest = || (0..shape.len()).rev().max_by_key(|&dim| shape[dim]);
    let (lines, size, width) = match even.or_else(longest) {
        Some(split) => {
            let lines: usize = shape[..split].iter().product();
            (lines, shape[split], shape[split + 1..].iter().product::<usize>())
        }
        None => (1, 1, 1),
    };
    let half = size.div_ceil(2);
    let mut bits = vec![0; lines * size * width];
    for block in 0..lines * half * width {
        let words = threefry2x32(halves(state[0]), halves(state[1].wrapping_add(block as u64)));
        let (line, place, column) = (block / (half * width), block / width % half, block % width);
        for (side, word) in words.into_iter().enumerate() {
            let at = 2 * place + side;
            if at < size {
                bits[(line * size + at) * width + column] = u64::from(word);
            }
        }
    }
    let drawn = (lines * half * width) as u64;
    (vec![state[0], state[1].wrapping_add(drawn)], bits)
}

/// One block for each element.
fn threefry_long_words(state: &[u64], shape: &[usize]) -> (Vec<u64>, Vec<u64>) {
    let count = shape.iter().product::<usize>() as u64;
    let block = |at: u64| joined(threefry2x32(halves(state[0]), halves(state[1].wrapping_add(at))));
    (vec![state[0], state[1].wrapping_add(count)], (0..count).map(block).collect())
}

/// Blocks of four words in order.
fn philox(state: &[u64], count: usize, wide: bool) -> (Vec<u64>, Vec<u64>) {
    let key = halves(state[0]);
    // Where the state has no second word for the counter, XLA takes the key.
    let high = state.get(2).copied().unwrap_or(state[0]);
    let counter = u128::from(state[1]) | u128::from(high) << 64;
    let blocks = if wide { count.div_ceil(2) } else { count.div_ceil(4) };
    let block = |at: usize| philox4x32(key, counter.wrapping_add(at as u128));
    let words = (0..blocks).flat_map(block).collect::<Vec<u32>>();
    let bits = match wide {
        true => words.chunks_exact(2).map(|pair| joined([pair[0], pair[1]])).take(count).collect(),
        false => words.into_iter().map(u64::from).take(count).collect(),
    };
    let next = counter.wrapping_add(blocks as u128);
    let next = [state[0], next as u64, (next >> 64) as u64];
    (next[..state.len()].to_vec(), bits)
}

/// Philox-4x32 with 10 rounds.
fn philox4x32(mut key: [u32; 2], counter: u128) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut x: [u32; 4] = std::array::from_fn(|word| (counter >> (32 * word)) as u32);
    for _ in 0..10 {
        let products = [halves(MULTIPLIERS[0] * u64::from(x[0])), halves(MULTIPLIERS[1] * u64::from(x[2]))];
        x = [products[1][1] ^ x[1] ^ key[0], products[1][0], products[0][1] ^ x[3] ^ key[1], products[0][0]];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    x
}
