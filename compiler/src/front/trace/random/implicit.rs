//! Draws without an explicit key: layers such as dropout take the key in scope.
//!
//! A program has no hidden random state: it takes a key as an input, and [`with_key`] puts one in
//! scope. Inside mapped functions each member needs its own key; [`Randomness`] says what members that
//! share a key draw.

use std::cell::RefCell;
use std::panic::Location as Caller;

use choral_ir::op::MemberKey;
pub use choral_ir::op::Randomness;

use super::{fold_in, key_type, uniform};
use crate::front::trace::var::Var;
use crate::front::trace::{collective, record_one};

thread_local! {
    /// Keys in scope, the innermost last, with the number of draws from each so far.
    static KEYS: RefCell<Vec<(Var, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `forward` with `key` (`ui32[2]`, as a [`Key`](choral_ir::Key) converts to) as the source of
/// its random draws: the n-th draw uses `jax.random.fold_in(key, n)`. What a loop's body draws is
/// drawn once: put a key of each step in scope inside.
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

/// Runs `forward` without counting its draws, for passes whose results are discarded.
pub(crate) fn rehearsed<R>(forward: impl FnOnce() -> R) -> R {
    let _restored = Rehearsal(KEYS.with(|keys| keys.borrow().clone()));
    forward()
}

/// Puts the keys and their counts back when dropped, also when the forward pass panics.
struct Rehearsal(Vec<(Var, u32)>);

impl Drop for Rehearsal {
    fn drop(&mut self) {
        KEYS.with(|keys| *keys.borrow_mut() = std::mem::take(&mut self.0));
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

/// The key of this member along every axis in scope.
#[track_caller]
fn of_member(key: &Var) -> Var {
    let at = Caller::caller();
    collective::modes().into_iter().fold(key.clone(), |key, (axis, level, randomness)| {
        record_one(MemberKey { axis, level, randomness }, &[&key], at)
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
        if *key.ty() != key_type() {
            self.fault(format!("dropout: expected a key, {}, got {}", key_type(), key.ty()));
            return self.stand_in();
        }
        self.scope_here("dropout", |x| {
            let key = fold_in(&of_member(&key), f64::from(draw));
            let kept = uniform(&key, x.shape()).lt(1.0 - p);
            let scaled = if p < 1.0 { x / (1.0 - p) } else { x.clone() };
            scaled.where_(&kept, 0.0)
        })
    }
}
