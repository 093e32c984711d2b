//! Where the elements of a fold lie: dimensions of its windows, one of which runs along the lanes.

use super::chain::Chains;
use crate::access::{Elements, collapsed};
use crate::cpu::machine::moves::{gather, scatter, with_width};
use crate::cpu::window::places::{Span, span};
use crate::fold::{Fold, Folded};
use crate::window::{Initial, WindowDim};

/// A dimension, and how far apart the elements of every access lie along it: for each operand, those of its input, of
/// its initial values and of its results.
#[derive(Debug, Clone)]
struct Column {
    window: WindowDim,
    /// Elements and results.
    sizes: [usize; 2],
    strides: Vec<[isize; 3]>,
}

/// A dimension across the lanes.
#[derive(Debug, Clone)]
struct Dim {
    window: WindowDim,
    sizes: [usize; 2],
    /// Rows of results, and places of a window, that one step along it takes.
    steps: [usize; 2],
}

/// The dimension along the lanes.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// Results.
    pub count: usize,
    /// For each place of a window along it, the results that find an element there.
    pub spans: Vec<Span>,
    /// Places of a window that one step along it takes.
    step: usize,
}

/// The dimensions of windows.
#[derive(Debug, Clone)]
pub(super) struct Dims {
    beside: Vec<Dim>,
    pub lane: Lane,
    /// Places of a window.
    pub places: usize,
}

/// Elements of a buffer: where the first lies, and strides across and along the lanes.
#[derive(Debug, Clone)]
struct Part {
    buffer: usize,
    offset: isize,
    beside: Vec<isize>,
    lane: isize,
}

#[derive(Debug, Clone)]
enum Start {
    Constant(u64),
    Load(Part),
}

/// Where an operand's elements come from and go.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    /// Bytes of an element, in memory and in registers.
    pub bytes: usize,
    pub wide: usize,
    input: Part,
    initial: Start,
    result: Part,
}

/// Some results: their row, the first of them there, and how many they are.
pub(super) type Results = (usize, usize, usize);

/// The dimensions of a fold, and its operands.
pub(super) fn of(fold: &Fold) -> (Dims, Vec<Operand>) {
    let columns = columns(fold);
    let most = columns.iter().map(|column| column.sizes[1]).max().unwrap_or(1);
    let lane = columns.iter().rposition(|column| column.sizes[1] == most && most > 1);
    let operand = |(number, of): (usize, &Folded)| {
        let part = |elements: &Elements, access: usize| {
            let stride = |at: usize| columns[at].strides[number][access];
            Part {
                buffer: elements.buffer,
                offset: elements.access.offset,
                beside: (0..columns.len()).filter(|at| Some(*at) != lane).map(stride).collect(),
                lane: lane.map_or(0, stride),
            }
        };
        Operand {
            bytes: of.number.bytes(),
            wide: of.number.in_registers().bytes(),
            input: part(&of.input, INPUT),
            initial: match &of.initial {
                Initial::Constant(bits) => Start::Constant(*bits),
                Initial::Load(elements) => Start::Load(part(elements, INITIAL)),
            },
            result: part(&of.result, RESULT),
        }
    };
    let operands = fold.operands.iter().enumerate().map(operand).collect();
    (dims(&columns, lane, fold.places()), operands)
}

/// The folded dimensions of each operand, if every window is all there is along some dimensions.
pub(super) fn chains(fold: &Fold) -> Option<Chains> {
    let columns = columns(fold);
    let spanned = || columns.iter().filter(|column| !column.is_plain());
    let chain = |number: usize| {
        let dims = spanned().map(|column| (column.window.window, column.strides[number][INPUT]));
        collapsed(&dims.collect::<Vec<_>>())
    };
    spanned().all(Column::is_spanned).then(|| (0..fold.operands.len()).map(chain).collect())
}

/// Accesses of an operand.
const INPUT: usize = 0;
const INITIAL: usize = 1;
const RESULT: usize = 2;

/// The dimensions of a fold, with neighbours joined where every access runs through them alike.
fn columns(fold: &Fold) -> Vec<Column> {
    let mut joined: Vec<Column> = Vec::new();
    for (dim, window) in fold.windows.iter().enumerate() {
        let strides = |of: &Folded| {
            let initial = match &of.initial {
                Initial::Constant(_) => 0,
                Initial::Load(elements) => elements.access.dims[dim].1,
            };
            [of.input.access.dims[dim].1, initial, of.result.access.dims[dim].1]
        };
        let strides = fold.operands.iter().map(strides).collect();
        let column = Column { window: *window, sizes: fold.sizes(dim), strides };
        match joined.last_mut().and_then(|last| last.with(&column).map(|both| (last, both))) {
            Some((last, both)) => *last = both,
            None => joined.push(column),
        }
    }
    joined
}

impl Column {
    /// Whether each result is at an element of its own.
    fn is_plain(&self) -> bool {
        self.window.is_plain() && self.sizes[0] == self.sizes[1]
    }

    /// Whether the only window holds every element.
    fn is_spanned(&self) -> bool {
        let WindowDim { window, stride: _, base_dilation, window_dilation, padding } = self.window;
        self.sizes == [window, 1] && base_dilation == 1 && window_dilation == 1 && padding == 0
    }

