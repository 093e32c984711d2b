//! Counter-based random numbers on the host: threefry-2x32, bit-compatible with `jax.random`.
//!
//! Lives here: keys and the draws that initialisers need. Random numbers *inside* programs are
//! ops.

use crate::memory::{self, OutOfMemory};
use crate::special::erf_inv;

/// A seed for random draws: the same key always gives the same numbers, on every machine.
///
/// Equal to JAX's default threefry keys (with `jax_threefry_partitionable`, its default).
///
/// ```
/// use choral_ir::Key;
/// let [weights, biases] = Key::new(0).split();
/// assert_ne!(weights.uniform(1), biases.uniform(1));
/// assert_eq!(Key::new(0).bits(1), [4070199207]); // jax.random.bits(jax.random.key(0), (1,))
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u32; 2]);

impl Key {
    /// The key of a seed, as `jax.random.key`.
    pub fn new(seed: u64) -> Key {
        Key([(seed >> 32) as u32, seed as u32])
    }

    /// The two words of the key.
    pub fn words(self) -> [u32; 2] {
        self.0
    }

    /// `N` independent keys, as `jax.random.split`.
    pub fn split<const N: usize>(self) -> [Key; N] {
        std::array::from_fn(|index| Key(threefry2x32(self.0, counter(index))))
    }

    /// `count` independent keys, as `jax.random.split`. As a tensor, `[count, 2]`, they give each of
    /// as many members its own.
    ///
    /// ```
    /// use choral_ir::{Key, Tensor};
    /// let keys = Key::new(0).split_n(5);
    /// assert_eq!(keys[..2], Key::new(0).split::<2>());
    /// assert_eq!(Tensor::from(keys).shape(), [5, 2]);
    /// ```
    ///
    /// # Panics
    /// If memory runs out, as every method here that takes a count; [`Key::try_split_n`] gives an
    /// error.
    #[track_caller]
    pub fn split_n(self, count: usize) -> Vec<Key> {
        match self.try_split_n(count) {
            Ok(keys) => keys,
            Err(error) => panic!("split_n: {count} keys: {error}"),
        }
    }

    /// As [`Key::split_n`].
    ///
    /// ```
    /// # use choral_ir::Key;
    /// assert!(Key::new(0).try_split_n(1 << 62).is_err());
    /// ```
    ///
    /// # Errors
    /// If memory runs out.
    pub fn try_split_n(self, count: usize) -> Result<Vec<Key>, OutOfMemory> {
        let mut keys = memory::vector(count)?;
        keys.extend((0..count).map(|index| Key(threefry2x32(self.0, counter(index)))));
        Ok(keys)
    }

    /// A key that depends on this one and on `data`, as `jax.random.fold_in`.
    pub fn fold_in(self, data: u32) -> Key {
        Key(threefry2x32(self.0, [0, data]))
    }

    /// `count` uniformly random words, as `jax.random.bits`.
    #[track_caller]
    pub fn bits(self, count: usize) -> Vec<u32> {
        draws(count, |index| self.bits_at(index))
    }

    fn bits_at(self, index: usize) -> u32 {
        let [high, low] = threefry2x32(self.0, counter(index));
        high ^ low
    }

    /// `count` draws from `[0, 1)`, as `jax.random.uniform`.
    #[track_caller]
    pub fn uniform(self, count: usize) -> Vec<f32> {
        self.uniform_between(count, 0.0, 1.0)
    }

    /// `count` draws from `[low, high)`, as `jax.random.uniform` with `minval` and `maxval`.
    #[track_caller]
    pub fn uniform_between(self, count: usize, low: f32, high: f32) -> Vec<f32> {
        draws(count, |index| self.uniform_at(index, low, high))
    }

