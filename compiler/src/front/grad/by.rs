//! What is differentiated by: arguments by number, or leaves of one.

use std::fmt;
use std::sync::Arc;

use choral_ir::TensorType;

use super::argument::HasArgument;
use super::error::GradError;
use crate::front::state::State;
use crate::front::trace::var::Var;
use crate::front::tree::{Kind, Path, Segment, Tree, Walk, leaves};

/// What a function of arguments `A` is differentiated by.
pub trait By<A: Tree<Var>> {
    /// The structure of a gradient.
    type Gradient: Tree<Var>;

    /// The numbers of the leaves among those of all arguments, in the order of the gradient's.
    ///
    /// # Errors
    /// If a name is none of the argument's.
    fn selected(&self, args: &A) -> Result<Vec<usize>, GradError>;

    /// The gradient whose leaves are the next of `values`.
    fn gradient(&self, args: &A, values: &mut dyn Iterator<Item = Var>) -> Self::Gradient;
}

/// The argument of this number, from 0: `Argument::<1>`. The gradient has its structure.
///
/// ```
/// use choral_compiler::grad::{Argument, grad};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let loss = |(w, x): (Var, Var)| (w * x).sum(());
/// let args = (TensorType::new([3], DType::F32), TensorType::new([2, 3], DType::F32));
/// let traced = trace(&grad(loss).by(Argument::<1>), &args)?;
/// assert_eq!(traced.output, args.1);
/// let traced = trace(&grad(loss).by((Argument::<1>, Argument::<0>)), &args)?;
/// assert_eq!(traced.output, (args.1, args.0));
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// There has to be one:
///
/// ```compile_fail
/// use choral_compiler::grad::{Argument, grad};
/// use choral_compiler::{Var, trace};
/// use choral_ir::{DType, TensorType};
/// let x = TensorType::new([3], DType::F32);
/// let _ = trace(&grad(|x: Var| x.sum(())).by(Argument::<1>), &x);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument<const N: usize>;

/// Every argument; the gradient has the structure of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AllArguments;

/// Leaves of the argument of this number; the gradient is a map of them by their names in it. Made by
/// [`Argument::parameters`], [`Argument::named`] and [`Argument::leaves`].
#[derive(Debug, Clone)]
pub struct Leaves<const N: usize> {
    which: Which,
}

/// Says of each leaf whether it is meant.
#[derive(Clone)]
enum Which {
    Where(Arc<SaysOfLeaf>),
    Named(Vec<String>),
}

type SaysOfLeaf = dyn Fn(&Path, &TensorType) -> bool + Send + Sync;

impl fmt::Debug for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Where(_) => f.write_str("Where(..)"),
            Which::Named(names) => f.debug_tuple("Named").field(names).finish(),
        }
    }
}

impl<const N: usize> Argument<N> {
    /// Its leaves of which `is_meant` is true, by their path in it and their type.
    pub fn leaves(self, is_meant: impl Fn(&Path, &TensorType) -> bool + Send + Sync + 'static) -> Leaves<N> {
        Leaves { which: Which::Where(Arc::new(is_meant)) }
    }

    /// Its parameters, and none of its buffers.
    ///
    /// ```
    /// use choral_compiler::grad::{Argument, grad};
    /// use choral_compiler::nn::BatchNorm1d;
    /// use choral_compiler::{Forward, Var, trace};
    /// use choral_ir::{Key, Tensor};
    /// let loss = |(mut layer, x): (BatchNorm1d<Var>, Var)| layer.forward(&x).exp().sum(());
    /// let args = (BatchNorm1d::<Tensor>::init(3), Tensor::randn([8, 3], Key::new(0)));
    /// let traced = trace(&grad(loss).by(Argument::<0>.parameters()), &args)?;
    /// assert_eq!(traced.output.keys().collect::<Vec<_>>(), ["weight", "bias"]);
    /// # Ok::<(), choral_compiler::Error>(())
    /// ```
    pub fn parameters(self) -> Leaves<N> {
        self.leaves(|path, _| path.kind() == Kind::Parameter)
    }

