//! Recurrent layers: sequences step by step, as scans over products that were made of all steps at once.
#![allow(clippy::upper_case_acronyms)] // PyTorch's names.

mod cell;
mod step;

use indexmap::IndexMap;

pub use cell::{Cell, GRUCell, LSTMCell, RNNCell};
pub use step::{Elman, GatedUnit, Kind, LongShortTerm, Recurrence};

use super::checks::Checks;
use super::{Forward, RandomKey, init, scoped};
use crate::Module;
use crate::front::trace::control::{scan, scan_reverse};
use crate::front::trace::var::Var;
use crate::front::tree::{Tree, Walk, leaves};

/// `torch.nn.RNN`: the outputs of all steps, and the last hidden states.
pub type RNN<T> = Recurrent<T, Elman>;

/// `torch.nn.GRU`: the outputs of all steps, and the last hidden states.
pub type GRU<T> = Recurrent<T, GatedUnit>;

/// `torch.nn.LSTM`: the outputs of all steps, and the last hidden states and memories.
pub type LSTM<T> = Recurrent<T, LongShortTerm>;

/// Layers that run along a sequence `[L, N, in]`, or `[N, L, in]` with [`batch_first`](Self::batch_first), or
/// `[L, in]` without a batch: each step takes an input and the state that the step before left.
///
/// It returns the last layer's outputs, `[L, N, directions hidden]`, and every layer's last state,
/// `[layers directions, N, hidden]`. The first states are zero unless they come with the input.
///
/// ```
/// use choral_compiler::nn::{Forward, LSTM};
/// use choral_compiler::{Module, Var, trace};
/// use choral_ir::{DType, Key, TensorType};
/// let lstm = LSTM::init(3, 8, Key::new(0)).batch_first();
/// let names: Vec<String> = lstm.state_dict().into_keys().collect();
/// assert_eq!(names, ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]);
///
/// # let lstm = choral_compiler::tree::Tree::map(&lstm, &mut Default::default(), &mut |_, leaf| leaf.ty().clone());
/// let run = |(mut lstm, x): (LSTM<Var>, Var)| lstm.forward(&x);
/// let (output, (hidden, memory)) = trace(&run, &(lstm, TensorType::new([5, 7, 3], DType::F32)))?.output;
/// assert_eq!((output.shape, hidden.shape, memory.shape), (vec![5, 7, 8], vec![1, 5, 8], vec![1, 5, 8]));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[derive(Module, Clone, Debug)]
pub struct Recurrent<T, R: Recurrence> {
    /// With `G` gates `weight_ih_l0` is `[G hidden, in]`, `weight_hh_l0` `[G hidden, hidden]`, and `bias_ih_l0`
    /// and `bias_hh_l0`, if they are there, `[G hidden]`; so on for every layer, and for its way back:
    /// `weight_ih_l0_reverse`.
    #[module(flatten)]
    pub parameters: IndexMap<String, T>,
    /// The steps, and their settings.
    pub kind: Kind<R>,
    /// How many layers there are, each on the outputs of the one before.
    pub num_layers: usize,
    /// Whether each layer also runs from the last step to the first.
    pub bidirectional: bool,
    /// Whether the batch is dimension 0 of inputs and outputs; of states it is dimension 1 all the same.
    pub batch_first: bool,
    /// The probability with which outputs of layers but the last become 0 in training.
    pub dropout: f64,
    /// Whether it drops.
    pub training: bool,
}

impl<T, R: Recurrence> Recurrent<T, R> {
    /// A single layer with PyTorch's initial distribution and defaults: with biases, one direction, the batch
    /// in dimension 1, in training mode.
    #[track_caller]
    pub fn init<K: RandomKey<Leaf = T>>(input_size: usize, hidden_size: usize, key: K) -> Self {
        Self::init_stacked(input_size, hidden_size, 1, false, key)
    }

    /// Several layers, which run in both directions if they are `bidirectional`.
    #[track_caller]
    pub fn init_stacked<K: RandomKey<Leaf = T>>(
        input_size: usize,
        hidden_size: usize,
        num_layers: usize,
        bidirectional: bool,
        key: K,
    ) -> Self {
        let mut parameters = IndexMap::new();
        let mut keys = key;
        for run in runs(num_layers, bidirectional) {
            let input_size = run.input_size(input_size, hidden_size, bidirectional);
            for part in PARTS {
                let [key, others] = keys.split();
                let shape = shape_of::<R>(part, input_size, hidden_size);
                parameters.insert(run.named(part), init::by_fan_in(&shape, hidden_size, &key));
                keys = others;
            }
        }
        Recurrent {
            parameters,
            kind: Kind::default(),
            num_layers,
            bidirectional,
            batch_first: false,
            dropout: 0.0,
            training: true,
        }
    }

