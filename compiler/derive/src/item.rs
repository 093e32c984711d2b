//! What the macro is given: the leaf parameter, the variants, and their fields.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, GenericParam, Generics, Index, Member, Result, Type};

use crate::attribute::{self, Marks};
use crate::value::{self, Value};

/// A struct or an enum.
pub(crate) struct Item<'a> {
    pub(crate) name: &'a Ident,
    pub(crate) generics: &'a Generics,
    /// The first type parameter.
    pub(crate) leaf: Option<&'a Ident>,
    pub(crate) shape: Shape<'a>,
}

/// What an item is made of.
pub(crate) enum Shape<'a> {
    /// An enum without leaves: one setting.
    Setting,
    /// A struct, which is a single variant without a name, or an enum.
    Variants(Vec<Variant<'a>>),
}

/// The fields of a struct, or of one variant of an enum.
pub(crate) struct Variant<'a> {
    pub(crate) name: Option<&'a Ident>,
    pub(crate) fields: Vec<Field<'a>>,
}

/// One field.
pub(crate) struct Field<'a> {
    pub(crate) member: Member,
    pub(crate) value: Value<'a>,
    pub(crate) is_buffer: bool,
    /// Whether it takes the mode that `set_training` is given.
    pub(crate) is_training: bool,
    /// The step into it; none into a flat field, nor into the only field of a tuple variant, which is the
    /// variant itself.
    pub(crate) place: Option<TokenStream>,
}

impl<'a> Item<'a> {
    pub(crate) fn read(item: &'a DeriveInput) -> Result<Item<'a>> {
        attribute::refuse(&item.attrs, "a type")?;
        let leaf = leaf_parameter(&item.generics);
        let shape = match &item.data {
            Data::Struct(data) => Shape::Variants(vec![Variant::read(None, &data.fields, leaf)?]),
            Data::Enum(data) => of_enum(data, leaf)?,
            Data::Union(data) => return Err(Error::new_spanned(data.union_token, NO_UNION)),
        };
        Ok(Item { name: &item.ident, generics: &item.generics, leaf, shape })
    }
}

const NO_UNION: &str = "a union cannot be a module: which of its fields holds leaves is unknown; use an enum";

fn leaf_parameter(generics: &Generics) -> Option<&Ident> {
    generics.params.iter().find_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) | GenericParam::Const(_) => None,
    })
}

fn of_enum<'a>(data: &'a DataEnum, leaf: Option<&'a Ident>) -> Result<Shape<'a>> {
    data.variants.iter().try_for_each(|variant| attribute::refuse(&variant.attrs, "a variant"))?;
    if leaf.is_none() {
        let mut fields = data.variants.iter().flat_map(|variant| &variant.fields);
        fields.try_for_each(|field| attribute::refuse(&field.attrs, "a part of a setting"))?;
        return Ok(Shape::Setting);
    }
    let variants = data.variants.iter();
    collect(variants.map(|variant| Variant::read(Some(&variant.ident), &variant.fields, leaf)))
        .map(Shape::Variants)
}

impl<'a> Variant<'a> {
    fn read(name: Option<&'a Ident>, fields: &'a Fields, leaf: Option<&Ident>) -> Result<Variant<'a>> {
        let is_alone = name.is_some() && fields.len() == 1 && matches!(fields, Fields::Unnamed(_));
        let read = |(position, field): (usize, &'a syn::Field)| {
            let place = (!is_alone).then(|| place(field, position));
            Field::read(field, member(field, position), place, leaf)
        };
        Ok(Variant { name, fields: collect(fields.iter().enumerate().map(read))? })
    }
}

impl<'a> Field<'a> {
    fn read(
        field: &'a syn::Field,
        member: Member,
        place: Option<TokenStream>,
        leaf: Option<&Ident>,
    ) -> Result<Field<'a>> {
        let Marks { is_buffer, is_flat } = Marks::read(&field.attrs)?;
        let place = place.filter(|_| !is_flat);
        let value = Value::read(&field.ty, leaf)?;
        let is_training = matches!(&member, Member::Named(name) if name == "training") && is_bool(&field.ty);
        Ok(Field { member, value, is_buffer, is_training, place })
    }

    /// The variable that the field is bound to.
    pub(crate) fn binding(&self) -> Ident {
        match &self.member {
            Member::Named(name) => format_ident!("field_{}", name),
            Member::Unnamed(index) => format_ident!("field_{}", index.index),
        }
    }

    /// `walk`, one step further in.
    pub(crate) fn within(&self, walk: TokenStream) -> TokenStream {
        match &self.place {
            Some(place) => quote!(at.within(::choral::tree::Segment::#place, |at| #walk)),
            None => walk,
        }
    }
}

fn member(field: &syn::Field, position: usize) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index { index: position as u32, span: field.span() }),
    }
}

fn place(field: &syn::Field, position: usize) -> TokenStream {
    match &field.ident {
        Some(name) => {
            let text = name.unraw().to_string();
            quote_spanned!(name.span()=> Field(#text))
        }
        None => quote!(Index(#position)),
    }
}

fn is_bool(ty: &Type) -> bool {
    matches!(value::bare(ty), Type::Path(path) if path.qself.is_none() && path.path.is_ident("bool"))
}

/// All results, or all errors.
fn collect<X>(results: impl Iterator<Item = Result<X>>) -> Result<Vec<X>> {
    let mut all = Ok(Vec::new());
    for result in results {
        match (&mut all, result) {
            (Ok(items), Ok(item)) => items.push(item),
            (Ok(_), Err(error)) => all = Err(error),
            (Err(_), Ok(_)) => {}
            (Err(errors), Err(error)) => errors.combine(error),
        }
    }
    all
}
