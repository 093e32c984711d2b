//! Numbers of several products that one loop makes: the same of all, or a variable.
//!
//! Must not live here: what the numbers mean.

use super::super::text::Text;

/// A number of each product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Each {
    name: String,
    ty: &'static str,
    values: Vec<isize>,
}

impl Each {
    pub(super) fn new(name: impl Into<String>, ty: &'static str, values: Vec<isize>) -> Each {
        Each { name: name.into(), ty, values }
    }

    /// As [`Each::new`], of sizes.
    pub(super) fn sizes(name: impl Into<String>, values: impl IntoIterator<Item = usize>) -> Each {
        Each::new(name, "u32", values.into_iter().map(|value| value as isize).collect())
    }

    /// The number, if it is the same of all.
    pub(super) fn constant(&self) -> Option<isize> {
        let (first, rest) = self.values.split_first()?;
        rest.iter().all(|value| value == first).then_some(*first)
    }

    pub(super) fn is(&self, value: isize) -> bool {
        self.constant() == Some(value)
    }

    /// Whether all are multiples of a number.
    pub(super) fn are_multiples_of(&self, factor: usize) -> bool {
        self.values.iter().all(|value| value.unsigned_abs().is_multiple_of(factor))
    }

    pub(super) fn largest(&self) -> usize {
        self.values.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0)
    }

    /// The expression.
    pub(super) fn text(&self) -> String {
        self.constant().map_or_else(|| self.name.clone(), |value| value.to_string())
    }
}

/// Declares the variables of the product that an item is of, of items numbered through all products, and the item's number
/// among those of its product.
pub(super) fn declare(text: &mut Text, (item, within): (&str, &str), counts: &[usize], all: &[&Each]) {
    if counts.len() == 1 {
        text.line(format!("const auto {within} = {item};"));
        return;
    }
    let varying: Vec<&&Each> = all.iter().filter(|each| each.constant().is_none()).collect();
    text.line(format!("auto {within} = {item};"));
    varying.iter().for_each(|each| text.line(format!("{} {};", each.ty, each.name)));
    let mut end = 0;
    for (product, &count) in counts.iter().enumerate() {
        let start = end;
        end += count;
        let head = match (product, product + 1 == counts.len()) {
            (0, _) => format!("if ({item} < {end})"),
            (_, false) => format!("else if ({item} < {end})"),
            (_, true) => "else".to_owned(),
        };
        text.block(head, |text| {
            if start > 0 {
                text.line(format!("{within} -= {start};"));
            }
            for each in &varying {
                text.line(format!("{} = {};", each.name, each.values[product]));
            }
        });
    }
}

/// Declares the indices of a flat index in row-major order, in variables that begin with `name`.
pub(super) fn indices(text: &mut Text, name: &str, at: &str, sizes: &[&Each]) -> Vec<String> {
    let mut rest = at.to_owned();
    let mut names: Vec<String> = (0..sizes.len()).map(|dim| format!("{name}{dim}")).collect();
    for (dim, size) in sizes.iter().enumerate().rev() {
        if size.is(1) {
            names[dim] = "0".to_owned();
        } else if dim == 0 {
            text.line(format!("const u32 {} = {rest};", names[dim]));
        } else {
            text.line(format!("const u32 {} = {rest} % {};", names[dim], size.text()));
            text.line(format!("const u32 {name}_over_{dim} = {rest} / {};", size.text()));
            rest = format!("{name}_over_{dim}");
        }
    }
    names
}

/// Where the element at these indices lies from where the first does, in a type.
pub(super) fn offset<'a>(ty: &str, names: &[String], strides: impl IntoIterator<Item = &'a Each>) -> String {
    let terms = names.iter().zip(strides).filter(|(name, stride)| *name != "0" && !stride.is(0));
    let terms: Vec<String> =
        terms
            .map(|(name, stride)| {
                if stride.is(1) {
                    format!("({ty}){name}")
                } else {
                    format!("({ty}){name} * {}", stride.text())
                }
            })
            .collect();
    if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_of_all_is_no_variable() {
        let (size, stride) = (Each::sizes("size", [3, 4]), Each::new("stride", "i32", vec![7, 7]));
        let mut text = Text::default();
        declare(&mut text, ("item", "tile"), &[2, 5], &[&size, &stride]);
        let names = indices(&mut text, "r", "row", &[&size, &size]);
        text.line(offset("i32", &names, [&stride, &size]));
        let expected = "\
auto tile = item;
u32 size;
if (item < 2) {
    size = 3;
}
else {
    tile -= 2;
    size = 4;
}
const u32 r1 = row % size;
const u32 r_over_1 = row / size;
const u32 r0 = r_over_1;
(i32)r0 * 7 + (i32)r1 * size
";
        assert_eq!(text.into_string(), expected);
    }
}
