//! How layers are initialised: sources of numbers, and distributions.

use choral_ir::{DType, Key, Tensor, TensorType};

use crate::front::trace::random;
use crate::front::trace::var::Var;
use crate::front::tree::Leaf;

/// What initial numbers are drawn from: a host [`Key`] gives tensors, a key inside a trace gives
/// traced values, the same numbers.
///
/// An initialiser that takes any of them initialises a whole ensemble in one program:
///
/// ```
/// use choral_compiler::nn::{Linear, RandomKey};
/// use choral_compiler::{Module, Var, trace, vmap};
/// use choral_ir::{DType, Key, TensorType};
///
/// #[derive(Module, Clone)]
/// struct Mlp<T> {
///     fc1: Linear<T>,
///     fc2: Linear<T>,
/// }
///
/// impl<T> Mlp<T> {
///     fn init<K: RandomKey<Leaf = T>>(key: K) -> Self {
///         let [fc1, fc2] = key.split();
///         Mlp { fc1: Linear::init(64, 32, fc1), fc2: Linear::init(32, 10, fc2) }
///     }
/// }
///
/// let one = Mlp::init(Key::new(0));
/// let keys = TensorType::new([1000, 2], DType::Ui32); // as of Key::new(0).split_n(1000)
/// let thousand = trace(&vmap(Mlp::init::<Var>, 0), &keys)?.output;
/// assert_eq!(thousand.fc1.weight.shape, [1000, 32, 64]);
/// # assert_eq!(one.fc1.weight.shape(), [32, 64]);
/// # extern crate choral_compiler as choral;
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// A host key panics at the user's line if memory runs out; inside a trace, and so
/// under `jit(Mlp::init::<Var>)` or `vmap`, it is an ordinary error.
pub trait RandomKey: Clone {
    /// What is drawn.
    type Leaf: Constant;

    /// `N` independent keys, as `jax.random.split`.
    fn split<const N: usize>(self) -> [Self; N];

    /// `f32` draws from `[low, high)`, as `jax.random.uniform`.
    fn uniform_between(&self, shape: &[usize], low: f32, high: f32) -> Self::Leaf;

    /// Standard normal `f32` draws, as `jax.random.normal`.
    fn normal(&self, shape: &[usize]) -> Self::Leaf;
}

impl RandomKey for Key {
    type Leaf = Tensor;

    fn split<const N: usize>(self) -> [Key; N] {
        Key::split(self)
    }

    #[track_caller]
    fn uniform_between(&self, shape: &[usize], low: f32, high: f32) -> Tensor {
        let count = TensorType::new(shape, DType::F32).len();
        let draws = Key::uniform_between(*self, count, low, high);
        Tensor::from_fn(shape, |index| draws[index])
    }

    #[track_caller]
    fn normal(&self, shape: &[usize]) -> Tensor {
        Tensor::randn(shape, *self)
    }
}

impl RandomKey for Var {
    type Leaf = Var;

    #[track_caller]
    fn split<const N: usize>(self) -> [Var; N] {
        random::split(&self)
    }

    #[track_caller]
    fn uniform_between(&self, shape: &[usize], low: f32, high: f32) -> Var {
        random::uniform_between(self, shape, low, high)
    }

    #[track_caller]
    fn normal(&self, shape: &[usize]) -> Var {
        random::normal(self, shape)
    }
}

/// A leaf that can start as a constant; traced ones belong to the innermost trace in progress.
pub trait Constant: Leaf {
    /// Every element the one nearest to `value`.
    fn full(shape: &[usize], value: f64, dtype: DType) -> Self;
}

impl Constant for Tensor {
    #[track_caller]
    fn full(shape: &[usize], value: f64, dtype: DType) -> Tensor {
        Tensor::full_of(TensorType::new(shape, dtype), value)
    }
}

impl Constant for Var {
    #[track_caller]
    fn full(shape: &[usize], value: f64, dtype: DType) -> Var {
        Var::anywhere(TensorType::new(shape, dtype), value)
    }
}

/// `value` everywhere, `f32`.
#[track_caller]
pub(super) fn constant<T: Constant>(shape: &[usize], value: f64) -> T {
    T::full(shape, value, DType::F32)
}

/// Uniform in `[-1/sqrt(fan_in), 1/sqrt(fan_in))`: PyTorch's default for weights (Kaiming uniform
/// with `a = sqrt(5)`; He et al., 2015) and for biases.
#[track_caller]
pub(super) fn by_fan_in<K: RandomKey>(shape: &[usize], fan_in: usize, key: &K) -> K::Leaf {
    let bound = if fan_in == 0 { 0.0 } else { 1.0 / (fan_in as f32).sqrt() };
    key.uniform_between(shape, -bound, bound)
}

/// Uniform in `[-bound, bound)` with `bound = sqrt(6 / (in + out))` for `[out, in]` (Glorot and Bengio, 2010).
#[track_caller]
pub(super) fn xavier<K: RandomKey>(shape: [usize; 2], key: &K) -> K::Leaf {
    let both = (shape[0] as f64 + shape[1] as f64).max(1.0);
    let bound = (6.0 / both).sqrt() as f32;
    key.uniform_between(&shape, -bound, bound)
}
