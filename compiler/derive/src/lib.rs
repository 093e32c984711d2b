//! `derive(Module)`: makes a struct or enum a tree over its leaf type.
//!
//! | module | holds |
//! |---|---|
//! | `item` | what the macro is given: the leaf parameter, variants, fields |
//! | `attribute` | `#[module(...)]` |
//! | `value` | how a field's type holds leaves |
//! | `implementation` | the `impl` and its types |
//! | `map`, `visit`, `training` | one method of `Tree` each |
//! | `variants` | the match over variants that they share |
//!
//! Must not live here: what trees are for; that is the compiler's.
#![forbid(unsafe_code)]

mod attribute;
mod implementation;
mod item;
mod map;
#[cfg(test)]
mod tests;
mod training;
mod value;
mod variants;
mod visit;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `choral::Tree` for a struct or enum, which makes it a `choral::Module`.
///
/// ```text
/// #[derive(Module)]
/// struct Encoder<T> {
///     projection: Linear<T>,           // a submodule: `projection.weight`, `projection.bias`
///     scale: Option<T>,                // a parameter: `scale`
///     mixers: Vec<(T, Linear<T>)>,     // both:        `mixers.0.0`, `mixers.0.1.weight`, ...
///     #[module(buffer)]
///     running_mean: T,                 // a buffer:    `running_mean`
///     heads: usize,                    // a setting
///     training: bool,                  // a setting that follows `train()` and `eval()`
/// }
/// ```
///
/// **Leaves.** The leaf type is the first type parameter, by custom `T`; lifetimes and further
/// parameters stay what they are. Fields of type `T` are parameters, in the order of declaration,
/// and so is every `T` in an `Option`, `Box`, `Vec`, array, tuple or string-keyed map (`IndexMap`,
/// `BTreeMap`, `HashMap`), however nested. All other fields are trees themselves: submodules or
/// settings. A type without a type parameter has settings only.
///
/// **Names.** Named fields go by their name, fields of tuple structs by their position.
///
/// **Attributes.** `#[module(buffer)]` makes the leaves of a field buffers: state that the forward
/// pass itself updates. `#[module(flatten)]` leaves the field's own name out: what it holds goes by the
/// names that it has inside, as if it stood in this module itself.
///
/// **Arguments.** As the only argument of a function, it is what `grad` differentiates by.
///
/// **Training.** A field `training: bool` takes the mode; submodules are put into it.
///
/// **Enums.** The name of the variant is a setting, its fields are those of a struct; the only
/// field of a variant like `Plain(Linear<T>)` adds nothing to the path. An enum without a type
/// parameter is one setting as a whole, and needs `Clone` and `Debug`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    implementation::derive(&item).unwrap_or_else(|error| error.to_compile_error()).into()
}