    /// This dimension and the next one as one, if they are.
    fn with(&self, inner: &Column) -> Option<Column> {
        let [size, count] = [0, 1].map(|of| self.sizes[of] * inner.sizes[of]);
        let follow = |accesses: &[usize]| {
            let size = inner.sizes[0] as isize;
            let follows = |(outer, inner): (&[isize; 3], &[isize; 3])| {
                accesses.iter().all(|&access| outer[access] == inner[access] * size)
            };
            self.strides.iter().zip(&inner.strides).all(follows)
        };
        let window = if self.is_plain() && inner.is_plain() && follow(&[INPUT, INITIAL, RESULT]) {
            WindowDim::PLAIN
        } else if self.is_spanned() && inner.is_spanned() && follow(&[INPUT]) {
            WindowDim { window: size, ..WindowDim::PLAIN }
        } else {
            return None;
        };
        Some(Column { window, sizes: [size, count], strides: inner.strides.clone() })
    }
}

fn dims(columns: &[Column], lane: Option<usize>, places: usize) -> Dims {
    let mut beside = Vec::with_capacity(columns.len());
    let mut along = Lane { count: 1, spans: vec![Span::OF_ONE], step: 1 };
    let (mut rows, mut step) = (1, 1);
    for (at, &Column { window, sizes, .. }) in columns.iter().enumerate().rev() {
        if Some(at) == lane {
            let spans = (0..window.window).map(|place| span(&window, sizes, place)).collect();
            along = Lane { count: sizes[1], spans, step };
        } else {
            beside.push(Dim { window, sizes, steps: [rows, step] });
            rows *= sizes[1];
        }
        step *= window.window;
    }
    beside.reverse();
    Dims { beside, lane: along, places }
}

impl Dim {
    /// The number of the result of a row.
    fn result(&self, row: usize) -> usize {
        if self.sizes[1] == 1 { 0 } else { row / self.steps[0] % self.sizes[1] }
    }

    /// The number of the element of a row under a place of its windows; `None` for a place in the padding or between
    /// dilated elements.
    fn element(&self, row: usize, place: usize) -> Option<usize> {
        let WindowDim { window, stride, base_dilation, window_dilation, padding } = self.window;
        let within = if window == 1 { 0 } else { place / self.steps[1] % window };
        let dilated = (self.result(row) * stride + within * window_dilation) as isize - padding;
        let dilated = usize::try_from(dilated).ok()?;
        let element = match base_dilation {
            1 => dilated,
            dilation => dilated.is_multiple_of(dilation).then_some(dilated / dilation)?,
        };
        (element < self.sizes[0]).then_some(element)
    }
}

impl Dims {
    /// How many rows of results there are.
    pub(super) fn rows(&self) -> usize {
        self.beside.iter().map(|dim| dim.sizes[1]).product()
    }

    /// The results along the lanes that find an element under a place of their windows.
    pub(super) fn span(&self, place: usize) -> Span {
        match self.lane.spans.as_slice() {
            [span] => *span,
            spans => spans[place / self.lane.step % spans.len()],
        }
    }

    /// Whether a row has elements under a place of its windows.
    pub(super) fn has(&self, row: usize, place: usize) -> bool {
        self.beside.iter().all(|dim| dim.element(row, place).is_some())
    }
}

impl Part {
    /// Where the result of a row and of this number along the lanes lies.
    fn result(&self, dims: &Dims, row: usize, lane: usize) -> isize {
        let beside = dims.beside.iter().zip(&self.beside);
        let beside: isize = beside.map(|(dim, stride)| dim.result(row) as isize * stride).sum();
        self.offset + beside + lane as isize * self.lane
    }
}

impl Operand {
    /// Distance between the elements of neighbours along the lanes.
    pub(super) fn lane(&self) -> isize {
        self.input.lane
    }

    /// Where the element of a row under a place of its windows lies, number `lane` along the lanes.
    pub(super) fn element(
        &self,
        dims: &Dims,
        buffers: &[*mut u8],
        (row, place): (usize, usize),
        lane: isize,
    ) -> *const u8 {
        let beside = dims.beside.iter().zip(&self.input.beside);
        let beside: isize =
            beside.map(|(dim, stride)| dim.element(row, place).unwrap_or(0) as isize * stride).sum();
        let at = self.input.offset + beside + lane * self.input.lane;
        buffers[self.input.buffer].wrapping_offset(at * self.bytes as isize).cast_const()
    }

    /// Writes initial values one after another.
    ///
    /// # Safety
    /// There is room for so many; the buffers hold an initial value for each of these results.
    pub(super) unsafe fn start(
        &self,
        dims: &Dims,
        buffers: &[*mut u8],
        (row, first, count): Results,
        to: *mut u8,
    ) {
        with_width!(self.bytes, T => {
            match &self.initial {
                // SAFETY: there is room.
                Start::Constant(bits) => unsafe {
                    std::slice::from_raw_parts_mut(to.cast::<T>(), count).fill(*bits as T);
                },
                Start::Load(part) => {
                    let from = buffers[part.buffer].cast::<T>().wrapping_offset(part.result(dims, row, first));
                    // SAFETY: the caller vouches for the initial values and the room.
                    unsafe { gather(to.cast::<T>(), from, &[(count, part.lane)], 0, count) }
                }
            }
        });
    }

    /// Writes results from one after another.
    ///
    /// # Safety
    /// There are so many; the buffers have a place for each of these results, which nothing else uses.
    pub(super) unsafe fn finish(
        &self,
        dims: &Dims,
        buffers: &[*mut u8],
        (row, first, count): Results,
        from: *const u8,
    ) {
        let at = self.result.result(dims, row, first);
        with_width!(self.bytes, T => {
            let to = buffers[self.result.buffer].cast::<T>().wrapping_offset(at);
            // SAFETY: the caller vouches for the places.
            unsafe { scatter(to, from.cast::<T>(), &[(count, self.result.lane)], 0, count) }
        });
    }
}
