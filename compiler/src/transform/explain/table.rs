//! An explanation as a table for people.

use std::fmt;

use super::{Explained, ExplainedRegion, Explanation, Work};

/// What a line tells: what it is about, operands and results, multiply-adds, bytes.
type Line = [String; 4];

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { axis, members, chunk, ops, single, mapped } = self;
        let at_a_time = chunk.map(|chunk| format!(", {chunk} at a time")).unwrap_or_default();
        writeln!(
            f,
            "{members} members along {axis}@dim{at_a_time}; - is shared; amounts: each alone -> together"
        )?;
        let titles = ["", "operands -> results", "multiply-adds", "bytes made"].map(str::to_owned);
        let lines: Vec<Line> =
            std::iter::once(titles).chain(Lines { axis, members: *members }.of(ops, 1)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let [title, places, products, bytes] = [width(0), width(1), width(2), width(3)];
        for line in &lines {
            let line =
                format!("{:title$}  {:places$}  {:products$}  {:bytes$}", line[0], line[1], line[2], line[3]);
            writeln!(f, "{}", line.trim_end())?;
        }
        let total = |f: &mut fmt::Formatter<'_>, what: &str, one: u64, all: u64| {
            writeln!(f, "{what:>22} {one:>12} {:>12} {all:>12}", one.saturating_mul(*members as u64))
        };
        writeln!(f, "{:>22} {:>12} {:>12} {:>12}", "", "one member", "each alone", "together")?;
        total(f, "ops", single.ops as u64, mapped.ops as u64)?;
        total(f, "multiply-adds", single.multiply_adds, mapped.multiply_adds)?;
        total(f, "arithmetic operations", single.flops, mapped.flops)?;
        total(f, "bytes alive at once", single.bytes, mapped.bytes)
    }
}

/// Lines about this many members along an axis.
struct Lines<'a> {
    axis: &'a str,
    members: usize,
}

impl Lines<'_> {
    fn of(&self, ops: &[Explained], depth: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        for op in ops {
            lines.push(self.op(op, depth));
            for ExplainedRegion { name, inputs, outputs, ops } in &op.regions {
                let title = format!("{}{name}", indent(depth + 1));
                lines.push([title, self.places(inputs, outputs), String::new(), String::new()]);
                lines.extend(self.of(ops, depth + 2));
            }
        }
        lines
    }

    fn op(&self, op: &Explained, depth: usize) -> Line {
        let Explained { name, op, operands, results, single, mapped, regions: _ } = op;
        let title = format!("{}%{name} {op}", indent(depth));
        let once = if results.iter().all(Option::is_none) { ", once for all" } else { "" };
        let places = self.places(operands, results) + once;
        let work = |of: fn(&Work) -> u64| match (of(single).saturating_mul(self.members as u64), of(mapped)) {
            (0, 0) => String::new(),
            (alone, together) => format!("{alone} -> {together}"),
        };
        [title, places, work(|work| work.multiply_adds), work(|work| work.bytes)]
    }

    /// `members@0, - -> members@1`.
    fn places(&self, operands: &[Option<usize>], results: &[Option<usize>]) -> String {
        let place =
            |dim: &Option<usize>| dim.map_or_else(|| "-".to_owned(), |dim| format!("{}@{dim}", self.axis));
        let list = |dims: &[Option<usize>]| dims.iter().map(place).collect::<Vec<_>>().join(", ");
        format!("{} -> {}", list(operands), list(results))
    }
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}
