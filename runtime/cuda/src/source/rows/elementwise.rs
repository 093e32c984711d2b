//! Elementwise kernels: each thread has places of its own, several side by side where memory lets it take them at once.
//!
//! Must not live here: what is computed at a place.

use choral_kernels::Access;
use choral_kernels::rows::{Kind, Rows, Step, Store};

use super::super::number::{in_memory, in_registers, load, narrowed, store, widened};
use super::super::places::{Indices, counter};
use super::super::product::VECTORS;
use super::super::text::Text;
use super::super::{Emitted, Missing, Needed};
use super::{is_function, value};

/// Bytes of an access, at most.
const WIDEST: usize = 16;

/// Elements of a thread, at most.
const MOST: usize = 8;

/// What a function of floats weighs, in simple steps.
const FUNCTION: usize = 16;

/// What all steps of a place may weigh that is written out 8 times, and 4 times: more would need too many registers.
const LIGHT: usize = 24;
const HEAVY: usize = 64;

/// Writes the body of the function of a kernel without folds.
///
/// # Errors
/// If an instruction has no source on its types.
pub(super) fn elementwise(text: &mut Text, rows: &Rows, needed: &mut Needed) -> Result<Emitted, Missing> {
    let sizes = [rows.outer.as_slice(), &rows.folded, &rows.inner].concat();
    let count: usize = sizes.iter().product();
    let together = together(rows, &sizes);
    if together == 1 {
        one_by_one(text, rows, &sizes, "0", needed)?;
        return Ok(Emitted::of_threads(count));
    }
    needed.text(VECTORS);
    let groups = count / together;
    side_by_side(text, rows, &sizes, together, needed)?;
    if !count.is_multiple_of(together) {
        one_by_one(text, rows, &sizes, &(groups * together).to_string(), needed)?;
    }
    Ok(Emitted::of_threads(groups))
}

/// Each thread has a place at a time, from `first` on.
fn one_by_one(
    text: &mut Text,
    rows: &Rows,
    sizes: &[usize],
    first: &str,
    needed: &mut Needed,
) -> Result<(), Missing> {
    let count: usize = sizes.iter().product();
    let ty = counter(count);
    let start = if first == "0" { String::new() } else { format!("{first} + ") };
    text.try_block(
        format!("for ({ty} at = {start}team.thread(); at < {count}; at += team.threads())"),
        |text| {
            let indices = Indices::declare(text, "i", "at", sizes);
            for (number, step) in rows.steps.iter().enumerate() {
                value(text, number, step, &rows.steps, &indices, needed)?;
            }
            for Store { value, buffer, access, number, .. } in &rows.stores {
                let place = indices.place(access.offset, &access.dims);
                text.line(store(*number, &format!("b{buffer}"), &place, &format!("v{value}")));
            }
            Ok(())
        },
    )
}

