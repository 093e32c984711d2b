//! Sorts: a block for each row, which merges places of elements in memory of its own.
//!
//! Runs are halves of halves of the row, the shorter half first, as the definition has them. Where the comparator is an
//! order, each element finds its place in the merged run by itself; where it may contradict itself, a thread merges two
//! runs one element after another, as the definition does. Must not live here: what comparators mean
//! ([`choral_kernels::sort`]).

use choral_kernels::Number;
use choral_kernels::sort::{Comparator, Order, Sort, Sorted};

use super::number::{load, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::{Emitted, Missing, Needed, THREADS, body};

/// Writes the body of the function of a sort.
///
/// # Errors
/// If an instruction of its comparator has no source.
pub(super) fn sort(text: &mut Text, sort: &Sort, needed: &mut Needed) -> Result<Emitted, Missing> {
    let Sort { rows, length, operands, taken, places, .. } = sort;
    let count: usize = rows.iter().product();
    let ty = counter(count);
    // The parts of the row that its halves of halves are: so many levels of them.
    let levels = length.next_power_of_two().ilog2();
    text.try_block(format!("for ({ty} row = team.block; row < {count}; row += team.blocks)"), |text| {
        let row = Indices::declare(text, "r", "row", rows);
        text.line(format!("i32* from = (i32*)scratch + (u64)row * {};", 2 * length));
        text.line(format!("i32* to = from + {length};"));
        text.line("__syncthreads();");
        text.line(format!("for (u32 at = threadIdx.x; at < {length}; at += {THREADS}) from[at] = (i32)at;"));
        text.line("__syncthreads();");
        text.try_block(format!("for (u32 level = {levels}; level-- > 0;)"), |text| {
            match is_order(&sort.comparator, operands) {
                true => by_rank(text, sort, &row, needed)?,
                false => by_merging(text, sort, &row, needed)?,
            }
            text.line("__syncthreads();");
            text.line("i32* const merged = to;");
            text.line("to = from;");
            text.line("from = merged;");
            Ok(())
        })?;
        text.block(format!("for (u32 at = threadIdx.x; at < {taken}; at += {THREADS})"), |text| {
            for operand in operands {
                let moved = Number::of_bytes(operand.number.bytes());
                let element = load(
                    moved,
                    &format!("b{}", operand.from.buffer),
                    &along(&operand.from, &row, "from[at]"),
                );
                let place = along(&operand.out, &row, "at");
                text.line(store(moved, &format!("b{}", operand.out.buffer), &place, &element));
            }
            if let Some(places) = places {
                let place = along(places, &row, "at");
                text.line(store(Number::I32, &format!("b{}", places.buffer), &place, "from[at]"));
            }
        });
        Ok(())
    })?;
    Ok(Emitted::of_threads(count * THREADS).working_in(count * 2 * length * size_of::<i32>()))
}

/// The place of an element of a row.
fn along(elements: &choral_kernels::access::Elements, row: &Indices, at: &str) -> String {
    let access = &elements.access;
    let (dims, last) = access.dims.split_at(access.dims.len() - 1);
    format!("{} + (i64){at} * {}", row.place(access.offset, dims), last[0].1)
}

/// Whether a comparator is the strict part of an order: then any way of merging gives the same.
fn is_order(comparator: &Comparator, operands: &[Sorted]) -> bool {
    let is_float = operands.first().is_some_and(|operand| operand.number.is_float());
    match comparator {
        Comparator::Keys { order, or_equal, .. } => !(*or_equal || is_float && *order == Order::Natural),
        Comparator::Body(_) => false,
    }
}

/// Declares `first` and `length`, the part number `part` of a level, and its halves.
fn declare_part(text: &mut Text, length: usize) {
    text.line(format!("u32 first = 0, length = {length};"));
    text.block("for (u32 bit = level; bit-- > 0;)", |text| {
        text.line("const u32 left = length / 2;");
        text.line("if (part >> bit & 1) { first += left; length -= left; } else { length = left; }");
    });
    text.line("const u32 half = length / 2;");
}

/// A thread for each pair of runs.
fn by_merging(text: &mut Text, sort: &Sort, row: &Indices, needed: &mut Needed) -> Result<(), Missing> {
    text.try_block(format!("for (u32 part = threadIdx.x; part < 1u << level; part += {THREADS})"), |text| {
        declare_part(text, sort.length);
        text.line("u32 left = first, right = first + half;");
        text.try_block("for (u32 at = first; at < first + length; ++at)", |text| {
            text.line("bool is_right = left == first + half;");
            text.try_block("if (!is_right && right < first + length)", |text| {
                let before = before(text, sort, row, ("from[right]", "from[left]"), needed)?;
                text.line(format!("is_right = {before};"));
                Ok(())
            })?;
            text.line("to[at] = is_right ? from[right++] : from[left++];");
            Ok(())
        })
    })
}

/// A thread for each element, which counts those of the other run that come before it.
fn by_rank(text: &mut Text, sort: &Sort, row: &Indices, needed: &mut Needed) -> Result<(), Missing> {
    let length = sort.length;
    text.try_block(format!("for (u32 at = threadIdx.x; at < {length}; at += {THREADS})"), |text| {
        // Which part it lies in: down from the whole row.
        text.line(format!("u32 first = 0, length = {length};"));
        text.block("for (u32 depth = 0; depth < level; ++depth)", |text| {
            text.line("const u32 left = length / 2;");
            text.line("if (at >= first + left) { first += left; length -= left; } else { length = left; }");
        });
        text.line("const u32 half = length / 2;");
        text.line("const bool is_left = at < first + half;");
        text.line(
            "u32 low = is_left ? first + half : first, high = is_left ? first + length : first + half;",
        );
        text.line("const u32 start = low;");
        text.try_block("while (low < high)", |text| {
            text.line("const u32 middle = (low + high) / 2;");
            text.line("const i32 mine = from[at], other = from[middle];");
            // Of equal elements the left one comes first.
            text.line("const i32 x = is_left ? other : mine, y = is_left ? mine : other;");
            let before = before(text, sort, row, ("x", "y"), needed)?;
            text.line(format!("const bool right_first = {before};"));
            text.line("if (is_left ? right_first : !right_first) low = middle + 1; else high = middle;");
            Ok(())
        })?;
        text.line("to[at - (is_left ? 0 : half) + (low - start)] = from[at];");
        Ok(())
    })
}

/// The expression of whether one place comes before another.
fn before(
    text: &mut Text,
    sort: &Sort,
    row: &Indices,
    (left, right): (&str, &str),
    needed: &mut Needed,
) -> Result<String, Missing> {
    let element = |operand: &Sorted, place: &str| {
        load(operand.number, &format!("b{}", operand.from.buffer), &along(&operand.from, row, place))
    };
    match &sort.comparator {
        Comparator::Keys { order, descending, or_equal } => {
            let keys = &sort.operands[0];
            let is_float = keys.number.is_float();
            let (x, y) = (element(keys, left), element(keys, right));
            let (x, y) = if *descending { (y, x) } else { (x, y) };
            Ok(match (order, is_float) {
                (Order::Natural, _) | (_, false) => format!("{x} {} {y}", if *or_equal { "<=" } else { "<" }),
                (Order::Total, true) if *or_equal => format!("order_key({x}) <= order_key({y})"),
                (Order::Total, true) => format!("order_key({x}) < order_key({y})"),
                (Order::NanGreatest, true) if *or_equal => format!("!less_with_nan({y}, {x})"),
                (Order::NanGreatest, true) => format!("less_with_nan({x}, {y})"),
            })
        }
        Comparator::Body(body) => {
            let mut inputs = Vec::new();
            for (at, operand) in sort.operands.iter().enumerate() {
                for (side, place) in [("x", left), ("y", right)] {
                    let ty = super::number::in_registers(operand.number);
                    text.line(format!("const {ty} {side}{at} = {};", element(operand, place)));
                    inputs.push(format!("{side}{at}"));
                }
            }
            let results = body::results(text, body, &inputs, "c", needed)?;
            results.into_iter().next().ok_or_else(|| Missing::of("a comparator without a result".to_owned()))
        }
    }
}
