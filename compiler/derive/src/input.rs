//! What the macro is given: the leaf parameter, and the fields of each variant.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, GenericParam, Generics, Index, Member, Result, Type};

/// A struct, or an enum.
pub(crate) struct Item<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) generics: &'a Generics,
    /// The first type parameter.
    pub(crate) leaf: Option<&'a Ident>,
    pub(crate) shape: Shape<'a>,
}

/// What the item is made of.
pub(crate) enum Shape<'a> {
    /// An enum without leaves: one value that settings hold.
    Setting,
    /// A struct (one variant without a name) or an enum.
    Variants(Vec<Variant<'a>>),
}

/// A struct's fields, or those of one variant of an enum.
pub(crate) struct Variant<'a> {
    pub(crate) name: Option<&'a Ident>,
    pub(crate) fields: Vec<Field<'a>>,
}

/// One field.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) ty: &'a Type,
    pub(crate) buffer: bool,
    /// The step into it; `None` for the only field of a tuple variant, which is the variant itself.
    pub(crate) segment: Option<TokenStream>,
}

impl<'a> Item<'a> {
    pub(crate) fn read(item: &'a DeriveInput) -> Result<Item<'a>> {
        let leaf = item.generics.params.iter().find_map(|param| match param {
            GenericParam::Type(param) => Some(&param.ident),
            GenericParam::Lifetime(_) | GenericParam::Const(_) => None,
        });
        let shape = match &item.data {
            Data::Struct(data) => Shape::Variants(vec![variant(None, &data.fields)?]),
            Data::Enum(_) if leaf.is_none() => Shape::Setting,
            Data::Enum(data) => {
                let variants = data.variants.iter();
                Shape::Variants(
                    variants.map(|item| variant(Some(&item.ident), &item.fields)).collect::<Result<_>>()?,
                )
            }
            Data::Union(_) => return Err(Error::new(item.ident.span(), "a union cannot be a module")),
        };
        Ok(Item { name: &item.ident, generics: &item.generics, leaf, shape })
    }
}

fn variant<'a>(name: Option<&'a Ident>, fields: &'a Fields) -> Result<Variant<'a>> {
    let alone = name.is_some() && fields.len() == 1 && matches!(fields, Fields::Unnamed(_));
    let read = |(position, item): (usize, &'a syn::Field)| {
        let member = match &item.ident {
            Some(name) => Member::Named(name.clone()),
            None => Member::Unnamed(Index { index: position as u32, span: item.span() }),
        };
        let segment = (!alone).then(|| segment(item, position));
        Ok(Field { member, ty: &item.ty, buffer: is_buffer(item)?, segment })
    };
    Ok(Variant { name, fields: fields.iter().enumerate().map(read).collect::<Result<_>>()? })
}

/// The step into a field. Spans are the field's, so that errors in its type point at it.
fn segment(field: &syn::Field, position: usize) -> TokenStream {
    match &field.ident {
        Some(name) => {
            let name = name.to_string();
            let name = name.trim_start_matches("r#");
            quote_spanned!(field.span()=> ::choral::tree::Segment::Field(#name))
        }
        None => quote!(::choral::tree::Segment::Index(#position)),
    }
}

fn is_buffer(field: &syn::Field) -> Result<bool> {
    let mut buffer = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("buffer") {
                return Err(meta.error("expected `buffer`: #[module(buffer)]"));
            }
            buffer = true;
            Ok(())
        })?;
    }
    Ok(buffer)
}

impl Field<'_> {
    /// The variable that a field is bound to.
    pub(crate) fn binding(&self) -> Ident {
        match &self.member {
            Member::Named(name) => format_ident!("field_{}", name),
            Member::Unnamed(index) => format_ident!("field_{}", index.index, span = Span::call_site()),
        }
    }

    /// Whether it follows `train()` and `eval()`.
    pub(crate) fn is_training(&self) -> bool {
        let named = matches!(&self.member, Member::Named(name) if name == "training");
        named && matches!(self.ty, Type::Path(path) if path.path.is_ident("bool"))
    }
}
