//! The method `settings`: what an item holds besides leaves, as text.
//!
//! A walk is `None` where there is no setting to visit.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;
use syn::ext::IdentExt;

use crate::item::{Field, Item, Variant};
use crate::value::{Order, Value};
use crate::variants::matched;

pub(crate) fn method(item: &Item<'_>, leaf: &Ident) -> TokenStream {
    let text = quote!(visit(at.path(), ::std::format!("{:?}", self)));
    let body = matched(item, text, |variant| visit(variant, leaf));
    quote! {
        fn settings(
            &self,
            at: &mut ::choral::tree::Walk,
            visit: &mut dyn ::core::ops::FnMut(&::choral::tree::Path, ::std::string::String),
        ) {
            #body
        }
    }
}

/// Visits the variant's name, then its fields.
fn visit(variant: &Variant<'_>, leaf: &Ident) -> TokenStream {
    let name = variant.name.map(|name| {
        let text = name.unraw().to_string();
        quote!(visit(at.path(), ::std::string::String::from(#text));)
    });
    let fields = variant.fields.iter().filter_map(|field| visited(field, leaf));
    quote!({ #name #(#fields;)* })
}

fn visited(field: &Field<'_>, leaf: &Ident) -> Option<TokenStream> {
    value(&field.value, &field.binding(), leaf).map(|walk| field.within(walk))
}

/// Visits the settings of `place`, a reference.
fn value(kind: &Value<'_>, place: &Ident, leaf: &Ident) -> Option<TokenStream> {
    let item = format_ident!("item");
    let inner = |element: &Value<'_>| value(element, &item, leaf);
    match kind {
        Value::Leaf => None,
        Value::Tree(ty) => Some(tree(ty, place, leaf)),
        Value::Option(element) => Some(option(place, inner(element))),
        Value::Box(element) => inner(element).map(|inner| quote!({ let item = &**#place; #inner })),
        Value::Vec(element) | Value::Array(element) => inner(element).map(|inner| items(place, &inner)),
        Value::Tuple(elements) => tuple(elements, place, leaf),
        Value::Map(order, element) => inner(element).map(|inner| entries(*order, place, &inner)),
    }
}

fn tree(ty: &Type, place: &Ident, leaf: &Ident) -> TokenStream {
    quote!(<#ty as ::choral::tree::Tree<#leaf>>::settings(#place, at, visit))
}

/// That there is no value is a setting even where the value would have none.
fn option(place: &Ident, inner: Option<TokenStream>) -> TokenStream {
    quote!(match #place {
        ::core::option::Option::Some(item) => { #inner }
        ::core::option::Option::None => visit(at.path(), ::std::string::String::from("None")),
    })
}

fn items(place: &Ident, inner: &TokenStream) -> TokenStream {
    let inner = quote!(at.within(::choral::tree::Segment::Index(index), |at| #inner));
    quote!(for (index, item) in #place.iter().enumerate() { #inner })
}

fn tuple(elements: &[Value<'_>], place: &Ident, leaf: &Ident) -> Option<TokenStream> {
    let names: Vec<Ident> = (0..elements.len()).map(|index| format_ident!("item_{index}")).collect();
    let parts = elements.iter().zip(&names).enumerate().filter_map(|(index, (element, name))| {
        let inner = value(element, name, leaf)?;
        Some(quote!(at.within(::choral::tree::Segment::Index(#index), |at| #inner)))
    });
    let parts: Vec<TokenStream> = parts.collect();
    (!parts.is_empty()).then(|| quote!({ let (#(#names,)*) = #place; #(#parts;)* }))
}

fn entries(order: Order, place: &Ident, inner: &TokenStream) -> TokenStream {
    let entries = order.entries(place);
    let inner = quote!(at.within(::choral::tree::Segment::Key(key.clone()), |at| #inner));
    quote!(for (key, item) in #entries { #inner })
}