    /// The same layers without biases.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.parameters.retain(|name, _| !name.starts_with("bias"));
        self
    }

    /// The same layers with the batch in dimension 0 of inputs and outputs.
    #[must_use]
    pub fn batch_first(self) -> Self {
        Recurrent { batch_first: true, ..self }
    }

    /// The probability with which outputs of layers but the last become 0 in training.
    #[must_use]
    pub fn dropout(self, dropout: f64) -> Self {
        Recurrent { dropout, ..self }
    }
}

impl<T> RNN<T> {
    /// The function of the sum of both products.
    #[must_use]
    pub fn nonlinearity(self, nonlinearity: Elman) -> Self {
        Recurrent { kind: Kind(nonlinearity), ..self }
    }
}

/// What each layer has, for each direction.
const PARTS: [&str; 4] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

/// The shape of a part.
fn shape_of<R: Recurrence>(part: &str, input_size: usize, hidden_size: usize) -> Vec<usize> {
    let gates = R::GATES.saturating_mul(hidden_size);
    match part {
        "weight_ih" => vec![gates, input_size],
        "weight_hh" => vec![gates, hidden_size],
        _ => vec![gates],
    }
}

/// One direction of one layer.
#[derive(Clone, Copy)]
struct Run {
    /// Its position among all of them.
    at: usize,
    layer: usize,
    is_reverse: bool,
}

/// All directions of all layers, in PyTorch's order.
fn runs(num_layers: usize, bidirectional: bool) -> impl Iterator<Item = Run> {
    let directions = 1 + usize::from(bidirectional);
    (0..num_layers.saturating_mul(directions)).map(move |at| Run {
        at,
        layer: at / directions,
        is_reverse: at % directions == 1,
    })
}

impl Run {
    /// The name of a part of its parameters.
    fn named(&self, part: &str) -> String {
        let suffix = if self.is_reverse { "_reverse" } else { "" };
        format!("{part}_l{}{suffix}", self.layer)
    }

    /// The size of what its steps take.
    fn input_size(&self, input_size: usize, hidden_size: usize, bidirectional: bool) -> usize {
        let of_layer = hidden_size.saturating_mul(1 + usize::from(bidirectional));
        if self.layer == 0 { input_size } else { of_layer }
    }
}

/// The parameters of one direction of one layer.
#[derive(Clone, Copy)]
struct Weights<'a> {
    weight_ih: &'a Var,
    weight_hh: &'a Var,
    bias_ih: Option<&'a Var>,
    bias_hh: Option<&'a Var>,
}

impl Weights<'_> {
    /// The products with an input, or with those of all steps.
    fn of_input(&self, input: &Var) -> Var {
        input.linear(self.weight_ih, self.bias_ih)
    }

    /// A hidden state of zeros for a batch of these sizes.
    fn no_state(&self, products: &Var, batch: &[usize]) -> Var {
        let hidden = self.weight_hh.shape().last().copied();
        products.full(batch.iter().copied().chain(hidden).collect::<Vec<_>>(), 0.0)
    }

    /// The next state.
    fn step<R: Recurrence>(&self, kind: &R, products: &Var, state: &R::State) -> R::State {
        kind.step(products, &R::hidden(state).linear(self.weight_hh, self.bias_hh), state)
    }
}

impl<R: Recurrence> Forward for Recurrent<Var, R> {
    type Output = (Var, R::State);

    #[track_caller]
    fn forward(&mut self, input: &Var) -> (Var, R::State) {
        self.run(input, None)
    }
}

/// A sequence and the states before it.
impl<R: Recurrence> Forward<(Var, R::State)> for Recurrent<Var, R> {
    type Output = (Var, R::State);

    #[track_caller]
    fn forward(&mut self, (input, states): &(Var, R::State)) -> (Var, R::State) {
        self.run(input, Some(states))
    }
}

impl<R: Recurrence> Recurrent<Var, R> {
    #[track_caller]
    fn run(&self, input: &Var, states: Option<&R::State>) -> (Var, R::State) {
        let anchor = self.accepts(input, states).then(|| self.parameters.first()).flatten();
        let Some((_, anchor)) = anchor else {
            return (input.stand_in(), R::filled(&input.stand_in()));
        };
        scoped(anchor, input, || {
            let turned = |x: Var| if self.batch_first && x.rank() == 3 { x.transpose(0, 1) } else { x };
            let (outputs, last) = self.layers(turned(input.clone()), states);
            (turned(outputs), last)
        })
    }

    /// All layers on a sequence `[L, N, in]` or `[L, in]`.
    fn layers(&self, mut sequence: Var, states: Option<&R::State>) -> (Var, R::State) {
        let (mut last, mut outputs): (Vec<R::State>, Vec<Var>) = (Vec::new(), Vec::new());
        for run in runs(self.num_layers, self.bidirectional) {
            let (state, output) = self.along(run, &sequence, states);
            last.push(state);
            outputs.push(output);
            if run.is_reverse != self.bidirectional {
                continue;
            }
            sequence = outputs[0].cat(&outputs[1..].iter().collect::<Vec<_>>(), -1);
            outputs.clear();
            if self.training && run.layer + 1 < self.num_layers {
                sequence = sequence.dropout(self.dropout);
            }
        }
        (sequence, stacked::<R>(&last))
    }

