//! The `impl` of `Tree`: its generics, and the frame around the three methods.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, GenericParam, Generics, Result, parse_quote};

use crate::item::Item;
use crate::{map, training, visit};

/// What the macro writes for an item.
pub(crate) fn derive(item: &DeriveInput) -> Result<TokenStream> {
    Item::read(item).map(|item| implementation(&item))
}

fn implementation(item: &Item<'_>) -> TokenStream {
    let leaf = item.leaf.cloned().unwrap_or_else(|| format_ident!("__ChoralLeaf"));
    let other = format_ident!("__ChoralOther");
    let generics = bounded(item, &leaf);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = item.generics.split_for_impl();
    let (name, with) = (item.name, with(item, &other));
    let methods =
        [map::method(item, &leaf, &other), visit::method(item, &leaf), training::method(item, &leaf)];
    let argument = argument(item, &leaf);
    quote! {
        #[automatically_derived]
        #[allow(unused_variables, unused_qualifications, clippy::all, clippy::pedantic)]
        impl #impl_generics ::choral::tree::Tree<#leaf> for #name #type_generics #where_clause {
            type With<#other: ::choral::tree::Leaf> = #name #with;
            #(#methods)*
        }
        #argument
    }
}

/// A structure with leaves is one argument of a function that is differentiated.
fn argument(item: &Item<'_>, leaf: &Ident) -> TokenStream {
    if item.leaf.is_none() {
        return TokenStream::new();
    }
    let generics = bounded(item, leaf);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = item.generics.split_for_impl();
    let name = item.name;
    quote! {
        #[automatically_derived]
        impl #impl_generics ::choral::grad::HasArgument<#leaf, 0> for #name #type_generics #where_clause {
            type Argument = Self;
            const IS_PART: bool = false;
            fn argument(&self) -> &Self {
                self
            }
        }
    }
}

/// The generics of the implementation: those of the item, and `leaf` is a leaf.
fn bounded(item: &Item<'_>, leaf: &Ident) -> Generics {
    let mut generics = item.generics.clone();
    if item.leaf.is_none() {
        generics.params.push(parse_quote!(#leaf));
    }
    generics.make_where_clause().predicates.push(parse_quote!(#leaf: ::choral::tree::Leaf));
    generics
}

/// The generic arguments of the item with leaves of type `other`.
fn with(item: &Item<'_>, other: &Ident) -> TokenStream {
    let arguments = item.generics.params.iter().map(|parameter| match parameter {
        GenericParam::Type(parameter) if Some(&parameter.ident) == item.leaf => other.to_token_stream(),
        GenericParam::Type(parameter) => parameter.ident.to_token_stream(),
        GenericParam::Lifetime(parameter) => parameter.lifetime.to_token_stream(),
        GenericParam::Const(parameter) => parameter.ident.to_token_stream(),
    });
    quote!(<#(#arguments),*>)
}
