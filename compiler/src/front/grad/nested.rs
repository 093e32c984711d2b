//! A structure within a structure: what a Jacobian has for each result.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::front::trace::var::Var;
use crate::front::tree::Tree;

/// Results that can hold a `G` in the place of each tensor: tensors, tuples, arrays, vectors and maps.
#[diagnostic::on_unimplemented(
    message = "a Jacobian of `{Self}` has no type",
    note = "the function returns tensors, or tuples, arrays, vectors and maps of them"
)]
pub trait Nested<G: Tree<Var>>: Tree<Var> {
    /// The structure with a `G` in the place of each tensor.
    type Of: Tree<Var>;

    /// That structure, with the next `G` at each place, in order.
    fn nested(&self, next: &mut dyn FnMut() -> G) -> Self::Of;
}

impl<G: Tree<Var>> Nested<G> for Var {
    type Of = G;
    fn nested(&self, next: &mut dyn FnMut() -> G) -> G {
        next()
    }
}

impl<G: Tree<Var>, X: Nested<G>> Nested<G> for Vec<X> {
    type Of = Vec<X::Of>;
    fn nested(&self, next: &mut dyn FnMut() -> G) -> Vec<X::Of> {
        self.iter().map(|part| part.nested(next)).collect()
    }
}

impl<G: Tree<Var>, X: Nested<G>, const N: usize> Nested<G> for [X; N] {
    type Of = [X::Of; N];
    fn nested(&self, next: &mut dyn FnMut() -> G) -> [X::Of; N] {
        std::array::from_fn(|index| self[index].nested(next))
    }
}

macro_rules! maps {
    ($($Map:ident)*) => {$(
        impl<G: Tree<Var>, X: Nested<G>> Nested<G> for $Map<String, X> {
            type Of = $Map<String, X::Of>;
            fn nested(&self, next: &mut dyn FnMut() -> G) -> Self::Of {
                self.iter().map(|(key, part)| (key.clone(), part.nested(next))).collect()
            }
        }
    )*};
}
maps!(IndexMap BTreeMap);

macro_rules! tuples {
    ($(($($X:ident $index:tt),*);)*) => {$(
        impl<G: Tree<Var>, $($X: Nested<G>),*> Nested<G> for ($($X,)*) {
            type Of = ($($X::Of,)*);
            fn nested(&self, next: &mut dyn FnMut() -> G) -> Self::Of {
                ($(self.$index.nested(next),)*)
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
