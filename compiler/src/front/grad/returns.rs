//! What a function returns: what is differentiated, and what comes beside it.

use crate::front::trace::var::Var;
use crate::front::tree::{Path, Segment, Tree};

/// All results are differentiated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alone;

/// The function returns a pair, of which the first part is differentiated: `(loss, predictions)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WithAux;

/// How results `O` hold what is differentiated: [`Alone`], or [`WithAux`].
#[diagnostic::on_unimplemented(
    message = "`{O}` is not what a function returns that is differentiated so",
    note = "with has_aux() it returns a pair, of which the first part is differentiated"
)]
pub trait Returns<O> {
    /// What is differentiated.
    type Main: Tree<Var>;
    /// A derivative `G`, with what comes beside.
    type Beside<G: Tree<Var>>: Tree<Var>;

    /// Whether the result at a path is differentiated.
    fn is_main(path: &Path) -> bool;

    /// What is differentiated.
    fn main(results: &O) -> &Self::Main;

    /// The derivative, with what comes beside.
    fn beside<G: Tree<Var>>(derivative: G, results: O) -> Self::Beside<G>;
}

impl<O: Tree<Var>> Returns<O> for Alone {
    type Main = O;
    type Beside<G: Tree<Var>> = G;

    fn is_main(_: &Path) -> bool {
        true
    }

    fn main(results: &O) -> &O {
        results
    }

    fn beside<G: Tree<Var>>(derivative: G, _: O) -> G {
        derivative
    }
}

impl<M: Tree<Var>, X: Tree<Var>> Returns<(M, X)> for WithAux {
    type Main = M;
    type Beside<G: Tree<Var>> = (G, X);

    fn is_main(path: &Path) -> bool {
        path.segments().first() == Some(&Segment::Index(0))
    }

    fn main((main, _): &(M, X)) -> &M {
        main
    }

    fn beside<G: Tree<Var>>(derivative: G, (_, aux): (M, X)) -> (G, X) {
        (derivative, aux)
    }
}