    pub(crate) fn uniform_at(self, index: usize, low: f32, high: f32) -> f32 {
        // 23 random bits as the mantissa of a number in [1, 2).
        let unit = f32::from_bits((self.bits_at(index) >> 9) | 1.0f32.to_bits()) - 1.0;
        // XLA rounds once, after product and sum.
        ((f64::from(unit) * f64::from(high - low) + f64::from(low)) as f32).max(low)
    }

    /// `count` standard normal draws: `sqrt(2) * erf_inv(u)` with `u` uniform in `(-1, 1)`, as `jax.random.normal`.
    #[track_caller]
    pub fn normal(self, count: usize) -> Vec<f32> {
        draws(count, |index| self.normal_at(index))
    }

    pub(crate) fn normal_at(self, index: usize) -> f32 {
        let low = f32::from_bits((-1.0f32).to_bits() - 1);
        std::f32::consts::SQRT_2 * erf_inv(self.uniform_at(index, low, 1.0))
    }

    /// `count` times true with probability `p`, as `jax.random.bernoulli`.
    #[track_caller]
    pub fn bernoulli(self, count: usize, p: f32) -> Vec<bool> {
        self.uniform(count).into_iter().map(|draw| draw < p).collect()
    }

    /// `count` integers from `low` to before `high`, as `jax.random.randint`; `low` if there are none.
    #[track_caller]
    pub fn randint(self, count: usize, low: i32, high: i32) -> Vec<i32> {
        let span = span(low, high);
        let [high_words, low_words] = self.split().map(|key: Key| key.bits(count));
        let offset = |(high, low): (u32, u32)| {
            (high % span).wrapping_mul(word_modulo(span)).wrapping_add(low % span) % span
        };
        high_words.into_iter().zip(low_words).map(|words| low.wrapping_add(offset(words) as i32)).collect()
    }

    /// `0..count` in random order, as `jax.random.permutation`.
    #[track_caller]
    pub fn permutation(self, count: usize) -> Vec<usize> {
        let mut key = self;
        let mut order: Vec<usize> = draws(count, |place| place);
        for _ in 0..shuffles(count) {
            let [rest, this] = key.split();
            key = rest;
            let mut pairs: Vec<(u32, usize)> = this.bits(count).into_iter().zip(order).collect();
            pairs.sort_by_key(|(word, _)| *word);
            order = pairs.into_iter().map(|(_, place)| place).collect();
        }
        order
    }
}

/// What `draw` gives for each of `count` places.
#[track_caller]
fn draws<T>(count: usize, draw: impl Fn(usize) -> T) -> Vec<T> {
    let mut values = match memory::vector(count) {
        Ok(values) => values,
        Err(error) => panic!("{count} draws: {error}"),
    };
    values.extend((0..count).map(draw));
    values
}

/// Number of integers from `low` to before `high`, at least one.
pub fn span(low: i32, high: i32) -> u32 {
    if high > low { high.abs_diff(low) } else { 1 }
}

/// 2^32 modulo `span`, as `jax.random.randint` works it out: what the upper of two words counts.
pub fn word_modulo(span: u32) -> u32 {
    let half = (1 << 16) % span;
    half.wrapping_mul(half) % span
}

/// How many sorts by random words make a good shuffle of `count` places, by `jax.random`.
pub fn shuffles(count: usize) -> usize {
    (3.0 * (count.max(1) as f64).ln() / f64::from(u32::MAX).ln()).ceil() as usize
}

fn counter(index: usize) -> [u32; 2] {
    let index = index as u64;
    [(index >> 32) as u32, index as u32]
}

/// Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
pub fn threefry2x32(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let keys = [key[0], key[1], key[0] ^ key[1] ^ 0x1BD1_1BDA];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            x[0] = x[0].wrapping_add(x[1]);
            x[1] = x[1].rotate_left(rotation) ^ x[0];
        }
        x[0] = x[0].wrapping_add(keys[(group + 1) % 3]);
        x[1] = x[1].wrapping_add(keys[(group + 2) % 3]).wrapping_add(group as u32 + 1);
    }
    x
}
