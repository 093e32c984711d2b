//! Windows: the elements under their places, in order, and the initial values that stand where there is none.
//!
//! Must not live here: what is done with the elements.

use choral_kernels::Number;
use choral_kernels::access::Elements;
use choral_kernels::window::{Initial, WindowDim};

use super::Missing;
use super::number::{literal, load, widened};
use super::places::{Indices, counter};
use super::text::Text;

/// What a fold starts from, in registers: that of the result at these indices.
pub(super) fn start(number: Number, initial: &Initial, result: &Indices) -> String {
    match initial {
        Initial::Constant(bits) if number != number.in_registers() => {
            widened(number, &literal(Number::U16, *bits))
        }
        Initial::Constant(bits) => literal(number, *bits),
        Initial::Load(from) => {
            let place = result.place(from.access.offset, &from.access.dims);
            load(number, &format!("b{}", from.buffer), &place)
        }
    }
}

/// The windows of all dimensions.
#[derive(Debug, Clone)]
pub(super) struct Spans<'a> {
    pub(super) windows: &'a [WindowDim],
    /// The sizes of each dimension in input and result.
    pub(super) sizes: Vec<[usize; 2]>,
    /// Whether places are taken from the last one to the first.
    pub(super) is_backward: bool,
}

/// A place of a window: the element there.
#[derive(Debug, Clone, Default)]
pub(super) struct Under {
    names: Vec<String>,
    sizes: Vec<usize>,
    /// A variable that says whether there is one, if there isn't always.
    is_inside: Option<String>,
}

impl Under {
    /// The indices of the element.
    fn indices(&self) -> Indices {
        Indices::named(&self.names, &self.sizes)
    }

    /// The element of some input, or the value that stands for it where there is none.
    pub(super) fn element(&self, number: Number, from: &Elements, outside: &str) -> String {
        let place = self.indices().place(from.access.offset, &from.access.dims);
        let element = load(number, &format!("b{}", from.buffer), &place);
        match &self.is_inside {
            None => element,
            Some(is_inside) => format!("{is_inside} ? {element} : {outside}"),
        }
    }
}

impl Spans<'_> {
    /// Goes through the places of the window of the result at these indices, in row-major order.
    ///
    /// # Errors
    /// That of `within`.
    pub(super) fn each(
        &self,
        text: &mut Text,
        result: &Indices,
        mut within: impl FnMut(&mut Text, &Under) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        self.dims(text, result, Under::default(), &mut within)
    }

    /// The dimensions from the next one on.
    fn dims(
        &self,
        text: &mut Text,
        result: &Indices,
        outer: Under,
        within: &mut dyn FnMut(&mut Text, &Under) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        let dim = outer.names.len();
        let Some(&WindowDim { window, .. }) = self.windows.get(dim) else { return within(text, &outer) };
        if window == 1 {
            let under = self.declare(text, result.name(dim), None, outer);
            return self.dims(text, result, under, within);
        }
        let (ty, place) = (self.signed(dim), format!("w{dim}"));
        let head = match self.is_backward {
            false => format!("for ({ty} {place} = 0; {place} < {window}; ++{place})"),
            true => format!("for ({ty} {place} = {window}; {place}-- > 0;)"),
        };
        text.try_block(head, |text| {
            let under = self.declare(text, result.name(dim), Some(&place), outer);
            self.dims(text, result, under, within)
        })
    }

    /// Declares which element of the next dimension lies under a place of the window of a result.
    fn declare(&self, text: &mut Text, result: &str, place: Option<&str>, outer: Under) -> Under {
        let Under { mut names, mut sizes, mut is_inside } = outer;
        let dim = names.len();
        let WindowDim { window, stride, base_dilation, window_dilation, padding } = self.windows[dim];
        let [size, count] = self.sizes[dim];
        sizes.push(size);
        if self.windows[dim].is_plain() && size == count {
            names.push(result.to_owned());
            return Under { names, sizes, is_inside };
        }
        let ty = self.signed(dim);
        let times = |name: &str, factor: usize| match factor {
            1 => name.to_owned(),
            _ => format!("{name} * {factor}"),
        };
        let mut terms = vec![times(&format!("({ty}){result}"), stride)];
        terms.extend(place.map(|place| times(place, window_dilation)));
        if padding != 0 {
            terms.push(format!("({})", -padding));
        }
        let (name, dilated) = (format!("e{dim}"), terms.join(" + "));
        let last = (count.saturating_sub(1) * stride + window.saturating_sub(1) * window_dilation) as isize;
        let unsigned = if ty == "i32" { "u32" } else { "u64" };
        let here = if base_dilation == 1 {
            text.line(format!("const {ty} {name} = {dilated};"));
            let is_always = padding <= 0 && last - padding < size as isize;
            // A negative index is a great one without its sign.
            (!is_always).then(|| format!("({unsigned}){name} < {size}"))
        } else {
            text.line(format!("const {ty} d{dim} = {dilated};"));
            text.line(format!("const {ty} {name} = d{dim} / {base_dilation};"));
            Some(format!("d{dim} >= 0 && d{dim} % {base_dilation} == 0 && {name} < {size}"))
        };
        if let Some(here) = here {
            let all: Vec<String> = is_inside.into_iter().chain([here]).collect();
            text.line(format!("const bool is_inside_{dim} = {};", all.join(" && ")));
            is_inside = Some(format!("is_inside_{dim}"));
        }
        names.push(name);
        Under { names, sizes, is_inside }
    }

    /// A type for all places of a dimension, of which those before the first element are negative.
    fn signed(&self, dim: usize) -> &'static str {
        let WindowDim { window, stride, base_dilation, window_dilation, padding } = self.windows[dim];
        let [size, count] = self.sizes[dim];
        let reach = [(count, stride), (window, window_dilation), (size, base_dilation)];
        let reach =
            reach.iter().map(|(size, step)| size.saturating_mul(*step)).fold(0, usize::saturating_add);
        if counter(reach.saturating_add(padding.unsigned_abs())) == "u32" { "i32" } else { "i64" }
    }
}