    /// One direction of one layer: its last state, and the hidden states of all steps.
    fn along(&self, run: Run, sequence: &Var, states: Option<&R::State>) -> (R::State, Var) {
        let part = |name: &str| self.parameters.get(&run.named(name));
        let (Some(weight_ih), Some(weight_hh)) = (part("weight_ih"), part("weight_hh")) else {
            return (R::filled(&sequence.stand_in()), sequence.stand_in());
        };
        let weights = Weights { weight_ih, weight_hh, bias_ih: part("bias_ih"), bias_hh: part("bias_hh") };
        let products = weights.of_input(sequence);
        let first = match states {
            Some(states) => states.map(&mut Walk::default(), &mut |_, all: &Var| all.select(0, run.at)),
            None => R::filled(&weights.no_state(&products, &sequence.shape()[1..sequence.rank() - 1])),
        };
        let Kind(kind) = &self.kind;
        let body = |state: R::State, products: Var| {
            let state = scoped(weight_hh, &products, || weights.step(kind, &products, &state));
            let hidden = R::hidden(&state).clone();
            (state, hidden)
        };
        if run.is_reverse { scan_reverse(body, first, products) } else { scan(body, first, products) }
    }

    #[track_caller]
    fn accepts(&self, input: &Var, states: Option<&R::State>) -> bool {
        let [weight_ih, weight_hh] = ["weight_ih_l0", "weight_hh_l0"].map(|name| self.parameters.get(name));
        let Some((weight_ih, weight_hh)) = weight_ih.zip(weight_hh) else {
            let checks = Checks::without_parameters(R::NAME, input);
            return checks.ensure(false, || "weight_ih_l0 and weight_hh_l0 are missing".to_owned());
        };
        let checks = Checks::of(R::NAME, weight_ih, input);
        let columns = |weight: &Var| weight.shape().get(1).copied().unwrap_or_default();
        let (input_size, hidden_size) = (columns(weight_ih), columns(weight_hh));
        self.parameters_fit(&checks, input_size, hidden_size)
            && checks.rank(2..=3, "rank 2 or 3, a sequence or a batch of them")
            && checks.ensure(input.size(-1) == input_size, || {
                format!("expected {input_size} numbers in the last dimension, got {}", input.ty())
            })
            && states.is_none_or(|states| {
                let batch = match (input.shape(), self.batch_first) {
                    (&[batch, _, _], true) | (&[_, batch, _], false) => Some(batch),
                    _ => None,
                };
                let shape: Vec<usize> =
                    [self.runs_in_all()].into_iter().chain(batch).chain([hidden_size]).collect();
                let parts = leaves(states);
                checks.shapes(&shape, parts.iter().map(|(_, part)| ("the first state", Some(part))))
            })
    }

    /// Number of layers, counted for each direction.
    fn runs_in_all(&self) -> usize {
        self.num_layers * (1 + usize::from(self.bidirectional))
    }

    /// Whether there are all parameters and no others, in their shapes.
    fn parameters_fit(&self, checks: &Checks<'_>, input_size: usize, hidden_size: usize) -> bool {
        let has_bias = self.parameters.contains_key("bias_ih_l0");
        let parts = if has_bias { &PARTS[..] } else { &PARTS[..2] };
        let fits = |run: Run, part: &str| {
            let name = run.named(part);
            let parameter = self.parameters.get(&name);
            let input_size = run.input_size(input_size, hidden_size, self.bidirectional);
            checks.ensure(parameter.is_some(), || format!("{name} is missing"))
                && checks.shapes(&shape_of::<R>(part, input_size, hidden_size), [(name.as_str(), parameter)])
        };
        runs(self.num_layers, self.bidirectional).all(|run| parts.iter().all(|part| fits(run, part))) && {
            let (expected, got) = (self.runs_in_all() * parts.len(), self.parameters.len());
            checks.ensure(got == expected, || {
                format!("expected {expected} parameters for {} layers, got {got}", self.num_layers)
            })
        }
    }
}

/// The states of all runs as one.
fn stacked<R: Recurrence>(states: &[R::State]) -> R::State {
    let parts: Vec<Vec<Var>> =
        states.iter().map(|state| leaves(state).into_iter().map(|(_, part)| part).collect()).collect();
    let mut at = 0;
    states[0].map(&mut Walk::default(), &mut |_, first: &Var| {
        let others: Vec<&Var> = parts[1..].iter().map(|parts| &parts[at]).collect();
        at += 1;
        first.stack(&others, 0)
    })
}
