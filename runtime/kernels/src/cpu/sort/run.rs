//! Rows of a sort, one after another.
//!
//! Where an order has a name, elements become keys: alone, if what has the same key has the same bits and nothing else
//! is ordered with them, or else above their places, so that no two are equal. What has no such keys is merged.

use std::ops::Range;

use super::keys::Coding;
use super::merge;
use super::radix::{self, Item, Wide};
use crate::Level;
use crate::access::Elements;
use crate::access::{Dim, collapsed, place};
use crate::cpu::machine::moves::with_width;
use crate::cpu::rows::NoLoop;
use crate::cpu::scalar::Scalars;
use crate::sort::{Comparator, Order, Sort};

/// Elements of a row, at most: places are numbers of 32 bits.
const LONGEST: usize = u32::MAX as usize;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// A sort that can run.
#[derive(Debug, Clone)]
pub struct Program {
    rows: usize,
    length: usize,
    taken: usize,
    operands: Vec<Operand>,
    places: Option<Row>,
    by: By,
    /// Whether nothing else is ordered with one operand's elements.
    is_alone: bool,
    /// Bytes of the tables of items, of places, and of the expression.
    items: usize,
    orders: usize,
    frame: usize,
}

#[derive(Debug, Clone)]
struct Operand {
    bytes: usize,
    from: Row,
    out: Row,
}

/// Where rows lie: the first element of each, and how far apart the others are.
#[derive(Debug, Clone)]
struct Row {
    buffer: usize,
    offset: isize,
    dims: Vec<Dim>,
    stride: isize,
}

#[derive(Debug, Clone)]
enum By {
    Keys(Keys),
    Body(Scalars),
}

#[derive(Debug, Clone, Copy)]
struct Keys {
    coding: Coding,
    order: Order,
    or_equal: bool,
}

/// Tables of a frame.
struct Tables<'a> {
    /// For items, twice.
    items: [*mut u8; 2],
    /// Where the elements of the row come from, in order.
    order: &'a mut [u32],
    rest: *mut u8,
}

impl Program {
    /// Decides how a sort runs.
    ///
    /// # Errors
    /// If no loop runs an instruction of the comparator on its types; if rows have more than 2 to the 32 elements.
    pub fn new(sort: &Sort, level: Level) -> Result<Program, NoLoop> {
        if sort.length > LONGEST {
            return Err(NoLoop { instruction: format!("sorting rows of {} elements", sort.length) });
        }
        let by = By::of(sort, level)?;
        let (item, rest) = match &by {
            By::Keys(keys) => (if keys.coding.bytes == 8 { 16 } else { 8 }, 0),
            By::Body(scalars) => (4, scalars.frame_bytes()),
        };
        let operands = sort.operands.iter().map(|operand| Operand {
            bytes: operand.number.bytes(),
            from: Row::of(&operand.from),
            out: Row::of(&operand.out),
        });
        let items = (sort.length * item).next_multiple_of(LINE);
        let orders = (sort.length * size_of::<u32>()).next_multiple_of(LINE);
        Ok(Program {
            rows: if sort.taken == 0 { 0 } else { sort.rows.iter().product() },
            length: sort.length,
            taken: sort.taken,
            operands: operands.collect(),
            places: sort.places.as_ref().map(Row::of),
            is_alone: sort.operands.len() == 1 && sort.places.is_none() && sort.taken == sort.length,
            by,
            items,
            orders,
            frame: 2 * items + orders + rest,
        })
    }

    /// Number of units, which may run in any order and at the same time: rows.
    pub fn units(&self) -> usize {
        self.rows
    }

    /// Bytes of a frame: each thread that runs the program has one of its own.
    pub fn frame_bytes(&self) -> usize {
        self.frame
    }

