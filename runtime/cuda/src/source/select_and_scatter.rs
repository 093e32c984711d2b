//! The gradient of max-pooling, without atomics: a thread for each element of the result looks through the windows that hold
//! it, in the order in which they are added, and adds the numbers of those that select it.
//!
//! A window is searched once for each of its elements. These are few, and what neighbours search lies in the first cache.
//! Must not live here: windows of folds ([`super::spans`]).

use choral_kernels::SelectAndScatter;
use choral_kernels::access::Elements;
use choral_kernels::instruction::{Binary, Instruction};
use choral_kernels::window::WindowDim;

use super::instruction::expression;
use super::number::{in_registers, load, store};
use super::places::{Indices, counter};
use super::spans::start;
use super::text::Text;
use super::{Emitted, Missing, Needed};

/// Writes the body of the function of a kernel.
///
/// # Errors
/// If there is no sum or no comparison of the type.
pub(super) fn select_and_scatter(
    text: &mut Text,
    kernel: &SelectAndScatter,
    needed: &mut Needed,
) -> Result<Emitted, Missing> {
    let sizes: Vec<usize> = kernel.operand.access.dims.iter().map(|(size, _)| *size).collect();
    let count: usize = sizes.iter().product();
    let (ty, registers) = (counter(count), in_registers(kernel.number));
    text.try_block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let own = Indices::declare(text, "i", "at", &sizes);
        text.line(format!("{registers} sum = {};", start(kernel.number, &kernel.initial, &own)));
        let planes = Planes { kernel, own: &own };
        planes.windows(text, Vec::new(), needed)?;
        let place = own.place(kernel.result.access.offset, &kernel.result.access.dims);
        text.line(store(kernel.number, &format!("b{}", kernel.result.buffer), &place, "sum"));
        Ok(())
    })?;
    Ok(Emitted::of_threads(count))
}

struct Planes<'a> {
    kernel: &'a SelectAndScatter,
    /// The element whose thread it is.
    own: &'a Indices,
}

impl Planes<'_> {
    /// Whether each element of a dimension is a window of its own.
    fn is_plain(&self, dim: usize) -> bool {
        let [size, count] = self.sizes(dim);
        self.kernel.windows[dim].is_plain() && size == count
    }

    /// The sizes of a dimension in operand and source.
    fn sizes(&self, dim: usize) -> [usize; 2] {
        [&self.kernel.operand, &self.kernel.source].map(|of| of.access.dims[dim].0)
    }

    fn load(&self, of: &Elements, names: &[String]) -> String {
        let sizes: Vec<usize> = of.access.dims.iter().map(|(size, _)| *size).collect();
        let place = Indices::named(names, &sizes).place(of.access.offset, &of.access.dims);
        load(self.kernel.number, &format!("b{}", of.buffer), &place)
    }

    /// Goes through the windows that hold the element: `names` are the indices of the outer dimensions.
    fn windows(&self, text: &mut Text, mut names: Vec<String>, needed: &mut Needed) -> Result<(), Missing> {
        let dim = names.len();
        let Some(&WindowDim { window, stride, padding, .. }) = self.kernel.windows.get(dim) else {
            return self.window(text, &names, needed);
        };
        let own = self.own.name(dim);
        if self.is_plain(dim) {
            names.push(own.to_owned());
            return self.windows(text, names, needed);
        }
        let ([_, count], ty, name) = (self.sizes(dim), self.signed(dim), format!("r{dim}"));
        // Windows begin `stride` apart, the first one at minus the padding: the first one that holds the element ends behind it.
        text.line(format!("const {ty} p{dim} = ({ty}){own} + ({padding});"));
        text.line(format!("const {ty} q{dim} = p{dim} < 0 ? 0 : p{dim} / {stride} + 1;"));
        text.line(format!("const {ty} end{dim} = q{dim} < {count} ? q{dim} : {count};"));
        let first = format!("p{dim} < {window} ? 0 : (p{dim} - {window}) / {stride} + 1");
        text.try_block(format!("for ({ty} {name} = {first}; {name} < end{dim}; ++{name})"), |text| {
            names.push(name);
            self.windows(text, names, needed)
        })
    }

    /// Adds the number of a window if it selects the element.
    fn window(&self, text: &mut Text, window: &[String], needed: &mut Needed) -> Result<(), Missing> {
        let (number, registers) = (self.kernel.number.in_registers(), in_registers(self.kernel.number));
        text.line(format!("{registers} best = 0;"));
        text.line("bool has_best = false, is_own = false;");
        self.elements(text, window, Vec::new(), needed)?;
        let operands = ["sum".to_owned(), self.load(&self.kernel.source, window)];
        let add = Instruction::Binary(Binary::Add);
        let sum = expression(&add, number, number, &operands, needed)?;
        text.line(format!("if (is_own) sum = {sum};"));
        Ok(())
    }

    /// Goes through the elements of a window that lie inside, and keeps whether the one that is selected so far is the own one.
    fn elements(
        &self,
        text: &mut Text,
        of: &[String],
        mut names: Vec<String>,
        needed: &mut Needed,
    ) -> Result<(), Missing> {
        let dim = names.len();
        let Some(&WindowDim { window, stride, padding, .. }) = self.kernel.windows.get(dim) else {
            return self.element(text, &names, needed);
        };
        if self.is_plain(dim) {
            names.push(self.own.name(dim).to_owned());
            return self.elements(text, of, names, needed);
        }
        let ([size, _], ty, name) = (self.sizes(dim), self.signed(dim), format!("e{dim}"));
        text.line(format!("const {ty} begin{dim} = {} * {stride} + ({});", of[dim], -padding));
        text.line(format!("const {ty} behind{dim} = begin{dim} + {window};"));
        let head = format!(
            "for ({ty} {name} = begin{dim} < 0 ? 0 : begin{dim}; {name} < behind{dim} && {name} < {size}; ++{name})"
        );
        text.try_block(head, |text| {
            names.push(name);
            self.elements(text, of, names, needed)
        })
    }

    fn element(&self, text: &mut Text, names: &[String], needed: &mut Needed) -> Result<(), Missing> {
        let number = self.kernel.number.in_registers();
        text.line(format!(
            "const {} element = {};",
            in_registers(number),
            self.load(&self.kernel.operand, names)
        ));
        let operands = match self.kernel.select.is_swapped {
            false => ["best", "element"],
            true => ["element", "best"],
        };
        let compare = Instruction::Compare(self.kernel.select.comparison);
        let holds = expression(&compare, number, number, &operands.map(str::to_owned), needed)?;
        let is_own: Vec<String> = (0..names.len())
            .filter(|&dim| !self.is_plain(dim))
            .map(|dim| format!("{} == {}", names[dim], self.own.name(dim)))
            .collect();
        let is_own = if is_own.is_empty() { "true".to_owned() } else { is_own.join(" && ") };
        text.line(format!("const bool stays = has_best && {holds};"));
        text.line(format!("is_own = stays ? is_own : {is_own};"));
        text.line("best = stays ? best : element;");
        text.line("has_best = true;");
        Ok(())
    }

    /// A type for the places of a dimension and of its windows, those outside as well.
    fn signed(&self, dim: usize) -> &'static str {
        let WindowDim { window, stride, padding, .. } = self.kernel.windows[dim];
        let [size, count] = self.sizes(dim);
        let reach = [count.saturating_mul(stride), window, size, padding.unsigned_abs()];
        if counter(reach.iter().fold(0, |all: usize, size| all.saturating_add(*size))) == "u32" {
            "i32"
        } else {
            "i64"
        }
    }
}
