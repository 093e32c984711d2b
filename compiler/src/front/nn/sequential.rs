//! Layers one after another: a tuple of layers, or a vector of them, is `torch.nn.Sequential`; and layers
//! that only hand their input on, for such chains.
//!
//! ```
//! use choral_compiler::ensemble::FunctionalModule;
//! use choral_compiler::nn::{Flatten, Linear, ReLU};
//! use choral_compiler::{Module, trace};
//! use choral_ir::{DType, Key, Tensor, TensorType};
//! let model = (Flatten::default(), Linear::init(6, 8, Key::new(0)), ReLU, Linear::init(8, 2, Key::new(1)));
//! let names: Vec<String> = model.state_dict().into_keys().collect();
//! assert_eq!(names, ["1.weight", "1.bias", "3.weight", "3.bias"]);
//!
//! let args = (&model.named_parameters(), &model.named_buffers(), &Tensor::randn([5, 2, 3], Key::new(2)));
//! let traced = trace(&FunctionalModule::new(&model), &args)?;
//! assert_eq!(traced.output, TensorType::new([5, 2], DType::F32));
//! # Ok::<(), choral_compiler::Error>(())
//! ```

use super::Forward;
use crate::Module;
use crate::front::trace::var::Var;
use crate::front::tree::Tree;

/// Tuples of layers run them from the first to the last.
macro_rules! tuples {
    ($($First:ident $(, $Layer:ident after $Before:ident)* => $Last:ident;)*) => {$(
        impl<Input, $First, $($Layer,)*> Forward<Input> for ($First, $($Layer,)*)
        where
            $First: Forward<Input>,
            $($Layer: Forward<$Before::Output>,)*
        {
            type Output = $Last::Output;

            #[track_caller]
            #[allow(non_snake_case)]
            fn forward(&mut self, input: &Input) -> Self::Output {
                let ($First, $($Layer,)*) = self;
                let output = $First.forward(input);
                $(let output = $Layer.forward(&output);)*
                output
            }
        }
    )*};
}
tuples! {
    A => A;
    A, B after A => B;
    A, B after A, C after B => C;
    A, B after A, C after B, D after C => D;
    A, B after A, C after B, D after C, E after D => E;
    A, B after A, C after B, D after C, E after D, F after E => F;
    A, B after A, C after B, D after C, E after D, F after E, G after F => G;
    A, B after A, C after B, D after C, E after D, F after E, G after F, H after G => H;
    A, B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H => I;
    A, B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H, J after I => J;
    A, B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H, J after I, K after J => K;
    A, B after A, C after B, D after C, E after D, F after E, G after F, H after G, I after H, J after I, K after J, L after K => L;
}

/// A vector of layers runs them from the first to the last; an empty one hands its input on.
impl<X: Tree<Var> + Clone, M: Forward<X, Output = X>> Forward<X> for Vec<M> {
    type Output = X;

    #[track_caller]
    fn forward(&mut self, input: &X) -> X {
        let mut output = input.clone();
        for layer in self {
            output = layer.forward(&output);
        }
        output
    }
}

/// Hands its input on, as `torch.nn.Identity`.
#[derive(Module, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

impl Forward for Identity {
    type Output = Var;

    fn forward(&mut self, input: &Var) -> Var {
        input.clone()
    }
}

/// Makes some dimensions one, as `torch.nn.Flatten`: all but the first by default.
#[derive(Module, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flatten {
    /// The first of these dimensions.
    pub start_dim: i64,
    /// The last of these dimensions.
    pub end_dim: i64,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten { start_dim: 1, end_dim: -1 }
    }
}

impl Forward for Flatten {
    type Output = Var;

    #[track_caller]
    fn forward(&mut self, input: &Var) -> Var {
        input.flatten(self.start_dim, self.end_dim)
    }
}