    /// Runs some of the units.
    ///
    /// # Safety
    /// The buffers are those of the kernel, each with an element wherever an access of it has one, aligned for its
    /// type; truth values are 0 or 1. Nothing else writes them now; and what this kernel writes no other thread reads or
    /// writes, and it overlaps nothing that the kernel reads. The frame has [`Program::frame_bytes`] bytes,
    /// aligned to 64, for this thread alone. The processor has the level that the program was made for.
    pub unsafe fn run(&self, buffers: &[*mut u8], units: Range<usize>, frame: *mut u8) {
        if units.is_empty() {
            return;
        }
        let at = |bytes: usize| frame.wrapping_add(bytes);
        let mut tables = Tables {
            items: [frame, at(self.items)],
            // SAFETY: the frame has room for a place for each element after the items; any bits are numbers.
            order: unsafe { std::slice::from_raw_parts_mut(at(2 * self.items).cast(), self.length) },
            rest: at(2 * self.items + self.orders),
        };
        // SAFETY: the rest of the frame is the expression's; and the caller's contract.
        unsafe {
            if let By::Body(scalars) = &self.by {
                scalars.begin(tables.rest);
            }
            units.for_each(|row| self.row(buffers, row, &mut tables));
        }
    }

    /// # Safety
    /// As [`Program::run`].
    unsafe fn row(&self, buffers: &[*mut u8], row: usize, tables: &mut Tables<'_>) {
        // SAFETY: the caller's contract.
        unsafe {
            match &self.by {
                By::Keys(keys) if keys.coding.bytes == 8 => {
                    self.by_keys::<Wide, u128>(keys, buffers, row, tables);
                }
                By::Keys(keys) => self.by_keys::<u32, u64>(keys, buffers, row, tables),
                By::Body(scalars) => {
                    self.by_body(scalars, buffers, row, tables);
                    self.take(buffers, row, tables.order);
                }
            }
        }
    }

    /// Sorts a row by keys: alone if they can be, or else above their places.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn by_keys<Key: Item, Pair: Item>(
        &self,
        keys: &Keys,
        buffers: &[*mut u8],
        row: usize,
        tables: &mut Tables<'_>,
    ) {
        let Operand { from, bytes, .. } = &self.operands[0];
        let (first, stride) = (from.first(buffers, row, *bytes), from.stride);
        // Equal elements are turned round where an equal one comes before.
        let last = self.length as u32 - 1;
        let turned = |at: u32| if keys.or_equal { last - at } else { at };
        // SAFETY: the caller vouches for the elements. The tables have room for a row's pairs, and so for its keys.
        unsafe {
            if self.is_alone {
                let [items, space] = tables.items::<Key>();
                let keep = |at: usize, key| items[at] = Key::of(key, 0);
                if keys.coding.keys(first, stride, self.length, keep).is_none() {
                    radix::sort(items, space);
                    return self.write_keys(&keys.coding, buffers, row, items);
                }
            }
            let [pairs, space] = tables.items::<Pair>();
            let keep = |at: usize, key| pairs[at] = Pair::of(key, turned(at as u32));
            if keys.coding.keys(first, stride, self.length, keep).nan && keys.order == Order::Natural {
                self.by_merging(keys, pairs, space, tables.order);
            } else {
                self.sort_pairs(keys, pairs, space);
                let pairs = pairs.iter().take(self.taken);
                tables.order.iter_mut().zip(pairs).for_each(|(at, pair)| *at = turned(pair.place()));
            }
            self.take(buffers, row, tables.order);
        }
    }

    /// Brings those pairs that are wanted in order.
    fn sort_pairs<Pair: Item>(&self, keys: &Keys, pairs: &mut [Pair], space: &mut [Pair]) {
        if self.taken < self.length {
            pairs.select_nth_unstable(self.taken - 1);
            return pairs[..self.taken].sort_unstable();
        }
        if keys.or_equal {
            // Places that were turned round ascend the other way.
            pairs.reverse();
        }
        radix::sort(pairs, space);
    }

    /// Sorts a row with NaN in it, which compares with nothing.
    fn by_merging<Pair: Item>(&self, keys: &Keys, pairs: &[Pair], space: &mut [Pair], order: &mut [u32]) {
        let nan = keys.coding.nan();
        // SAFETY: the space has room for a place for each pair; any bits are numbers.
        let space = unsafe { std::slice::from_raw_parts_mut(space.as_mut_ptr().cast(), self.length) };
        order.iter_mut().zip(0..).for_each(|(at, place)| *at = place);
        merge::sort(order, space, &mut |left, right| {
            let [left, right] = [left, right].map(|place| pairs[place as usize].key());
            left != nan && right != nan && (left < right || keys.or_equal && left == right)
        });
    }

    /// Sorts a row by an expression.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn by_body(&self, scalars: &Scalars, buffers: &[*mut u8], row: usize, tables: &mut Tables<'_>) {
        // SAFETY: the table has room for the places of a row.
        let [space, _] = unsafe { tables.items::<u32>() };
        let frame = tables.rest;
        tables.order.iter_mut().zip(0..).for_each(|(at, place)| *at = place);
        merge::sort(tables.order, space, &mut |left, right| {
            // SAFETY: the caller vouches for the elements; the frame is ready.
            unsafe {
                for (at, operand) in self.operands.iter().enumerate() {
                    let first = operand.from.first(buffers, row, operand.bytes);
                    for (side, place) in [left, right].into_iter().enumerate() {
                        let offset = place as isize * operand.from.stride * operand.bytes as isize;
                        scalars.load(frame, 2 * at + side, first.wrapping_offset(offset), 1, 1);
                    }
                }
                scalars.run(frame, 1);
                scalars.holds(frame, 0)
            }
        });
    }

    /// Writes the elements that have these keys.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn write_keys<Key: Item>(&self, coding: &Coding, buffers: &[*mut u8], row: usize, keys: &[Key]) {
        let operand = &self.operands[0];
        let out = operand.out.first(buffers, row, operand.bytes).cast_mut();
        with_width!(operand.bytes, T => {
            for (at, key) in keys.iter().enumerate() {
                // SAFETY: the caller vouches for the places of the result.
                unsafe {
                    let out = out.cast::<T>().wrapping_offset(at as isize * operand.out.stride);
                    out.write(coding.element(key.key()) as T);
                }
            }
        });
    }

    /// Writes the elements of all operands that come from these places, and where they come from.
    ///
    /// # Safety
    /// As [`Program::run`].
    unsafe fn take(&self, buffers: &[*mut u8], row: usize, order: &[u32]) {
        let order = &order[..self.taken];
        for operand in &self.operands {
            let from = operand.from.first(buffers, row, operand.bytes);
            let out = operand.out.first(buffers, row, operand.bytes).cast_mut();
            with_width!(operand.bytes, T => {
                for (at, &place) in order.iter().enumerate() {
                    // SAFETY: the caller vouches for the elements and the places of the result.
                    unsafe {
                        let from = from.cast::<T>().wrapping_offset(place as isize * operand.from.stride);
                        let out = out.cast::<T>().wrapping_offset(at as isize * operand.out.stride);
                        out.write(from.read());
                    }
                }
            });
        }
        if let Some(places) = &self.places {
            let out = places.first(buffers, row, size_of::<i32>()).cast_mut().cast::<i32>();
            for (at, &place) in order.iter().enumerate() {
                // SAFETY: the caller vouches for the places of the result.
                unsafe { out.wrapping_offset(at as isize * places.stride).write(place as i32) }
            }
        }
    }
}

