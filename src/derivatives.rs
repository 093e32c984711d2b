//! Derivatives that run: programs of what [`choral_compiler::grad`](mod@choral_compiler::grad) makes of a function.
//!
//! Must not live here: what a derivative is; that is the compiler's.

use choral_compiler::grad::{Alone, Grad, Hessian, Jacobian, ValueAndGrad, WithAux};

use crate::program::{Program, jit};

/// The gradient of a function of one scalar, by its first argument unless [`Program::by`] says otherwise; see
/// [`choral_compiler::grad::grad`].
///
/// ```
/// use choral::prelude::*;
/// let slope = grad(|x: Var| (&x * &x).sum(()));
/// assert_eq!(slope.call(&Tensor::from([1.0f32, 2.0, 3.0]))?.as_slice::<f32>()?, [2.0, 4.0, 6.0]);
/// # Ok::<(), choral::Error>(())
/// ```
pub fn grad<F>(function: F) -> Program<Grad<F>> {
    jit(choral_compiler::grad(function))
}

/// The value of a function of one scalar, and its gradient; see [`grad`].
///
/// ```
/// use choral::prelude::*;
/// let loss = |(w, x): (Var, Var)| (x.matmul(&w)).sum(());
/// let (w, x) = (Tensor::from([1.0f32, 2.0]), Tensor::from([[3.0f32, 4.0], [5.0, 6.0]]));
/// let (value, gradient) = value_and_grad(loss).call((&w, &x))?;
/// assert_eq!(value.item::<f32>()?, 28.0);
/// assert_eq!(gradient.as_slice::<f32>()?, [8.0, 10.0]);
/// # Ok::<(), choral::Error>(())
/// ```
pub fn value_and_grad<F>(function: F) -> Program<ValueAndGrad<F>> {
    jit(choral_compiler::value_and_grad(function))
}

/// The Jacobian of a function, a column at a time: for more results than numbers to differentiate by. Each result's
/// dimensions come first, then those of what it is differentiated by.
///
/// ```
/// use choral::prelude::*;
/// let squares = |x: Var| &x * &x;
/// let jacobian = jacfwd(squares).call(&Tensor::from([1.0f32, 2.0]))?;
/// assert_eq!(jacobian, Tensor::from([[2.0f32, 0.0], [0.0, 4.0]]));
/// # Ok::<(), choral::Error>(())
/// ```
pub fn jacfwd<F>(function: F) -> Program<Jacobian<F>> {
    jit(choral_compiler::jacfwd(function))
}

/// The Jacobian of a function, a row at a time: for fewer results than numbers to differentiate by; see [`jacfwd`].
pub fn jacrev<F>(function: F) -> Program<Jacobian<F>> {
    jit(choral_compiler::jacrev(function))
}

/// The second derivatives of a function, forward over reverse.
///
/// ```
/// use choral::prelude::*;
/// let cubes = |x: Var| (&x * &x * &x).sum(());
/// let hessian = hessian(cubes).call(&Tensor::from([1.0f32, 2.0]))?;
/// assert_eq!(hessian, Tensor::from([[6.0f32, 0.0], [0.0, 12.0]]));
/// # Ok::<(), choral::Error>(())
/// ```
pub fn hessian<F>(function: F) -> Program<Hessian<F>> {
    jit(choral_compiler::hessian(function))
}

/// The methods of derivatives, as programs have them.
macro_rules! methods {
    ($($Derivative:ident)*) => {$(
        impl<F, B, R> Program<$Derivative<F, B, R>> {
            /// Differentiates by other arguments, or by some leaves of one: see [`Argument`](choral_compiler::grad::Argument).
            #[must_use]
            pub fn by<C: Clone>(self, by: C) -> Program<$Derivative<F, C, R>> {
                self.with(|derivative| derivative.by(by))
            }
        }

        impl<F, B> Program<$Derivative<F, B, Alone>> {
            /// The function returns a pair, of which the first part is differentiated, and the second comes beside.
            #[must_use]
            pub fn has_aux(self) -> Program<$Derivative<F, B, WithAux>> {
                self.with($Derivative::has_aux)
            }
        }
    )*};
}
methods!(Grad ValueAndGrad Jacobian Hessian);

impl<F, B, R> Program<Jacobian<F, B, R>> {
    /// Works out this many columns or rows at a time: the same numbers in less memory.
    #[must_use]
    pub fn chunk_size(self, directions: usize) -> Self {
        self.with(|jacobian| jacobian.chunk_size(directions))
    }
}

impl<F, B, R> Program<Hessian<F, B, R>> {
    /// Works out this many columns at a time: the same numbers in less memory.
    #[must_use]
    pub fn chunk_size(self, directions: usize) -> Self {
        self.with(|hessian| hessian.chunk_size(directions))
    }
}
