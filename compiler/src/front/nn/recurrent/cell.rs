//! One step of a recurrent layer, as a layer.

use super::step::{Elman, GatedUnit, Kind, LongShortTerm, Recurrence};
use super::{Weights, shape_of};
use crate::Module;
use crate::front::nn::checks::Checks;
use crate::front::nn::{Forward, RandomKey, init, scoped};
use crate::front::trace::var::Var;
use crate::front::tree::leaves;

/// `torch.nn.RNNCell`: the next hidden state.
pub type RNNCell<T> = Cell<T, Elman>;

/// `torch.nn.GRUCell`: the next hidden state.
pub type GRUCell<T> = Cell<T, GatedUnit>;

/// `torch.nn.LSTMCell`: the next hidden state and memory.
pub type LSTMCell<T> = Cell<T, LongShortTerm>;

/// One step of a recurrent layer: of an input `[N, in]` or `[in]` and a state of `[N, hidden]` or `[hidden]`,
/// which is zero where none is given, the next state.
///
/// With `G` gates, `weight_ih` is `[G hidden, in]`, `weight_hh` `[G hidden, hidden]`, and biases `[G hidden]`.
///
/// ```
/// use choral_compiler::nn::LSTMCell;
/// use choral_ir::Key;
/// let cell = LSTMCell::init(3, 8, Key::new(0));
/// assert_eq!((cell.weight_ih.shape(), cell.weight_hh.shape()), (&[32, 3][..], &[32, 8][..]));
/// ```
#[derive(Module, Clone, Debug)]
#[allow(missing_docs)]
pub struct Cell<T, R: Recurrence> {
    pub weight_ih: T,
    pub weight_hh: T,
    pub bias_ih: Option<T>,
    pub bias_hh: Option<T>,
    pub kind: Kind<R>,
}

impl<T, R: Recurrence> Cell<T, R> {
    /// A layer with PyTorch's initial distribution.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(input_size: usize, hidden_size: usize, key: K) -> Self {
        let [weight_ih, weight_hh, bias_ih, bias_hh] = key.split();
        let draw = |name: &str, key: K| {
            init::by_fan_in(&shape_of::<R>(name, input_size, hidden_size), hidden_size, &key)
        };
        Cell {
            weight_ih: draw("weight_ih", weight_ih),
            weight_hh: draw("weight_hh", weight_hh),
            bias_ih: Some(draw("bias_ih", bias_ih)),
            bias_hh: Some(draw("bias_hh", bias_hh)),
            kind: Kind::default(),
        }
    }

    /// The same layer without biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Cell { bias_ih: None, bias_hh: None, ..self }
    }
}

impl<T> RNNCell<T> {
    /// The function of the sum of both products.
    #[must_use]
    pub fn nonlinearity(self, nonlinearity: Elman) -> Self {
        Cell { kind: Kind(nonlinearity), ..self }
    }
}

impl<R: Recurrence> Forward for Cell<Var, R> {
    type Output = R::State;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> R::State {
        self.step(input, None)
    }
}

/// An input and a state.
impl<R: Recurrence> Forward<(Var, R::State)> for Cell<Var, R> {
    type Output = R::State;

    #[track_caller]
    fn forward(&mut self, (input, state): &(Var, R::State)) -> R::State {
        self.step(input, Some(state))
    }
}

impl<R: Recurrence> Cell<Var, R> {
    #[track_caller]
    fn step(&self, input: &Var, state: Option<&R::State>) -> R::State {
        if !self.accepts(input, state) {
            return R::filled(&input.stand_in());
        }
        let Cell { weight_ih, weight_hh, bias_ih, bias_hh, kind: Kind(kind) } = self;
        let weights = Weights { weight_ih, weight_hh, bias_ih: bias_ih.as_ref(), bias_hh: bias_hh.as_ref() };
        scoped(weight_ih, input, || {
            let products = weights.of_input(input);
            let state = state.cloned().unwrap_or_else(|| {
                R::filled(&weights.no_state(&products, &input.shape()[..input.rank() - 1]))
            });
            weights.step(kind, &products, &state)
        })
    }

    #[track_caller]
    fn accepts(&self, input: &Var, state: Option<&R::State>) -> bool {
        let checks = Checks::of(format!("{}Cell", R::NAME), &self.weight_ih, input);
        let Some(([input_size, hidden_size], last)) = self.sizes().zip(input.shape().last()) else {
            let (weight_ih, weight_hh) = (self.weight_ih.ty(), self.weight_hh.ty());
            return checks.ensure(false, || {
                format!(
                    "expected matrices and an input of vectors, got {weight_ih}, {weight_hh} and {}",
                    input.ty()
                )
            });
        };
        let parts = [
            ("weight_ih", Some(&self.weight_ih)),
            ("weight_hh", Some(&self.weight_hh)),
            ("bias_ih", self.bias_ih.as_ref()),
            ("bias_hh", self.bias_hh.as_ref()),
        ];
        let fits = parts
            .into_iter()
            .all(|part| checks.shapes(&shape_of::<R>(part.0, input_size, hidden_size), [part]));
        let hidden = [&input.shape()[..input.rank() - 1], [hidden_size].as_slice()].concat();
        let parts_of_state = state.map(leaves).unwrap_or_default();
        fits && checks.rank(1..=2, "rank 1 or 2, a vector or a batch of them")
            && checks.ensure(*last == input_size, || {
                format!("expected {input_size} numbers in the last dimension, got {}", input.ty())
            })
            && checks.shapes(&hidden, parts_of_state.iter().map(|(_, part)| ("the state", Some(part))))
    }

    /// The sizes of input and hidden state.
    fn sizes(&self) -> Option<[usize; 2]> {
        let columns = |weight: &Var| weight.shape().get(1).copied();
        columns(&self.weight_ih).zip(columns(&self.weight_hh)).map(<[usize; 2]>::from)
    }
}
