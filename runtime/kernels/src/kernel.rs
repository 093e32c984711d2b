//! A kernel of any kind: what a plan is a list of.
//!
//! Must not live here: what each kind is (a module for each), and how it runs ([`crate::cpu`]).

use crate::access::Elements;
use crate::fold::Folded;
use crate::linalg::{Cholesky, TriangularSolve};
use crate::moves::{Gather, Scatter, Start};
use crate::product::Operand;
use crate::product::convolution::Convolution;
use crate::rows::{Buffer, Rows, Step};
use crate::window::{Initial, Window};
use crate::{Extreme, Fold, Product, Random, SelectAndScatter, Sort};
use crate::{access, extreme};

/// What a window at a place of its own costs beside its elements: reading its index, and going there.
const STRAY: usize = 4;

/// A kernel.
#[derive(Debug, Clone)]
pub enum Kernel {
    /// Elementwise steps and folds.
    Rows(Rows),
    /// Matrix products.
    Products(Products),
    /// An operand of a product, packed ahead.
    Pack(Pack),
    /// Folds of windows.
    Window(Window),
    /// Extreme elements and their places.
    Extreme(Extreme),
    /// Folds by bodies.
    Fold(Fold),
    /// Gradients of max-pooling.
    SelectAndScatter(SelectAndScatter),
    /// Windows taken where indices say.
    Gather(Gather),
    /// Windows written where indices say.
    Scatter(Scatter),
    /// Ordered rows.
    Sort(Sort),
    /// Cholesky factors.
    Cholesky(Cholesky),
    /// Triangular solves.
    TriangularSolve(TriangularSolve),
    /// Random bits.
    Random(Random),
}

/// Products of the same buffers that write different elements.
#[derive(Debug, Clone)]
pub struct Products {
    /// The products.
    pub products: Vec<Product>,
    /// The convolution whose products they are, if they are one's: there may be loops for it as a whole.
    pub convolution: Option<Convolution>,
    /// The buffer of left operands.
    pub lhs: Buffer,
    /// The buffer of right operands.
    pub rhs: Buffer,
    /// The buffer of what is added to them, if their epilogue adds.
    pub addend: Option<Buffer>,
    /// The buffer of the results.
    pub out: Buffer,
    /// Of a single product, the operand that was packed ahead, and where that lies.
    pub packed: Option<(Operand, Buffer)>,
}

/// An operand of a product in the order in which its loops read it.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The product.
    pub product: Product,
    /// The operand.
    pub operand: Operand,
    /// Its buffer.
    pub from: Buffer,
    /// Where it goes.
    pub to: Buffer,
    /// Where those of its other strips lie, of a product that runs in strips.
    pub strips: Repeat,
}

/// The same again, further on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// How often.
    pub count: usize,
    /// Bytes from one time to the next where it is read, and where it is written.
    pub steps: [isize; 2],
}

impl Repeat {
    /// Once.
    pub const ONCE: Repeat = Repeat { count: 1, steps: [0; 2] };
}

