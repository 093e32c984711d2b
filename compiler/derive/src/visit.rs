//! The method `visit`: all that an item holds, place by place.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;
use syn::ext::IdentExt;

use crate::item::{Field, Item, Variant};
use crate::value::{Order, Value};
use crate::variants::matched;

pub(crate) fn method(item: &Item<'_>, leaf: &Ident) -> TokenStream {
    let body = matched(item, setting(&quote!(self)), |variant| visited(variant, leaf));
    quote! {
        fn visit(&self, visit: &mut dyn ::core::ops::FnMut(::choral::tree::Event<'_, #leaf>)) {
            #body
        }
    }
}

fn setting(value: &TokenStream) -> TokenStream {
    quote!(visit(::choral::tree::Event::Setting(#value)))
}

/// Visits `walk`, one step further in.
fn within(place: &TokenStream, walk: &TokenStream) -> TokenStream {
    quote!({
        visit(::choral::tree::Event::Enter(::choral::tree::Place::#place));
        #walk;
        visit(::choral::tree::Event::Leave);
    })
}

/// Visits the variant's name, then its fields.
fn visited(variant: &Variant<'_>, leaf: &Ident) -> TokenStream {
    let name = variant.name.map(|name| {
        let text = name.unraw().to_string();
        let name = setting(&quote!(&::core::format_args!(#text)));
        quote!(#name;)
    });
    let fields = variant.fields.iter().map(|field| of_field(field, leaf));
    quote!({ #name #(#fields;)* })
}

fn of_field(field: &Field<'_>, leaf: &Ident) -> TokenStream {
    let walk = value(&field.value, &field.binding(), leaf);
    field.place.as_ref().map_or_else(|| walk.clone(), |place| within(place, &walk))
}

/// Visits `place`, a reference.
fn value(kind: &Value<'_>, place: &Ident, leaf: &Ident) -> TokenStream {
    let item = format_ident!("item");
    let inner = |element: &Value<'_>| value(element, &item, leaf);
    match kind {
        Value::Leaf => quote!(visit(::choral::tree::Event::Leaf(#place))),
        Value::Tree(ty) => tree(ty, place, leaf),
        Value::Option(element) => option(place, &inner(element)),
        Value::Box(element) => boxed(place, &inner(element)),
        Value::Vec(element) | Value::Array(element) => items(place, &inner(element)),
        Value::Tuple(elements) => tuple(elements, place, leaf),
        Value::Map(order, element) => entries(*order, place, &inner(element)),
    }
}

fn tree(ty: &Type, place: &Ident, leaf: &Ident) -> TokenStream {
    quote!(<#ty as ::choral::tree::Tree<#leaf>>::visit(#place, visit))
}

fn boxed(place: &Ident, inner: &TokenStream) -> TokenStream {
    quote!({ let item = &**#place; #inner })
}

/// That there is no value is a setting.
fn option(place: &Ident, inner: &TokenStream) -> TokenStream {
    let none = setting(&quote!(&::core::format_args!("None")));
    quote!(match #place {
        ::core::option::Option::Some(item) => { #inner }
        ::core::option::Option::None => #none,
    })
}

fn items(place: &Ident, inner: &TokenStream) -> TokenStream {
    let inner = within(&quote!(Index(index)), inner);
    quote!(for (index, item) in #place.iter().enumerate() { #inner })
}

fn tuple(elements: &[Value<'_>], place: &Ident, leaf: &Ident) -> TokenStream {
    let names: Vec<Ident> = (0..elements.len()).map(|index| format_ident!("item_{index}")).collect();
    let parts = elements
        .iter()
        .zip(&names)
        .enumerate()
        .map(|(index, (element, name))| within(&quote!(Index(#index)), &value(element, name, leaf)));
    quote!({ let (#(#names,)*) = #place; #(#parts)* })
}

fn entries(order: Order, place: &Ident, inner: &TokenStream) -> TokenStream {
    let (entries, inner) = (order.entries(place), within(&quote!(Key(key)), inner));
    quote!(for (key, item) in #entries { #inner })
}
