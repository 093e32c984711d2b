//! Places of elements: indices from numbers, and offsets from indices.
//!
//! Must not live here: pointers.

use choral_kernels::access::Dim;

use super::text::Text;

/// Indices along some dimensions, as variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Indices {
    names: Vec<String>,
    sizes: Vec<usize>,
}

/// The type that counts up to a number.
pub(super) fn counter(count: usize) -> &'static str {
    if count <= u32::MAX as usize / 2 { "u32" } else { "u64" }
}

impl Indices {
    /// Declares the indices of element number `at` in row-major order, in variables that begin with `name`.
    pub(super) fn declare(text: &mut Text, name: &str, at: &str, sizes: &[usize]) -> Indices {
        let count: usize = sizes.iter().product();
        let ty = counter(count);
        let names: Vec<String> = (0..sizes.len()).map(|dim| format!("{name}{dim}")).collect();
        let mut inner = 1;
        for (dim, &size) in sizes.iter().enumerate().rev() {
            let quotient = if inner == 1 { at.to_owned() } else { format!("{at} / {inner}") };
            let is_outermost = inner * size == count;
            let index = match (size, is_outermost) {
                (1, _) => "0".to_owned(),
                (_, true) => quotient,
                (_, false) if inner == 1 => format!("{quotient} % {size}"),
                (_, false) => format!("({quotient}) % {size}"),
            };
            text.line(format!("const {ty} {} = {index};", names[dim]));
            inner *= size;
        }
        Indices { names, sizes: sizes.to_vec() }
    }

    /// Of variables that there are already.
    pub(super) fn named(names: &[String], sizes: &[usize]) -> Indices {
        Indices { names: names.to_vec(), sizes: sizes.to_vec() }
    }

    /// The variable of a dimension.
    pub(super) fn name(&self, dim: usize) -> &str {
        &self.names[dim]
    }

    /// These, and then others.
    pub(super) fn and(&self, others: &Indices) -> Indices {
        Indices {
            names: [self.names.as_slice(), &others.names].concat(),
            sizes: [self.sizes.as_slice(), &others.sizes].concat(),
        }
    }

    /// The first so many, and the rest.
    pub(super) fn split(&self, at: usize) -> (Indices, Indices) {
        let of = |range: std::ops::Range<usize>| Indices {
            names: self.names[range.clone()].to_vec(),
            sizes: self.sizes[range].to_vec(),
        };
        (of(0..at), of(at..self.names.len()))
    }

    /// Where the element at these indices lies, by a stride for each of them.
    pub(super) fn offset(&self, first: isize, strides: impl IntoIterator<Item = isize>) -> String {
        let strides: Vec<isize> = strides.into_iter().collect();
        let moving = || strides.iter().zip(&self.sizes).filter(|(stride, size)| **stride != 0 && **size > 1);
        let reach = moving().map(|(stride, size)| stride.unsigned_abs() * (size - 1)).sum::<usize>();
        let is_short = first >= 0
            && moving().all(|(stride, _)| *stride > 0)
            && first.unsigned_abs() + reach <= u32::MAX as usize / 2;
        let cast = if is_short { "" } else { "(i64)" };
        let mut terms = Vec::new();
        if first != 0 {
            terms.push(first.to_string());
        }
        for ((stride, size), name) in strides.iter().zip(&self.sizes).zip(&self.names) {
            match stride {
                0 => {}
                _ if *size == 1 => {}
                1 => terms.push(format!("{cast}{name}")),
                _ => terms.push(format!("{cast}{name} * {stride}")),
            }
        }
        if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") }
    }

    /// As [`Indices::offset`], by the dimensions of an access.
    pub(super) fn place(&self, first: isize, dims: &[Dim]) -> String {
        self.offset(first, dims.iter().map(|&(_, stride)| stride))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_count_in_row_major_order() {
        let mut text = Text::default();
        let indices = Indices::declare(&mut text, "i", "at", &[2, 1, 3, 4]);
        assert_eq!(
            text.into_string(),
            "const u32 i3 = at % 4;\nconst u32 i2 = (at / 4) % 3;\nconst u32 i1 = 0;\nconst u32 i0 = at / 12;\n"
        );
        assert_eq!(indices.offset(5, [12, 7, 4, 1]), "5 + i0 * 12 + i2 * 4 + i3");
        assert_eq!(indices.offset(0, [0, 0, 0, -1]), "(i64)i3 * -1");
        assert_eq!(indices.offset(0, [0; 4]), "0");
    }
}