impl Kernel {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Kernel::Rows(_) => "rows",
            Kernel::Products(_) => "product",
            Kernel::Pack(_) => "pack",
            Kernel::Window(_) => "window",
            Kernel::Extreme(_) => "extreme",
            Kernel::Fold(_) => "fold",
            Kernel::SelectAndScatter(_) => "select_and_scatter",
            Kernel::Gather(_) => "gather",
            Kernel::Scatter(_) => "scatter",
            Kernel::Sort(_) => "sort",
            Kernel::Cholesky(_) => "cholesky",
            Kernel::TriangularSolve(_) => "triangular_solve",
            Kernel::Random(_) => "random",
        }
    }

    /// Every buffer that it reads or writes.
    pub fn buffers(&self) -> Vec<Buffer> {
        fn of<'a>(elements: impl IntoIterator<Item = &'a Elements>) -> Vec<Buffer> {
            elements.into_iter().map(|elements| elements.buffer).collect()
        }
        let starts = |starts: &[Start]| of(starts.iter().map(|start| &start.place));
        match self {
            Kernel::Rows(rows) => rows.buffers().collect(),
            Kernel::Products(products) => {
                let Products { lhs, rhs, addend, out, packed, products: _, convolution: _ } = products;
                let of_operand = |operand, whole: Buffer| match *packed {
                    Some((of, packed)) if of == operand => packed,
                    Some(_) | None => whole,
                };
                let operands = [of_operand(Operand::Lhs, *lhs), of_operand(Operand::Rhs, *rhs), *out];
                operands.into_iter().chain(*addend).collect()
            }
            Kernel::Pack(Pack { from, to, .. }) => vec![*from, *to],
            Kernel::Window(window) => {
                of([&window.input, &window.result].into_iter().chain(loaded(&window.initial)))
            }
            Kernel::Extreme(extreme) => {
                let places = match &extreme.places {
                    extreme::Places::Along(_) => None,
                    extreme::Places::Load(elements) => Some(elements),
                };
                let initial = extreme.initial.iter().filter_map(loaded);
                of(std::iter::once(&extreme.values).chain(places).chain(initial).chain(&extreme.results))
            }
            Kernel::Fold(fold) => {
                let Fold { operands, .. } = fold;
                of(operands
                    .iter()
                    .flat_map(|of: &Folded| [&of.input, &of.result].into_iter().chain(loaded(&of.initial))))
            }
            Kernel::SelectAndScatter(kernel) => {
                let SelectAndScatter { operand, source, initial, result, .. } = kernel;
                of([operand, source, result].into_iter().chain(loaded(initial)))
            }
            Kernel::Gather(gather) => [starts(&gather.starts), of([&gather.from, &gather.out])].concat(),
            Kernel::Scatter(scatter) => {
                let arrays = scatter.operands.iter();
                let arrays = arrays.flat_map(|array| [array.input.buffer, array.updates.buffer, array.out]);
                [starts(&scatter.starts), arrays.collect()].concat()
            }
            Kernel::Sort(sort) => {
                let operands = sort.operands.iter().flat_map(|operand| [&operand.from, &operand.out]);
                of(operands.chain(&sort.places))
            }
            Kernel::Cholesky(Cholesky { matrix, result, .. }) => of([matrix, result]),
            Kernel::TriangularSolve(TriangularSolve { matrix, right, result, .. }) => {
                of([matrix, right, result])
            }
            Kernel::Random(Random { state, next, bits, .. }) => of([state, next, bits]),
        }
    }

    /// What it costs, about, in steps of an element: a step is about 0.2 ns on one thread.
    pub fn cost(&self) -> usize {
        let product = |sizes: &[usize]| sizes.iter().fold(1usize, |all, &size| all.saturating_mul(size));
        match self {
            Kernel::Rows(rows) => {
                let sizes = [rows.outer.as_slice(), &rows.folded, &rows.inner].concat();
                product(&sizes).saturating_mul(rows.steps.iter().map(Step::cost).sum())
            }
            Kernel::Products(products) => {
                products.products.iter().map(Product::cost).fold(0, usize::saturating_add)
            }
            Kernel::Pack(Pack { product: of, operand, strips, .. }) => {
                let [batch, m, n, k] = of.sizes();
                product(&[strips.count, batch, if *operand == Operand::Lhs { m } else { n }, k])
            }
            Kernel::Window(window) => {
                let within: Vec<usize> = match window.running() {
                    Some(_) => Vec::new(),
                    None => window.windows.iter().map(|dim| dim.window).collect(),
                };
                product(&within).saturating_mul(window.result.access.len())
            }
            Kernel::Extreme(extreme) => extreme.values.access.len(),
            Kernel::Fold(fold) => {
                let results = fold.operands.first().map_or(0, |of| of.result.access.len());
                product(&[results, fold.places(), fold.body.steps.len() + fold.operands.len()])
            }
            Kernel::SelectAndScatter(kernel) => kernel.operand.access.len().saturating_mul(4),
            Kernel::Gather(gather) => {
                product(&[product(&gather.windows), STRAY]).saturating_add(gather.out.access.len())
            }
            Kernel::Scatter(scatter) => {
                let windows = scatter.windows.iter().map(|dim| dim.size);
                let sizes: Vec<usize> = scatter.members.iter().copied().chain(windows).collect();
                let updates = scatter.operands.iter().map(|array| array.updates.access.len());
                updates
                    .fold(product(&[product(&sizes), STRAY]), usize::saturating_add)
                    .saturating_add(scatter.out.len())
            }
            Kernel::Sort(Sort { rows, length, operands, .. }) => {
                let depth = length.checked_ilog2().unwrap_or(0) as usize + 1;
                product(&[product(rows), *length, depth, operands.len()])
            }
            Kernel::Cholesky(kernel) => solve_cost(&kernel.matrix, 1),
            Kernel::TriangularSolve(kernel) => {
                solve_cost(&kernel.matrix, access::size(&kernel.right.access.dims) / 4)
            }
            Kernel::Random(random) => product(&random.shape).saturating_mul(random.bits.access.len() * 8),
        }
    }
}

fn loaded(initial: &Initial) -> Option<&Elements> {
    match initial {
        Initial::Constant(_) => None,
        Initial::Load(elements) => Some(elements),
    }
}

/// The multiply-adds of matrices with their own size or so many others.
fn solve_cost(matrix: &Elements, others: usize) -> usize {
    let size = matrix.access.dims.last().map_or(0, |&(size, _)| size);
    matrix.access.len().saturating_mul(size.max(others)) / 4
}
