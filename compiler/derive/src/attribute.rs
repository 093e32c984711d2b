//! The attribute `#[module(...)]` and what it may say where.

use syn::{Attribute, Error, Result};

/// Whether a field is marked `#[module(buffer)]`.
pub(crate) fn is_buffer(attributes: &[Attribute]) -> Result<bool> {
    let mut buffer = false;
    for attribute in of_module(attributes) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("buffer") {
                return Err(meta.error("the only attribute of a module's field is `#[module(buffer)]`"));
            }
            buffer = true;
            Ok(())
        })?;
    }
    Ok(buffer)
}

/// Refuses the attribute where it has no meaning: on `place`.
pub(crate) fn refuse(attributes: &[Attribute], place: &str) -> Result<()> {
    of_module(attributes).next().map_or(Ok(()), |attribute| {
        let message = format!("`#[module(buffer)]` belongs on a field that holds leaves, not on {place}");
        Err(Error::new_spanned(attribute, message))
    })
}

fn of_module(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("module"))
}