    /// Its leaves of these names, as state dicts write them: `"fc1.weight"`.
    pub fn named<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Leaves<N> {
        Leaves { which: Which::Named(names.into_iter().map(str::to_owned).collect()) }
    }
}

/// The leaves of an argument: number among those of all arguments, path in the argument, value.
fn leaves_of<A: HasArgument<Var, N>, const N: usize>(args: &A) -> Vec<(usize, Path, Var)> {
    let is_own = |path: &Path| !A::IS_PART || path.segments().first() == Some(&Segment::Index(N));
    let first = leaves(args).iter().position(|(path, _)| is_own(path)).unwrap_or_default();
    let own = leaves(args.argument()).into_iter().zip(first..);
    own.map(|((path, var), number)| (number, path, var)).collect()
}

/// The structure with its leaves replaced by the next of `values`.
fn refilled<X: Tree<Var>>(tree: &X, values: &mut dyn Iterator<Item = Var>) -> X::With<Var> {
    tree.map(&mut Walk::default(), &mut |_, own: &Var| values.next().unwrap_or_else(|| own.stand_in()))
}

impl<A: HasArgument<Var, N>, const N: usize> By<A> for Argument<N> {
    type Gradient = <A::Argument as Tree<Var>>::With<Var>;

    fn selected(&self, args: &A) -> Result<Vec<usize>, GradError> {
        Ok(leaves_of(args).into_iter().map(|(number, ..)| number).collect())
    }

    fn gradient(&self, args: &A, values: &mut dyn Iterator<Item = Var>) -> Self::Gradient {
        refilled(args.argument(), values)
    }
}

impl<A: Tree<Var>> By<A> for AllArguments {
    type Gradient = A::With<Var>;

    fn selected(&self, args: &A) -> Result<Vec<usize>, GradError> {
        Ok((0..leaves(args).len()).collect())
    }

    fn gradient(&self, args: &A, values: &mut dyn Iterator<Item = Var>) -> Self::Gradient {
        refilled(args, values)
    }
}

impl<const N: usize> Leaves<N> {
    /// The leaves that are meant, each with its number and its name.
    fn found<A: HasArgument<Var, N>>(&self, args: &A) -> Result<Vec<(usize, String)>, GradError> {
        let all = leaves_of(args);
        let named = |(number, path, _): &(usize, Path, Var)| (*number, path.state_name());
        match &self.which {
            Which::Where(is_meant) => {
                let meant = all.iter().filter(|(_, path, var)| is_meant(path, var.ty()));
                Ok(meant.map(named).collect())
            }
            Which::Named(names) => {
                let all: Vec<(usize, String)> = all.iter().map(named).collect();
                let number = |name: &String| all.iter().find(|(_, own)| own == name).cloned();
                let unknown = |name: &String| GradError::Unknown {
                    argument: N,
                    name: name.clone(),
                    names: all.iter().map(|(_, name)| name.clone()).collect(),
                };
                names.iter().map(|name| number(name).ok_or_else(|| unknown(name))).collect()
            }
        }
    }
}

impl<A: HasArgument<Var, N>, const N: usize> By<A> for Leaves<N> {
    type Gradient = State<Var>;

    fn selected(&self, args: &A) -> Result<Vec<usize>, GradError> {
        Ok(self.found(args)?.into_iter().map(|(number, _)| number).collect())
    }

    fn gradient(&self, args: &A, values: &mut dyn Iterator<Item = Var>) -> State<Var> {
        let found = self.found(args).unwrap_or_default();
        found.into_iter().map(|(_, name)| name).zip(values).collect()
    }
}

macro_rules! tuples {
    ($(($($B:ident $index:tt),*);)*) => {$(
        impl<Args: Tree<Var>, $($B: By<Args>),*> By<Args> for ($($B,)*) {
            type Gradient = ($($B::Gradient,)*);

            fn selected(&self, args: &Args) -> Result<Vec<usize>, GradError> {
                Ok([$(self.$index.selected(args)?),*].concat())
            }

            fn gradient(&self, args: &Args, values: &mut dyn Iterator<Item = Var>) -> Self::Gradient {
                ($(self.$index.gradient(args, values),)*)
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
    (A 0, B 1, C 2, D 3, E 4, F 5);
}
