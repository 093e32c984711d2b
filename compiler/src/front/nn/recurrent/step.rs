//! From one state to the next: what tells recurrent layers apart.

use std::fmt::Debug;

use crate::Module;
use crate::front::trace::var::Var;
use crate::front::tree::{Event, Leaf, Path, Tree, Walk};

/// How a recurrent layer gets from one state to the next: [`Elman`], [`GatedUnit`] or [`LongShortTerm`].
pub trait Recurrence: Clone + Debug + Default + 'static {
    /// What PyTorch calls layers of this kind.
    const NAME: &'static str;
    /// How many products with the input and with the hidden state a step takes.
    const GATES: usize;
    /// What a step hands to the next one.
    type State: Tree<Var, With<Var> = Self::State> + Clone;

    /// The state whose every part is this value.
    fn filled(value: &Var) -> Self::State;

    /// The part of a state that is the layer's output.
    fn hidden(state: &Self::State) -> &Var;

    /// The next state, from the products with the input and with the hidden state, a gate beside the other.
    fn step(&self, from_input: &Var, from_hidden: &Var, state: &Self::State) -> Self::State;
}

/// Which part of the products belongs to a gate.
fn gate<R: Recurrence>(products: &Var, at: usize) -> Var {
    let size = products.size(-1) / R::GATES;
    products.narrow(-1, at * size, size)
}

/// A nonlinear function of the sum of both products (Elman, 1990).
#[derive(Module, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Elman {
    /// [`Var::tanh`], PyTorch's default.
    #[default]
    Tanh,
    /// [`Var::relu`]
    Relu,
}

impl Recurrence for Elman {
    const NAME: &'static str = "RNN";
    const GATES: usize = 1;
    type State = Var;

    fn filled(value: &Var) -> Var {
        value.clone()
    }

    fn hidden(state: &Var) -> &Var {
        state
    }

    fn step(&self, from_input: &Var, from_hidden: &Var, _: &Var) -> Var {
        let sum = from_input + from_hidden;
        match self {
            Elman::Tanh => sum.tanh(),
            Elman::Relu => sum.relu(),
        }
    }
}

/// Gates that reset the hidden state and that keep it (Cho et al., 2014), in PyTorch's order: reset, update, new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GatedUnit;

impl Recurrence for GatedUnit {
    const NAME: &'static str = "GRU";
    const GATES: usize = 3;
    type State = Var;

    fn filled(value: &Var) -> Var {
        value.clone()
    }

    fn hidden(state: &Var) -> &Var {
        state
    }

    fn step(&self, from_input: &Var, from_hidden: &Var, state: &Var) -> Var {
        let [input, hidden] =
            [from_input, from_hidden].map(|products| [0, 1, 2].map(|at| gate::<Self>(products, at)));
        let reset = (&input[0] + &hidden[0]).sigmoid().renamed("reset");
        let update = (&input[1] + &hidden[1]).sigmoid().renamed("update");
        let new = (&input[2] + reset * &hidden[2]).tanh().renamed("new");
        (state - &new) * update + new
    }
}

/// A memory beside the hidden state, and gates for what comes in, stays and goes out (Hochreiter and Schmidhuber,
/// 1997), in PyTorch's order: input, forget, new, output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LongShortTerm;

impl Recurrence for LongShortTerm {
    const NAME: &'static str = "LSTM";
    const GATES: usize = 4;
    type State = (Var, Var);

    fn filled(value: &Var) -> (Var, Var) {
        (value.clone(), value.clone())
    }

    fn hidden((hidden, _): &(Var, Var)) -> &Var {
        hidden
    }

    fn step(&self, from_input: &Var, from_hidden: &Var, (_, memory): &(Var, Var)) -> (Var, Var) {
        let sum = from_input + from_hidden;
        let [input, forget, new, output] = [0, 1, 2, 3].map(|at| gate::<Self>(&sum, at));
        let input = input.sigmoid().renamed("input");
        let forget = forget.sigmoid().renamed("forget");
        let new = new.tanh().renamed("new");
        let output = output.sigmoid().renamed("output");
        let memory = (forget * memory + input * new).renamed("memory");
        ((output * memory.tanh()).renamed("hidden"), memory)
    }
}

/// The kind of a layer: a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind<R>(pub R);

impl<T: Leaf, R: Recurrence> Tree<T> for Kind<R> {
    type With<U: Leaf> = Kind<R>;
    fn map<U: Leaf>(&self, _: &mut Walk, _: &mut dyn FnMut(&Path, &T) -> U) -> Kind<R> {
        self.clone()
    }
    fn visit(&self, visit: &mut dyn FnMut(Event<'_, T>)) {
        visit(Event::Setting(&self.0));
    }
    fn set_training(&mut self, _: bool) {}
}
