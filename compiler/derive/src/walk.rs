//! What the macro writes: one walk over the fields for each method of `Tree`.
//!
//! A field of the leaf type itself, or of a container of it, is walked by its syntax, because the
//! compiler cannot know what a leaf parameter maps to; every other field is walked by its own
//! implementation of `Tree`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, GenericArgument, GenericParam, PathArguments, Result, Type, parse_quote};

use crate::input::{Field, Item, Shape, Variant};

/// The three walks that an implementation consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Walk {
    Map,
    Settings,
    SetTraining,
}

pub(crate) fn implementation(item: &Item<'_>) -> Result<TokenStream> {
    let Item { name, generics, leaf, shape } = item;
    let mut generics_of_impl = (*generics).clone();
    let leaf = match leaf {
        Some(leaf) => (*leaf).clone(),
        None => {
            let leaf = format_ident!("ChoralLeaf");
            generics_of_impl.params.push(parse_quote!(#leaf));
            leaf
        }
    };
    generics_of_impl.make_where_clause().predicates.push(parse_quote!(#leaf: ::choral::tree::Leaf));
    let (impl_generics, _, where_clause) = generics_of_impl.split_for_impl();
    let (_, type_generics, _) = generics.split_for_impl();
    let with = with(item);
    let body = |walk| match shape {
        Shape::Setting => Ok(setting(walk)),
        Shape::Variants(variants) => variants_body(walk, variants, &leaf),
    };
    let (map, settings, set_training) = (body(Walk::Map)?, body(Walk::Settings)?, body(Walk::SetTraining)?);
    Ok(quote! {
        #[automatically_derived]
        #[allow(unused_variables, unused_qualifications, clippy::all)]
        impl #impl_generics ::choral::tree::Tree<#leaf> for #name #type_generics #where_clause {
            type With<ChoralOther: ::choral::tree::Leaf> = #name #with;

            fn map<ChoralOther: ::choral::tree::Leaf>(
                &self,
                at: &mut ::choral::tree::Path,
                leaf: &mut dyn FnMut(&::choral::tree::Path, &#leaf) -> ChoralOther,
            ) -> Self::With<ChoralOther> {
                #map
            }

            fn settings(
                &self,
                at: &mut ::choral::tree::Path,
                visit: &mut dyn FnMut(&::choral::tree::Path, ::std::string::String),
            ) {
                #settings
            }

            fn set_training(&mut self, training: bool) {
                #set_training
            }
        }
    })
}

/// The generic arguments of the item with other leaves.
fn with(item: &Item<'_>) -> TokenStream {
    let arguments = item.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) if Some(&param.ident) == item.leaf => quote!(ChoralOther),
        GenericParam::Type(param) => {
            let name = &param.ident;
            quote!(#name)
        }
        GenericParam::Lifetime(param) => {
            let name = &param.lifetime;
            quote!(#name)
        }
        GenericParam::Const(param) => {
            let name = &param.ident;
            quote!(#name)
        }
    });
    quote!(<#(#arguments),*>)
}

fn setting(walk: Walk) -> TokenStream {
    match walk {
        Walk::Map => quote!(::core::clone::Clone::clone(self)),
        Walk::Settings => quote!(visit(at, ::std::format!("{:?}", self))),
        Walk::SetTraining => quote!(),
    }
}

fn variants_body(walk: Walk, variants: &[Variant<'_>], leaf: &Ident) -> Result<TokenStream> {
    let arms = variants.iter().map(|variant| arm(walk, variant, leaf)).collect::<Result<Vec<_>>>()?;
    Ok(if arms.is_empty() { quote!(match *self {}) } else { quote!(match self { #(#arms)* }) })
}

fn arm(walk: Walk, variant: &Variant<'_>, leaf: &Ident) -> Result<TokenStream> {
    let path = match variant.name {
        Some(name) => quote!(Self::#name),
        None => quote!(Self),
    };
    let members: Vec<_> = variant.fields.iter().map(|field| &field.member).collect();
    let bindings: Vec<Ident> = variant.fields.iter().map(Field::binding).collect();
    let steps: Vec<TokenStream> = variant
        .fields
        .iter()
        .zip(&bindings)
        .map(|(field, binding)| step(walk, field, binding, leaf))
        .collect::<Result<_>>()?;
    let body = match walk {
        Walk::Map => match variant.name {
            Some(name) => quote!(Self::With::<ChoralOther>::#name { #(#members: #steps),* }),
            None => quote!(Self::With::<ChoralOther> { #(#members: #steps),* }),
        },
        Walk::Settings => {
            let chosen = variant.name.map(|name| {
                let name = name.to_string();
                quote!(visit(at, ::std::string::String::from(#name));)
            });
            quote!({ #chosen #(#steps;)* })
        }
        Walk::SetTraining => quote!({ #(#steps;)* }),
    };
    Ok(quote!(#path { #(#members: #bindings),* } => #body,))
}

/// The walk into one field.
fn step(walk: Walk, field: &Field<'_>, binding: &Ident, leaf: &Ident) -> Result<TokenStream> {
    if walk == Walk::SetTraining && field.is_training() {
        return Ok(quote!(*#binding = training));
    }
    let inner = value(walk, field.ty, &quote!(#binding), leaf)?;
    if walk == Walk::SetTraining {
        return Ok(inner);
    }
    let inner = if field.buffer { quote!(at.as_buffer(|at| #inner)) } else { inner };
    Ok(match &field.segment {
        Some(segment) => quote!(at.within(#segment, |at| #inner)),
        None => inner,
    })
}

/// The walk into a value of type `ty`, which `place` refers to.
fn value(walk: Walk, ty: &Type, place: &TokenStream, leaf: &Ident) -> Result<TokenStream> {
    if is_leaf(ty, leaf) {
        return Ok(match walk {
            Walk::Map => quote!(leaf(at, #place)),
            Walk::Settings | Walk::SetTraining => quote!(()),
        });
    }
    if !holds_bare_leaf(ty, leaf) {
        return Ok(match walk {
            Walk::Map => quote!(<#ty as ::choral::tree::Tree<#leaf>>::map(#place, at, leaf)),
            Walk::Settings => quote!(<#ty as ::choral::tree::Tree<#leaf>>::settings(#place, at, visit)),
            Walk::SetTraining => {
                quote!(<#ty as ::choral::tree::Tree<#leaf>>::set_training(#place, training))
            }
        });
    }
    match ty {
        Type::Tuple(tuple) => {
            let index = (0..tuple.elems.len()).map(syn::Index::from);
            let parts = tuple.elems.iter().zip(index).enumerate().map(|(position, (ty, index))| {
                let place = match walk {
                    Walk::SetTraining => quote!(&mut #place.#index),
                    Walk::Map | Walk::Settings => quote!(&#place.#index),
                };
                let inner = value(walk, ty, &place, leaf)?;
                Ok(indexed(walk, &quote!(#position), &inner))
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            Ok(quote!((#(#parts,)*)))
        }
        Type::Array(array) => {
            let inner = value(walk, &array.elem, &quote!(item), leaf)?;
            let inner = indexed(walk, &quote!(index), &inner);
            Ok(match walk {
                Walk::Map => quote!(::std::array::from_fn(|index| { let item = &#place[index]; #inner })),
                Walk::Settings => quote!(for (index, item) in #place.iter().enumerate() { #inner }),
                Walk::SetTraining => quote!(for item in #place.iter_mut() { #inner }),
            })
        }
        _ => container(walk, ty, place, leaf),
    }
}

/// The walk into an `Option`, `Box` or `Vec` of leaves.
fn container(walk: Walk, ty: &Type, place: &TokenStream, leaf: &Ident) -> Result<TokenStream> {
    let unknown = || {
        let message = format!(
            "a module cannot hold leaves in this type; use {leaf}, Option, Box, Vec, an array, a tuple, or a module of them"
        );
        Error::new_spanned(ty, message)
    };
    let (name, element) = generic_of_one(ty).ok_or_else(unknown)?;
    let inner = value(walk, element, &quote!(item), leaf)?;
    match name.to_string().as_str() {
        "Option" => Ok(match walk {
            Walk::Map => quote!(#place.as_ref().map(|item| #inner)),
            Walk::Settings => quote!(match #place {
                Some(item) => { #inner; }
                None => visit(at, ::std::string::String::from("None")),
            }),
            Walk::SetTraining => quote!(if let Some(item) = #place { #inner; }),
        }),
        "Box" => Ok(match walk {
            Walk::Map => quote!({ let item = &**#place; ::std::boxed::Box::new(#inner) }),
            Walk::Settings => quote!({ let item = &**#place; #inner; }),
            Walk::SetTraining => quote!({ let item = &mut **#place; #inner; }),
        }),
        "Vec" => {
            let inner = indexed(walk, &quote!(index), &inner);
            Ok(match walk {
                Walk::Map => quote!(#place.iter().enumerate().map(|(index, item)| #inner).collect()),
                Walk::Settings => quote!(for (index, item) in #place.iter().enumerate() { #inner; }),
                Walk::SetTraining => quote!(for item in #place.iter_mut() { #inner; }),
            })
        }
        _ => Err(unknown()),
    }
}

/// A walk one index further in.
fn indexed(walk: Walk, index: &TokenStream, inner: &TokenStream) -> TokenStream {
    match walk {
        Walk::Map | Walk::Settings => quote!(at.within(::choral::tree::Segment::Index(#index), |at| #inner)),
        Walk::SetTraining => quote!({ #inner; }),
    }
}

fn is_leaf(ty: &Type, leaf: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.is_ident(leaf))
}

/// Whether the leaf parameter itself is an element of this container: so in `Option<T>` and
/// `Vec<(T, Linear<T>)>`, not so in `Vec<Linear<T>>`.
fn holds_bare_leaf(ty: &Type, leaf: &Ident) -> bool {
    let holds = |ty: &Type| is_leaf(ty, leaf) || holds_bare_leaf(ty, leaf);
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().any(holds),
        Type::Array(array) => holds(&array.elem),
        Type::Paren(inner) => holds(&inner.elem),
        _ => generic_of_one(ty).is_some_and(|(name, element)| {
            let standard = ["Option", "Box", "Vec"].iter().any(|known| name == known);
            standard && holds(element)
        }),
    }
}

/// The name and the argument of a type like `Vec<T>`.
fn generic_of_one(ty: &Type) -> Option<(&Ident, &Type)> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.iter().collect::<Vec<_>>().as_slice() {
        [GenericArgument::Type(element)] => Some((&segment.ident, element)),
        _ => None,
    }
}
