//! Counter-based generators on many counters at once.
//!
//! Must not live here: where words go.

use crate::Level;
use crate::cpu::machine::{Body, compiled};
use crate::random::Algorithm;

/// Counters that are worked on side by side.
pub(super) const BLOCKS: usize = 32;

/// The words of blocks: the first word of each, then the second, ..; threefry has two.
pub(super) type Words = [[u32; BLOCKS]; 4];

/// What a generator works on.
pub(super) struct Arguments {
    pub key: [u32; 2],
    /// The first block's counter; others count on.
    pub counter: u128,
    pub words: *mut Words,
}

/// The words of a counter.
#[inline(always)]
fn words_of(counter: u128) -> [u32; 4] {
    [counter as u32, (counter >> 32) as u32, (counter >> 64) as u32, (counter >> 96) as u32]
}

/// The words of a counter and a few more, in operations that vectors have.
#[inline(always)]
fn add(words: [u32; 4], blocks: u32) -> [u32; 4] {
    let low = words[0].wrapping_add(blocks);
    let carry = u32::from(low < blocks);
    let second = words[1].wrapping_add(carry);
    let carry = carry & u32::from(second == 0);
    let third = words[2].wrapping_add(carry);
    let carry = carry & u32::from(third == 0);
    [low, second, third, words[3].wrapping_add(carry)]
}

/// Threefry-2x32: a block of two words.
#[inline(always)]
fn threefry([first, second]: [u32; 2], [mut x, mut y]: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [first, second, first ^ second ^ 0x1BD1_1BDA];
    (x, y) = (x.wrapping_add(keys[0]), y.wrapping_add(keys[1]));
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x = x.wrapping_add(y);
            y = y.rotate_left(rotation) ^ x;
        }
        x = x.wrapping_add(keys[(group + 1) % 3]);
        y = y.wrapping_add(keys[(group + 2) % 3].wrapping_add(group as u32 + 1));
    }
    [x, y]
}

/// Philox-4x32: a block of four words.
#[inline(always)]
fn philox(mut key: [u32; 2], mut words: [u32; 4]) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    for _ in 0..10 {
        let [x, y, z, w] = words;
        let [even, odd] = [MULTIPLIERS[0] * u64::from(x), MULTIPLIERS[1] * u64::from(z)];
        words = [(odd >> 32) as u32 ^ y ^ key[0], odd as u32, (even >> 32) as u32 ^ w ^ key[1], even as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    words
}

struct ThreeFry;

impl Body for ThreeFry {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { key, counter, words } = arguments;
        let first = words_of(counter);
        // SAFETY: the caller vouches for the words.
        let [x, y, _, _] = unsafe { &mut *words };
        for lane in 0..BLOCKS {
            let [low, high, _, _] = add(first, lane as u32);
            [x[lane], y[lane]] = threefry(key, [low, high]);
        }
    }
}

struct Philox;

impl Body for Philox {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        let &Arguments { key, counter, words } = arguments;
        let first = words_of(counter);
        // SAFETY: the caller vouches for the words.
        let [x, y, z, w] = unsafe { &mut *words };
        for lane in 0..BLOCKS {
            [x[lane], y[lane], z[lane], w[lane]] = philox(key, add(first, lane as u32));
        }
    }
}

/// The generator of an algorithm.
pub(super) fn draw(algorithm: Algorithm, level: Level) -> unsafe fn(&Arguments) {
    match algorithm {
        Algorithm::ThreeFry => compiled::<ThreeFry>(level),
        Algorithm::Philox => compiled::<Philox>(level),
    }
}
