//! Matrix products: blocks make tiles of the result, threads a few rows and columns of a tile.
//!
//! Each element of the result is one chain of fused multiply-adds with its terms in order, and of many terms a tree of such
//! chains ([`choral_kernels::product::order`]): the tile changes nothing. Must not live here: what the dimensions mean.

use choral_kernels::kernel::Products;
use choral_kernels::product::order::{BLOCK, is_cut, kept};
use choral_kernels::product::{Compute, Dim, Product, space};

use super::number::{in_memory, load, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::{Emitted, THREADS};

/// How a block divides a tile.
#[derive(Debug, Clone, Copy)]
struct Tile {
    /// Threads along rows and columns.
    threads: [usize; 2],
    /// Rows and columns of a thread.
    own: [usize; 2],
}

/// Terms that lie in shared memory at a time: a divisor of what chains are cut into.
const TERMS: usize = 16;

impl Tile {
    /// The one for so many rows and columns.
    fn of(rows: usize, columns: usize) -> Tile {
        let (threads, own) = match (rows, columns) {
            (..=4, _) => ([1, 256], [4, 1]),
            (_, ..=4) => ([256, 1], [1, 4]),
            (..=16, _) => ([4, 64], [4, 2]),
            (_, ..=16) => ([64, 4], [2, 4]),
            (_, _) => ([16, 16], [4, 4]),
        };
        Tile { threads, own }
    }

    fn sizes(self) -> [usize; 2] {
        [self.threads[0] * self.own[0], self.threads[1] * self.own[1]]
    }
}

/// Writes the body of the function of products.
pub(super) fn products(text: &mut Text, kernel: &Products) -> Emitted {
    let mut emitted = Emitted::of_threads(0);
    for product in kernel.products.iter().filter(|product| product.sizes()[..3].iter().all(|&size| size > 0))
    {
        text.block("", |text| emitted = emitted.and(Emitter::of(kernel, product).emit(text)));
    }
    emitted
}

struct Emitter<'a> {
    kernel: &'a Products,
    product: &'a Product,
    tile: Tile,
    /// The type of sums, as a type of the source.
    sum: &'static str,
}

