//! A match over the variants of an item: the frame of each method's body.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Member;

use crate::item::{Field, Item, Shape, Variant};

/// The body of a method: `setting` for an enum without leaves, else a match with one arm for each
/// variant, whose fields are bound.
pub(crate) fn matched(
    item: &Item<'_>,
    setting: TokenStream,
    arm: impl Fn(&Variant<'_>) -> TokenStream,
) -> TokenStream {
    let variants = match &item.shape {
        Shape::Setting => return setting,
        Shape::Variants(variants) if variants.is_empty() => return quote!(match *self {}),
        Shape::Variants(variants) => variants,
    };
    let arms = variants.iter().map(|variant| {
        let (pattern, arm) = (pattern(variant), arm(variant));
        quote!(#pattern => #arm)
    });
    quote!(match self { #(#arms)* })
}

fn pattern(variant: &Variant<'_>) -> TokenStream {
    let name = variant.name.map(|name| quote!(::#name));
    let members: Vec<&Member> = variant.fields.iter().map(|field| &field.member).collect();
    let bindings = variant.fields.iter().map(Field::binding);
    quote!(Self #name { #(#members: #bindings),* })
}
