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

type Lanes = [u32; BLOCKS];

/// The words of consecutive counters.
#[inline(always)]
fn counters(counter: u128) -> Words {
    let mut words: Words = std::array::from_fn(|word| [(counter >> (32 * word)) as u32; BLOCKS]);
    if words[0][0].checked_add(BLOCKS as u32 - 1).is_some() {
        // The usual case: only the lowest word changes.
        words[0].iter_mut().enumerate().for_each(|(block, word)| *word += block as u32);
        return words;
    }
    for block in 0..BLOCKS {
        let counter = counter.wrapping_add(block as u128);
        for (word, lanes) in words.iter_mut().enumerate() {
            lanes[block] = (counter >> (32 * word)) as u32;
        }
    }
    words
}

#[inline(always)]
fn each(x: &mut Lanes, y: &Lanes, f: impl Fn(u32, u32) -> u32) {
    for lane in 0..BLOCKS {
        x[lane] = f(x[lane], y[lane]);
    }
}

#[inline(always)]
fn add(x: &mut Lanes, by: u32) {
    x.iter_mut().for_each(|x| *x = x.wrapping_add(by));
}

struct ThreeFry;

impl Body for ThreeFry {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
        let [first, second] = arguments.key;
        let keys = [first, second, first ^ second ^ 0x1BD1_1BDA];
        let [mut x, mut y, _, _] = counters(arguments.counter);
        add(&mut x, keys[0]);
        add(&mut y, keys[1]);
        for group in 0..5 {
            for rotation in ROTATIONS[group % 2] {
                each(&mut x, &y, u32::wrapping_add);
                each(&mut y, &x, |y, x| y.rotate_left(rotation) ^ x);
            }
            add(&mut x, keys[(group + 1) % 3]);
            add(&mut y, keys[(group + 2) % 3].wrapping_add(group as u32 + 1));
        }
        // SAFETY: the caller vouches for the words.
        unsafe { *arguments.words = [x, y, [0; BLOCKS], [0; BLOCKS]] }
    }
}

struct Philox;

impl Body for Philox {
    type Arguments = Arguments;
    const WIDEST: Level = Level::Avx512;

    #[inline(always)]
    unsafe fn run(arguments: &Arguments) {
        const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
        const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
        let mut key = arguments.key;
        let mut words = counters(arguments.counter);
        for _ in 0..10 {
            let [x, y, z, w] = words;
            for lane in 0..BLOCKS {
                let products = [MULTIPLIERS[0] * u64::from(x[lane]), MULTIPLIERS[1] * u64::from(z[lane])];
                words[0][lane] = (products[1] >> 32) as u32 ^ y[lane] ^ key[0];
                words[1][lane] = products[1] as u32;
                words[2][lane] = (products[0] >> 32) as u32 ^ w[lane] ^ key[1];
                words[3][lane] = products[0] as u32;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        // SAFETY: the caller vouches for the words.
        unsafe { *arguments.words = words }
    }
}

/// The generator of an algorithm.
pub(super) fn draw(algorithm: Algorithm, level: Level) -> unsafe fn(&Arguments) {
    match algorithm {
        Algorithm::ThreeFry => compiled::<ThreeFry>(level),
        Algorithm::Philox => compiled::<Philox>(level),
    }
}