impl Emitter<'_> {
    fn of<'a>(kernel: &'a Products, product: &'a Product) -> Emitter<'a> {
        let [_, m, n, _] = product.sizes();
        let sum = match product.compute() {
            Compute::F32 => "float",
            Compute::F64 => "double",
            // Sums wrap in what they are cut to.
            Compute::I16 | Compute::I32 => "u32",
            Compute::I64 => "u64",
            Compute::Truth => "u8",
        };
        Emitter { kernel, product, tile: Tile::of(m, n), sum }
    }

    fn emit(&self, text: &mut Text) -> Emitted {
        let Product { batch, m, n, k, .. } = self.product;
        let [members, rows, columns, terms] = self.product.sizes();
        let ([tile_rows, tile_columns], [own_rows, own_columns]) = (self.tile.sizes(), self.tile.own);
        let (down, across) = (rows.div_ceil(tile_rows), columns.div_ceil(tile_columns));
        let tiles = members * down * across;
        let bytes = self.product.compute().bytes().max(4);
        let shared = (tile_rows + tile_columns) * TERMS * bytes;
        let is_cut = self.product.compute().is_float() && is_cut(terms);
        let sum = self.sum;
        text.line(format!("{sum}* const left = ({sum}*)SHARED;"));
        text.line(format!("{sum}* const right = left + {};", tile_rows * TERMS));
        let ty = counter(tiles);
        text.block(format!("for ({ty} tile = team.block; tile < {tiles}; tile += team.blocks)"), |text| {
            let member = Indices::declare(text, "e", &format!("(tile / {})", down * across), &sizes(batch));
            text.line(format!("const u32 top = (u32)(tile / {across} % {down}) * {tile_rows};"));
            text.line(format!("const u32 start = (u32)(tile % {across}) * {tile_columns};"));
            text.line(format!("const u32 row = threadIdx.x / {} * {own_rows};", self.tile.threads[1]));
            text.line(format!("const u32 column = threadIdx.x % {} * {own_columns};", self.tile.threads[1]));
            text.line(format!("{sum} sums[{own_rows}][{own_columns}] = {{}};"));
            if is_cut {
                text.line(format!("{sum} kept[{}][{own_rows}][{own_columns}];", kept(terms)));
            }
            text.block(format!("for (u32 first = 0; first < {terms}; first += {TERMS})"), |text| {
                text.line(format!(
                    "const u32 count = {terms} - first < {TERMS} ? {terms} - first : {TERMS};"
                ));
                text.line("__syncthreads();");
                self.fetch(
                    text,
                    &member,
                    Side { name: "left", at: 0, start: "top", size: tile_rows, dims: m },
                    k,
                );
                self.fetch(
                    text,
                    &member,
                    Side { name: "right", at: 1, start: "start", size: tile_columns, dims: n },
                    k,
                );
                text.line("__syncthreads();");
                self.multiply(text);
                if is_cut {
                    self.keep(text, terms);
                }
            });
            self.finish(text, &member, is_cut.then_some(terms));
        });
        Emitted::of_threads(tiles * THREADS).sharing(shared)
    }

    /// Brings a part of an operand into shared memory, term by term.
    fn fetch<const N: usize>(&self, text: &mut Text, member: &Indices, side: Side<'_, N>, terms: &[Dim<2>]) {
        let Side { name, at, start, size, dims } = side;
        let (number, buffer) = match at {
            0 => (self.product.lhs, self.kernel.lhs),
            _ => (self.product.rhs, self.kernel.rhs),
        };
        let extent = space::size(dims);
        let stride = |strides: Option<isize>| strides.map_or(usize::MAX, isize::unsigned_abs);
        // Neighbouring threads read along the dimension whose elements lie closer together.
        let by_terms =
            stride(terms.last().map(|dim| dim.strides[at])) < stride(dims.last().map(|dim| dim.strides[0]));
        text.block(format!("for (u32 at = threadIdx.x; at < {}; at += {THREADS})", size * TERMS), |text| {
            let (term, place) = if by_terms {
                (format!("at % {TERMS}"), format!("at / {TERMS}"))
            } else {
                (format!("at / {size}"), format!("at % {size}"))
            };
            text.line(format!("const u32 term = {term}, place = {place};"));
            text.block(format!("if (term < count && {start} + place < {extent})"), |text| {
                let along = Indices::declare(text, "k", "(first + term)", &sizes(terms));
                let across = Indices::declare(text, "p", &format!("({start} + place)"), &sizes(dims));
                let strides =
                    strides(&self.product.batch, at).chain(strides(dims, 0)).chain(strides(terms, at));
                let offset = member.and(&across).and(&along).offset(self.product.offsets[at], strides);
                let element = load(number, &format!("b{buffer}"), &offset);
                text.line(format!("{name}[term * {size} + place] = ({}){element};", self.sum));
            });
        });
    }

    fn multiply(&self, text: &mut Text) {
        let ([tile_rows, tile_columns], [rows, columns]) = (self.tile.sizes(), self.tile.own);
        let sum = self.sum;
        text.block("for (u32 term = 0; term < count; ++term)", |text| {
            text.line(format!("{sum} x[{rows}], y[{columns}];"));
            text.line("#pragma unroll");
            text.line(format!("for (u32 r = 0; r < {rows}; ++r) x[r] = left[term * {tile_rows} + row + r];"));
            text.line("#pragma unroll");
            text.line(format!(
                "for (u32 c = 0; c < {columns}; ++c) y[c] = right[term * {tile_columns} + column + c];"
            ));
            self.each(text, |text| {
                text.line(match self.product.compute() {
                    Compute::F32 => "sums[r][c] = fmaf(x[r], y[c], sums[r][c]);",
                    Compute::F64 => "sums[r][c] = fma(x[r], y[c], sums[r][c]);",
                    Compute::Truth => "sums[r][c] |= x[r] & y[c];",
                    Compute::I16 | Compute::I32 | Compute::I64 => "sums[r][c] += x[r] * y[c];",
                });
            });
        });
    }

    /// Statements for each element of a thread.
    fn each(&self, text: &mut Text, within: impl FnOnce(&mut Text)) {
        let [rows, columns] = self.tile.own;
        text.line("#pragma unroll");
        text.block(format!("for (u32 r = 0; r < {rows}; ++r)"), |text| {
            text.line("#pragma unroll");
            text.block(format!("for (u32 c = 0; c < {columns}; ++c)"), within);
        });
    }

    /// Keeps the sums of a block of terms that ends here: like the digits of a binary counter, they merge with what is kept.
    fn keep(&self, text: &mut Text, terms: usize) {
        text.block(format!("if ((first + {TERMS}) % {BLOCK} == 0 && first + {TERMS} < {terms})"), |text| {
            text.line(format!("const u32 block = first / {BLOCK};"));
            text.line("u32 depth = __popc(block);");
            text.block("for (u32 ones = block; ones & 1; ones >>= 1)", |text| {
                text.line("--depth;");
                self.each(text, |text| text.line("sums[r][c] = kept[depth][r][c] + sums[r][c];"));
            });
            self.each(text, |text| {
                text.line("kept[depth][r][c] = sums[r][c];");
                text.line("sums[r][c] = 0;");
            });
        });
    }

    /// Writes the sums, with what is added to them.
    fn finish(&self, text: &mut Text, member: &Indices, cut: Option<usize>) {
        let Product { batch, m, n, out, offsets, epilogue, .. } = self.product;
        let [_, rows, columns, _] = self.product.sizes();
        if let Some(terms) = cut {
            let kept = (terms.div_ceil(BLOCK) - 1).count_ones();
            text.block(format!("for (u32 depth = {kept}; depth > 0; --depth)"), |text| {
                self.each(text, |text| text.line("sums[r][c] = kept[depth - 1][r][c] + sums[r][c];"));
            });
        }
        self.each(text, |text| {
            text.block(format!("if (top + row + r < {rows} && start + column + c < {columns})"), |text| {
                let down = Indices::declare(text, "m", "(top + row + r)", &sizes(m));
                let across = Indices::declare(text, "n", "(start + column + c)", &sizes(n));
                let all = member.and(&down).and(&across);
                let place = |at: usize, free: usize| {
                    let strides = strides(batch, at).chain(strides(m, free)).chain(strides(n, free));
                    all.offset(offsets[at], strides)
                };
                text.line(format!("{} sum = sums[r][c];", self.sum));
                if let (true, Some(addend)) = (epilogue.add, self.kernel.addend) {
                    text.line(format!("sum = sum + {};", load(*out, &format!("b{addend}"), &place(3, 2))));
                }
                if epilogue.relu {
                    text.line("sum = sum <= 0 ? 0 : sum;");
                }
                let value = match self.product.compute() {
                    Compute::F32 | Compute::F64 => "sum".to_owned(),
                    Compute::I16 | Compute::I32 | Compute::I64 | Compute::Truth => {
                        format!("({})sum", in_memory(*out))
                    }
                };
                text.line(store(*out, &format!("b{}", self.kernel.out), &place(2, 1), &value));
            });
        });
    }
}

/// An operand, with the dimensions in which it and the result move.
struct Side<'a, const N: usize> {
    name: &'static str,
    /// Its number among operands.
    at: usize,
    /// The first of the tile's places along these dimensions.
    start: &'static str,
    size: usize,
    dims: &'a [Dim<N>],
}

fn sizes<const N: usize>(dims: &[Dim<N>]) -> Vec<usize> {
    dims.iter().map(|dim| dim.size).collect()
}

fn strides<const N: usize>(dims: &[Dim<N>], at: usize) -> impl Iterator<Item = isize> {
    dims.iter().map(move |dim| dim.strides[at])
}
