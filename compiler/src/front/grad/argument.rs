//! Arguments by their number: those of a tuple are its parts, anything else is one argument.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;

use crate::front::trace::var::Var;
use crate::front::tree::{Leaf, Tree};

/// Arguments, of which number `N` is there: part `N` of a tuple; of anything else, the whole for `N = 0`.
///
/// `derive(Module)` implements it for structures of your own.
#[diagnostic::on_unimplemented(
    message = "there is no argument of this number in `{Self}`",
    note = "arguments are counted from 0: those of a tuple are its parts, anything else is the one argument 0",
    note = "a structure of your own is an argument once it has `derive(Module)`"
)]
pub trait HasArgument<T: Leaf, const N: usize>: Tree<T> {
    /// What the argument is.
    type Argument: Tree<T>;

    /// Whether it is part `N` of the arguments, and not all of them.
    const IS_PART: bool;

    /// The argument.
    fn argument(&self) -> &Self::Argument;
}

/// Types that are one argument.
macro_rules! whole {
    ($(($($parameters:tt)*) $Type:ty;)*) => {$(
        impl<T: Leaf, $($parameters)*> HasArgument<T, 0> for $Type {
            type Argument = Self;
            const IS_PART: bool = false;
            fn argument(&self) -> &Self {
                self
            }
        }
    )*};
}
whole! {
    (X: Tree<T>) Vec<X>;
    (X: Tree<T>, const M: usize) [X; M];
    (X: Tree<T>) Option<X>;
    (X: Tree<T>) Box<X>;
    (X: Tree<T>) IndexMap<String, X>;
    (X: Tree<T>) BTreeMap<String, X>;
    (X: Tree<T>) HashMap<String, X>;
}

impl HasArgument<Var, 0> for Var {
    type Argument = Var;
    const IS_PART: bool = false;
    fn argument(&self) -> &Var {
        self
    }
}

/// One part of a tuple.
macro_rules! part {
    (($($X:ident)*) $Part:ident $index:tt) => {
        impl<T: Leaf, $($X: Tree<T>),*> HasArgument<T, $index> for ($($X,)*) {
            type Argument = $Part;
            const IS_PART: bool = true;
            fn argument(&self) -> &$Part {
                &self.$index
            }
        }
    };
}

/// Every part of tuples.
macro_rules! parts {
    ($($all:tt: $($Part:ident $index:tt),*;)*) => {$($(part! { $all $Part $index })*)*};
}
parts! {
    (A): A 0;
    (A B): A 0, B 1;
    (A B C): A 0, B 1, C 2;
    (A B C D): A 0, B 1, C 2, D 3;
    (A B C D E): A 0, B 1, C 2, D 3, E 4;
    (A B C D E F): A 0, B 1, C 2, D 3, E 4, F 5;
    (A B C D E F G): A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    (A B C D E F G H): A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    (A B C D E F G H I): A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    (A B C D E F G H I J): A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    (A B C D E F G H I J K): A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    (A B C D E F G H I J K L): A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}