/// Each thread has some places side by side at a time.
fn side_by_side(
    text: &mut Text,
    rows: &Rows,
    sizes: &[usize],
    together: usize,
    needed: &mut Needed,
) -> Result<(), Missing> {
    let accesses = accesses(rows).filter(|(_, access, _)| is_moving(access));
    let mut known = Vec::new();
    for (buffer, _, bytes) in accesses {
        if !known.contains(&buffer) {
            known.push(buffer);
            // A slice may begin anywhere.
            let bytes = (bytes * together).min(WIDEST);
            text.line(format!("const bool b{buffer}_is_aligned = (u64)b{buffer} % {bytes} == 0;"));
        }
    }
    let mut groups = sizes.to_vec();
    if let Some(last) = groups.last_mut() {
        *last /= together;
    }
    let count: usize = groups.iter().product();
    let ty = counter(count * together);
    text.try_block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let of_group = Indices::declare(text, "g", "at", &groups);
        let mut names: Vec<String> = (0..sizes.len()).map(|dim| of_group.name(dim).to_owned()).collect();
        if let Some(last) = names.last_mut() {
            *last = format!("({last} * {together})");
        }
        let indices = Indices::named(&names, sizes);
        for (number, step) in rows.steps.iter().enumerate() {
            if let Kind::Load { buffer, access, number: of } = &step.kind {
                let place = indices.place(access.offset, &access.dims);
                text.line(match is_moving(access) {
                    true => format!(
                        "const auto m{number} = loaded<{0}, {together}>((const {0}*)b{buffer} + {place}, b{buffer}_is_aligned);",
                        in_memory(*of)
                    ),
                    false => format!(
                        "const {} v{number} = {};",
                        in_registers(*of),
                        load(*of, &format!("b{buffer}"), &place)
                    ),
                });
            }
        }
        for (at, store) in rows.stores.iter().enumerate() {
            text.line(format!("Together<{}, {together}> s{at};", in_memory(store.number)));
        }
        text.line("#pragma unroll");
        text.try_block(format!("for (u32 lane = 0; lane < {together}; ++lane)"), |text| {
            for (number, step) in rows.steps.iter().enumerate() {
                match &step.kind {
                    Kind::Load { access, number: of, .. } if is_moving(access) => {
                        let element = widened(*of, &format!("m{number}.elements[lane]"));
                        text.line(format!("const {} v{number} = {element};", in_registers(*of)));
                    }
                    Kind::Load { .. } => {}
                    Kind::Compute { .. } | Kind::Fold { .. } => {
                        value(text, number, step, &rows.steps, &indices, needed)?;
                    }
                }
            }
            for (at, store) in rows.stores.iter().enumerate() {
                let element = narrowed(store.number, &format!("v{}", store.value));
                text.line(format!("s{at}.elements[lane] = {element};"));
            }
            Ok(())
        })?;
        for (at, Store { buffer, access, number, .. }) in rows.stores.iter().enumerate() {
            let (memory, place) = (in_memory(*number), indices.place(access.offset, &access.dims));
            text.line(format!(
                "put<{memory}, {together}>(({memory}*)b{buffer} + {place}, s{at}, b{buffer}_is_aligned);"
            ));
        }
        Ok(())
    })
}

/// Buffers, accesses and bytes of an element of all that is read and written.
fn accesses(rows: &Rows) -> impl Iterator<Item = (usize, &Access, usize)> {
    let loads = rows.steps.iter().filter_map(|step| match &step.kind {
        Kind::Load { buffer, access, number } => Some((*buffer, access, number.bytes())),
        Kind::Compute { .. } | Kind::Fold { .. } => None,
    });
    loads.chain(rows.stores.iter().map(|store| (store.buffer, &store.access, store.number.bytes())))
}

/// Whether neighbours are different elements.
fn is_moving(access: &Access) -> bool {
    access.dims.last().is_some_and(|&(_, stride)| stride != 0)
}

/// How many places a thread has side by side: as many as 16 bytes hold of the narrowest numbers, if all that moves lies
/// side by side and begins at multiples of that.
fn together(rows: &Rows, sizes: &[usize]) -> usize {
    let Some((&last, outer)) = sizes.split_last() else { return 1 };
    let weight: usize = rows.steps.iter().map(weight).sum();
    if weight > HEAVY {
        return 1;
    }
    let most = if weight <= LIGHT { MOST } else { MOST / 2 };
    let narrowest =
        accesses(rows).filter(|(_, access, _)| is_moving(access)).map(|(_, _, bytes)| bytes).min();
    let Some(narrowest) = narrowest else { return 1 };
    let together = (WIDEST / narrowest).min(most);
    let is_aligned = |access: &Access| {
        let Some((&(_, stride), others)) = access.dims.split_last() else { return false };
        let are_multiples =
            others.iter().all(|&(size, stride)| size == 1 || stride.unsigned_abs().is_multiple_of(together));
        // What stays the same for a group is one element.
        stride == 0 || stride == 1 && access.offset.unsigned_abs().is_multiple_of(together) && are_multiples
    };
    let fits = if outer.is_empty() { last >= together } else { last.is_multiple_of(together) };
    let all = accesses(rows).all(|(_, access, _)| is_aligned(access))
        && rows.stores.iter().all(|store| is_moving(&store.access));
    if fits && all { together } else { 1 }
}

fn weight(step: &Step) -> usize {
    if is_function(step) { FUNCTION } else { 1 }
}