impl By {
    fn of(sort: &Sort, level: Level) -> Result<By, NoLoop> {
        Ok(match &sort.comparator {
            Comparator::Keys { order, descending, or_equal } => By::Keys(Keys {
                coding: Coding::of(sort.operands[0].number, *order, *descending),
                order: *order,
                or_equal: *or_equal,
            }),
            Comparator::Body(body) => By::Body(Scalars::compile(body, 1, level)?),
        })
    }
}

impl Tables<'_> {
    /// The tables of items, as items of this type.
    ///
    /// # Safety
    /// They have room for as many as a row has elements; nothing else uses them.
    unsafe fn items<'a, T: Copy>(&self) -> [&'a mut [T]; 2] {
        // SAFETY: the caller's contract; any bits are items, and the tables are aligned to a line.
        self.items.map(|table| unsafe { std::slice::from_raw_parts_mut(table.cast(), self.order.len()) })
    }
}

impl Row {
    fn of(Elements { buffer, access }: &Elements) -> Row {
        let (row, rows) =
            access.dims.split_last().map_or((&(1, 0), [].as_slice()), |(row, rows)| (row, rows));
        Row { buffer: *buffer, offset: access.offset, dims: collapsed(rows), stride: row.1 }
    }

    /// The first element of a row.
    fn first(&self, buffers: &[*mut u8], row: usize, bytes: usize) -> *const u8 {
        let at = match self.dims.as_slice() {
            // The usual case, without a division.
            [(_, stride)] => row as isize * stride,
            dims => place(dims, row),
        };
        buffers[self.buffer].wrapping_offset((self.offset + at) * bytes as isize)
    }
}
