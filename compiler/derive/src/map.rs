//! The method `map`: the same item, its leaves replaced.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Type;

use crate::item::{Field, Item, Variant};
use crate::value::{Order, Value};
use crate::variants::matched;

pub(crate) fn method(item: &Item<'_>, leaf: &Ident, other: &Ident) -> TokenStream {
    let clone = quote!(<Self as ::core::clone::Clone>::clone(self));
    let body = matched(item, clone, |variant| construct(item.name, variant, leaf));
    quote! {
        fn map<#other: ::choral::tree::Leaf>(
            &self,
            at: &mut ::choral::tree::Walk,
            leaf: &mut dyn ::core::ops::FnMut(&::choral::tree::Path, &#leaf) -> #other,
        ) -> Self::With<#other> {
            #body
        }
    }
}

/// The variant with all fields mapped.
fn construct(item: &Ident, variant: &Variant<'_>, leaf: &Ident) -> TokenStream {
    let name = variant.name.map(|name| quote!(::#name));
    let fields = variant.fields.iter().map(|field| {
        let (member, mapped) = (&field.member, mapped(field, leaf));
        quote!(#member: #mapped)
    });
    quote!(#item #name { #(#fields),* },)
}

fn mapped(field: &Field<'_>, leaf: &Ident) -> TokenStream {
    let walk = value(&field.value, &field.binding(), leaf);
    field.within(if field.is_buffer { quote!(at.as_buffer(|at| #walk)) } else { walk })
}

/// The value that `place`, a reference, maps to.
fn value(kind: &Value<'_>, place: &Ident, leaf: &Ident) -> TokenStream {
    let item = format_ident!("item");
    let inner = |element: &Value<'_>| value(element, &item, leaf);
    match kind {
        Value::Leaf => quote!(leaf(at.path(), #place)),
        Value::Tree(ty) => tree(ty, place, leaf),
        Value::Option(element) => option(place, &inner(element)),
        Value::Box(element) => boxed(place, &inner(element)),
        Value::Vec(element) => vec(place, &inner(element)),
        Value::Array(element) => array(place, &inner(element)),
        Value::Tuple(elements) => tuple(elements, place, leaf),
        Value::Map(order, element) => entries(*order, place, &inner(element)),
    }
}

fn tree(ty: &Type, place: &Ident, leaf: &Ident) -> TokenStream {
    quote!(<#ty as ::choral::tree::Tree<#leaf>>::map(#place, at, leaf))
}

fn option(place: &Ident, inner: &TokenStream) -> TokenStream {
    quote!(#place.as_ref().map(|item| #inner))
}

fn boxed(place: &Ident, inner: &TokenStream) -> TokenStream {
    quote!({ let item = &**#place; ::std::boxed::Box::new(#inner) })
}

fn vec(place: &Ident, inner: &TokenStream) -> TokenStream {
    let inner = quote!(at.within(::choral::tree::Segment::Index(index), |at| #inner));
    quote!(#place.iter().enumerate().map(|(index, item)| #inner).collect::<::std::vec::Vec<_>>())
}

fn array(place: &Ident, inner: &TokenStream) -> TokenStream {
    let inner = quote!(at.within(::choral::tree::Segment::Index(index), |at| #inner));
    quote!(::core::array::from_fn(|index| { let item = &#place[index]; #inner }))
}

fn tuple(elements: &[Value<'_>], place: &Ident, leaf: &Ident) -> TokenStream {
    let names: Vec<Ident> = (0..elements.len()).map(|index| format_ident!("item_{index}")).collect();
    let parts = elements.iter().zip(&names).enumerate().map(|(index, (element, name))| {
        let inner = value(element, name, leaf);
        quote!(at.within(::choral::tree::Segment::Index(#index), |at| #inner))
    });
    quote!({ let (#(#names,)*) = #place; (#(#parts,)*) })
}

fn entries(order: Order, place: &Ident, inner: &TokenStream) -> TokenStream {
    let entries = order.entries(place);
    let inner = quote!(at.within(::choral::tree::Segment::Key(key.clone()), |at| #inner));
    quote!(#entries.map(|(key, item)| (key.clone(), #inner)).collect())
}
