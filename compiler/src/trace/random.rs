//! Random numbers inside programs: threefry written in elementwise ops, equal to `jax.random`.
//!
//! A program draws nothing by itself: it takes a key as an input. [`with_key`] puts one in scope
//! for the layers that draw.

use std::cell::RefCell;
use std::panic::Location as Caller;

use choral_ir::op::{Binary, Iota};
use choral_ir::{DType, TensorType};

use super::operators::elementwise;
use super::record_with;
use super::var::Var;

thread_local! {
    /// Keys in scope, the innermost last, with the number of draws from each so far.
    static KEYS: RefCell<Vec<(Var, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `forward` with `key` (`ui32[2]`, as a [`Key`](choral_ir::Key) converts to) as the source of
/// its random draws: the n-th draw uses `jax.random.fold_in(key, n)`.
///
/// ```
/// use choral_compiler::{Var, trace, with_key};
/// use choral_ir::{Key, Tensor};
/// let x = Tensor::randn([4, 4], Key::new(0));
/// let key = Tensor::from(Key::new(1));
/// let traced = trace(&|(x, key): (Var, Var)| with_key(&key, || x.dropout(0.5)), &(&x, &key))?;
/// assert_eq!(traced.output, *x.ty());
/// # Ok::<(), choral_compiler::Error>(())
/// ```
pub fn with_key<R>(key: &Var, forward: impl FnOnce() -> R) -> R {
    KEYS.with(|keys| keys.borrow_mut().push((key.clone(), 0)));
    let _scope = Scope;
    forward()
}

/// Takes the innermost key out of scope when dropped, also when the forward pass panics.
struct Scope;

impl Drop for Scope {
    fn drop(&mut self) {
        KEYS.with(|keys| keys.borrow_mut().pop());
    }
}

/// The innermost key in scope, and the number of draws from it before this one.
fn next_key() -> Option<(Var, u32)> {
    KEYS.with(|keys| {
        let mut keys = keys.borrow_mut();
        let (key, draws) = keys.last_mut()?;
        *draws += 1;
        Some((key.clone(), *draws - 1))
    })
}

impl Var {
    /// Zeroes each element with probability `p` and scales the others by `1 / (1 - p)`; draws from
    /// the key in scope ([`with_key`]).
    #[track_caller]
    #[must_use]
    pub fn dropout(&self, p: f64) -> Var {
        if !(0.0..=1.0).contains(&p) {
            self.fault(format!("dropout: expected a probability from 0 to 1, got {p}"));
            return self.stand_in();
        }
        if p == 0.0 {
            return self.clone();
        }
        let Some((key, draw)) = next_key() else {
            self.fault(
                "dropout: training mode draws random numbers, but no key is in scope; wrap the forward pass in \
                 with_key(&key, || ..), or put the model in eval mode"
                    .to_owned(),
            );
            return self.stand_in();
        };
        if *key.ty() != TensorType::new([2], DType::Ui32) {
            self.fault(format!("dropout: a key is tensor<2xui32>, got {}", key.ty()));
            return self.stand_in();
        }
        self.scope_here("dropout", |x| {
            let kept = key.folded_in(draw).uniform(x).lt(1.0 - p);
            let scaled = if p < 1.0 { x / (1.0 - p) } else { x.clone() };
            scaled.where_(&kept, 0.0)
        })
    }

    /// `jax.random.fold_in`.
    fn folded_in(&self, data: u32) -> Var {
        let key = self.key_words();
        let zero = key[0].full(Vec::new(), 0.0);
        let [first, second] = threefry2x32(key, [zero, self.full(Vec::new(), f64::from(data))]);
        first.unsqueeze(0).cat(&[&second.unsqueeze(0)], 0)
    }

    fn key_words(&self) -> [Var; 2] {
        [self.select(0, 0), self.select(0, 1)]
    }

    /// Uniform draws from `[0, 1)` in the shape of `like`, as `jax.random.uniform`.
    fn uniform(&self, like: &Var) -> Var {
        let len = like.ty().len();
        let places = record_with("iota", &[self], Caller::caller(), |builder, _| {
            builder.push(Iota { shape: vec![len], dtype: DType::Ui32, dimension: 0 }, &[])
        });
        let high = places.full([len], 0.0);
        let [first, second] = threefry2x32(self.key_words(), [high, places]);
        // 23 random bits, as the mantissa of a number in [1, 2), less 1.
        let bits = first.logical_xor(second).shifted_right(9);
        let shape: Vec<i64> = like.shape().iter().map(|&size| size as i64).collect();
        (bits.to(DType::F32) * 2f64.powi(-23)).reshape(shape)
    }

    fn shifted_right(&self, bits: u32) -> Var {
        let bits = self.full(Vec::new(), f64::from(bits));
        elementwise(Binary::ShiftRightLogical, &[self, &bits], Caller::caller())
    }

    fn rotated_left(&self, bits: u32) -> Var {
        let left = self.full(Vec::new(), f64::from(bits));
        elementwise(Binary::ShiftLeft, &[self, &left], Caller::caller())
            .logical_or(self.shifted_right(32 - bits))
    }
}

/// Threefry-2x32 with 20 rounds, as [`choral_ir::random::threefry2x32`] on the host.
fn threefry2x32(key: [Var; 2], counter: [Var; 2]) -> [Var; 2] {
    const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];
    let parity = key[0].logical_xor(&key[1]).logical_xor(key[0].full(Vec::new(), f64::from(0x1BD1_1BDAu32)));
    let keys = [key[0].clone(), key[1].clone(), parity];
    let [mut first, mut second] = [&counter[0] + &keys[0], &counter[1] + &keys[1]];
    for group in 0..5 {
        for rotation in ROTATIONS[group % 2] {
            first = &first + &second;
            second = second.rotated_left(rotation).logical_xor(&first);
        }
        first = &first + &keys[(group + 1) % 3];
        second = &second + &keys[(group + 2) % 3] + second.full(Vec::new(), (group + 1) as f64);
    }
    [first, second]
}
