//! The attribute `#[module(...)]` and what it may say where.

use syn::{Attribute, Error, Result};

/// What a field is marked as.
#[derive(Default)]
pub(crate) struct Marks {
    /// `#[module(buffer)]`
    pub(crate) is_buffer: bool,
    /// `#[module(flatten)]`
    pub(crate) is_flat: bool,
}

impl Marks {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Marks> {
        let mut marks = Marks::default();
        for attribute in of_module(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("buffer") {
                    marks.is_buffer = true;
                } else if meta.path.is_ident("flatten") {
                    marks.is_flat = true;
                } else {
                    return Err(meta.error(
                        "the attributes of a module's field are `#[module(buffer)]` and `#[module(flatten)]`",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(marks)
    }
}

/// Refuses the attribute where it has no meaning: on `place`.
pub(crate) fn refuse(attributes: &[Attribute], place: &str) -> Result<()> {
    of_module(attributes).next().map_or(Ok(()), |attribute| {
        let message = format!("`#[module(..)]` belongs on a field that holds leaves, not on {place}");
        Err(Error::new_spanned(attribute, message))
    })
}

fn of_module(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("module"))
}
