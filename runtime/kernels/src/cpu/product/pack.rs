//! Packing: the elements of a few lines side by side, one step of the sum after the other.
//!
//! A line is a row of the left or a column of the right operand. `width` lines are a panel: for every term
//! of the sum the `width` elements that a kernel reads together. Lines that are missing in the last panel
//! are zeros. Must not live here: which lines and terms are packed.

use super::convert::Widen;
use super::element::Element;

/// What is packed from where to where. Distances are in elements.
pub(super) struct Lines<'a> {
    /// Where each line starts.
    pub(super) lines: &'a [isize],
    /// Where each term lies in its line.
    pub(super) terms: &'a [isize],
    /// Lines of a panel.
    pub(super) width: usize,
    /// From one panel to the next.
    pub(super) panel: usize,
}

/// Writes one panel from at most `width` lines.
type OnePanel<T> = unsafe fn(from: *const u8, lines: &[isize], terms: &[isize], width: usize, to: *mut T);

/// The loop that packs elements of one type, and where they may be copied as they are in four bytes each,
/// the one that transposes them in registers.
#[derive(Clone, Copy)]
pub(super) struct Pack<T> {
    panel: OnePanel<T>,
    is_copy: bool,
}

/// Elements that one step of a transposition writes beyond a panel's end, at most.
pub(super) const OVERHANG: usize = 8;

/// Writes a panel of which terms are side by side in four bytes each, by turning squares in registers. It
/// may write [`OVERHANG`] elements more than the panel has.
///
/// # Safety
/// As [`Pack::run`].
pub(super) type Transpose =
    unsafe fn(from: *const u32, lines: &[isize], terms: usize, width: usize, to: *mut u32);

impl<T: Element> Pack<T> {
    /// The loop for elements of a type.
    pub(super) fn of<S: Widen<T>>() -> Pack<T> {
        let is_copy = std::any::TypeId::of::<S>() == std::any::TypeId::of::<T>() && size_of::<T>() == 4;
        Pack { panel: one_panel::<S, T>, is_copy }
    }

    /// Packs all lines.
    ///
    /// # Safety
    /// Every line's offset plus every term's from `from` must be an element that may be read, and aligned.
    /// `to` must have room for all panels, and [`OVERHANG`] elements more.
    pub(super) unsafe fn run(
        self,
        from: *const u8,
        what: &Lines<'_>,
        transpose: Option<Transpose>,
        to: *mut T,
    ) {
        let transpose = transpose.filter(|_| self.is_copy && is_run(what.terms));
        for (panel, lines) in what.lines.chunks(what.width).enumerate() {
            // SAFETY: the caller's promises; `to` has room for this panel, and what a transposition writes
            // behind it is overwritten by the next one, or is the room beyond the last.
            unsafe {
                let to = to.add(panel * what.panel);
                if lines.len() < what.width {
                    // Zeros of every type are zeros in every byte.
                    to.write_bytes(0, what.terms.len() * what.width);
                }
                match (transpose, what.terms.first()) {
                    (Some(transpose), Some(&first)) => {
                        transpose(
                            from.cast::<u32>().offset(first),
                            lines,
                            what.terms.len(),
                            what.width,
                            to.cast(),
                        );
                    }
                    (_, _) => (self.panel)(from, lines, what.terms, what.width, to),
                }
            }
        }
    }
}

/// Whether offsets are side by side.
fn is_run(offsets: &[isize]) -> bool {
    offsets.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// # Safety
/// As [`Pack::run`], for one panel.
unsafe fn one_panel<S: Widen<T>, T: Element>(
    from: *const u8,
    lines: &[isize],
    terms: &[isize],
    width: usize,
    to: *mut T,
) {
    let from = from.cast::<S>();
    // SAFETY: the caller's promises: lines and terms name elements, and a panel has `width` places for each
    // term.
    unsafe {
        if is_run(lines) && !lines.is_empty() {
            for (at, &term) in terms.iter().enumerate() {
                copy_run(from.offset(lines[0] + term), lines.len(), to.add(at * width));
            }
        } else {
            for (column, &line) in lines.iter().enumerate() {
                scatter(from.offset(line), terms, width, to.add(column));
            }
        }
    }
}

/// Widens the terms of a line, and puts them `width` places apart; eight at a time where they are side by
/// side.
///
/// # Safety
/// As [`Pack::run`], for one line.
#[inline(always)]
unsafe fn scatter<S: Widen<T>, T: Element>(line: *const S, terms: &[isize], width: usize, to: *mut T) {
    let mut at = 0;
    // SAFETY: the caller's promises; no index reaches the number of terms.
    unsafe {
        if is_run(terms) {
            while at + 8 <= terms.len() {
                let mut eight = [T::ZERO; 8];
                for (lane, value) in eight.iter_mut().enumerate() {
                    *value = (*line.offset(terms[0] + (at + lane) as isize)).widen();
                }
                for (lane, value) in eight.into_iter().enumerate() {
                    to.add((at + lane) * width).write(value);
                }
                at += 8;
            }
        }
        while at < terms.len() {
            to.add(at * width).write((*line.offset(terms[at])).widen());
            at += 1;
        }
    }
}

/// Widens consecutive elements, eight or four at a time.
///
/// # Safety
/// `from` and `to` must be valid for `count` elements.
#[inline(always)]
unsafe fn copy_run<S: Widen<T>, T: Element>(from: *const S, count: usize, to: *mut T) {
    let whole = count / 8 * 8;
    // SAFETY: the caller's promise; no index reaches `count`.
    unsafe {
        for start in (0..whole).step_by(8) {
            copy::<S, T, 8>(from.add(start), to.add(start));
        }
        let fours = count / 4 * 4;
        if whole < fours {
            copy::<S, T, 4>(from.add(whole), to.add(whole));
        }
        for at in fours..count {
            copy::<S, T, 1>(from.add(at), to.add(at));
        }
    }
}

/// Widens so many consecutive elements at once.
///
/// # Safety
/// `from` and `to` must be valid for as many.
#[inline(always)]
unsafe fn copy<S: Widen<T>, T: Element, const COUNT: usize>(from: *const S, to: *mut T) {
    let mut values = [T::ZERO; COUNT];
    // SAFETY: the caller's promise.
    unsafe {
        for (lane, value) in values.iter_mut().enumerate() {
            *value = (*from.add(lane)).widen();
        }
        to.cast::<[T; COUNT]>().write(values);
    }
}
