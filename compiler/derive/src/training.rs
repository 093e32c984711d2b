//! The method `set_training`: the mode, for the field that holds it and for submodules.
//!
//! A walk is `None` where there is nothing that could take the mode.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use crate::item::{Field, Item};
use crate::value::Value;
use crate::variants::matched;

pub(crate) fn method(item: &Item<'_>, leaf: &Ident) -> TokenStream {
    let body = matched(item, TokenStream::new(), |variant| {
        let fields = variant.fields.iter().filter_map(|field| set(field, leaf));
        quote!({ #(#fields;)* })
    });
    quote! {
        fn set_training(&mut self, training: bool) {
            #body
        }
    }
}

fn set(field: &Field<'_>, leaf: &Ident) -> Option<TokenStream> {
    let place = field.binding();
    if field.is_training {
        return Some(quote!(*#place = training));
    }
    value(&field.value, &place, leaf)
}

/// Puts what `place`, a mutable reference, holds into the mode.
fn value(kind: &Value<'_>, place: &Ident, leaf: &Ident) -> Option<TokenStream> {
    let item = format_ident!("item");
    let inner = |element: &Value<'_>| value(element, &item, leaf);
    match kind {
        Value::Leaf => None,
        Value::Tree(ty) => Some(tree(ty, place, leaf)),
        Value::Box(element) => inner(element).map(|inner| quote!({ let item = &mut **#place; #inner })),
        Value::Option(element) | Value::Vec(element) | Value::Array(element) => {
            inner(element).map(|inner| quote!(for item in #place.iter_mut() { #inner }))
        }
        Value::Tuple(elements) => tuple(elements, place, leaf),
        Value::Map(_, element) => {
            inner(element).map(|inner| quote!(for item in #place.values_mut() { #inner }))
        }
    }
}

fn tree(ty: &Type, place: &Ident, leaf: &Ident) -> TokenStream {
    quote!(<#ty as ::choral::tree::Tree<#leaf>>::set_training(#place, training))
}

fn tuple(elements: &[Value<'_>], place: &Ident, leaf: &Ident) -> Option<TokenStream> {
    let names: Vec<Ident> = (0..elements.len()).map(|index| format_ident!("item_{index}")).collect();
    let parts: Vec<TokenStream> =
        elements.iter().zip(&names).filter_map(|(element, name)| value(element, name, leaf)).collect();
    (!parts.is_empty()).then(|| quote!({ let (#(#names,)*) = #place; #(#parts;)* }))
}
