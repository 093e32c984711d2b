//! `derive(Module)`: makes a struct or enum a tree over its leaf type.
//!
//! Lives here: what the macro reads ([`input`]) and what it writes ([`walk`]). Must not live here:
//! what trees are for; that is the compiler's.
#![forbid(unsafe_code)]

mod input;
mod walk;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `choral::Tree` for a struct or enum, which makes it a `choral::Module`.
///
/// The leaf type is the first type parameter, by custom `T`. Fields of type `T` are the module's
/// parameters (`#[module(buffer)]` makes them buffers), fields with `T` inside are submodules, and
/// all others are settings. A field called `training` of type `bool` follows `train()` and
/// `eval()`. Types without a type parameter are modules without state; enums among them are one
/// setting and need `Clone` and `Debug`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    input::Item::read(&item)
        .and_then(|item| walk::implementation(&item))
        .unwrap_or_else(|error| error.to_compile_error())
        .into()
}
