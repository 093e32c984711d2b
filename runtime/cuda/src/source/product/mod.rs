//! Matrix products: blocks make tiles of the result, whose operands go through shared memory stage by stage.
//!
//! Each element of the result is one chain of fused multiply-adds with its terms in order, and of many terms a tree of such
//! chains ([`choral_kernels::product::order`]): tiles change nothing, nor which block makes which chain. 16-bit floats are
//! multiplied by warps, 16 terms at a time in the order of their own that a GPU's matrix instructions have; whether they are
//! is decided by their types alone, so that the order is the same in every ensemble and batch.
//!
//! | module | holds |
//! |---|---|
//! | `sides`, `each` | products as rows times columns, several of them in one loop |
//! | `tile` | which tiles there are, and which is best |
//! | `fetch` | operands from memory to shared memory |
//! | `multiply` | what is done with them there |
//! | `sums` | chains that make one sum, and results |
//! | `vectors.cu`, `matrices.cu` | accesses of 16 bytes, and instructions on matrices |
//!
//! Must not live here: what the dimensions mean.

mod each;
mod fetch;
mod multiply;
mod sides;
mod sums;
mod tile;

use choral_kernels::Number;
use choral_kernels::kernel::Products;
use choral_kernels::product::order::BLOCK;
use choral_kernels::product::{Compute, Product};

use super::places::counter;
use super::text::Text;
use super::{Emitted, Needed, THREADS};
use each::{Each, indices};
use fetch::{Fetch, has_table, tabulate};
use multiply::Elements;
use sides::Sides;
use sums::Finish;
use tile::{GROUP, Tile, chains};

/// Accesses of elements that lie side by side.
pub(super) const VECTORS: &str = include_str!("vectors.cu");
const MATRICES: &str = include_str!("matrices.cu");

/// Writes the body of the function of products, for a team on so many multiprocessors.
pub(super) fn products(
    text: &mut Text,
    kernel: &Products,
    multiprocessors: usize,
    needed: &mut Needed,
) -> Emitted {
    needed.text(VECTORS);
    let mut emitted = Emitted::of_threads(0);
    let mut left: Vec<&Product> =
        kernel.products.iter().filter(|product| product.sizes()[..3].iter().all(|&size| size > 0)).collect();
    while let Some(&first) = left.first() {
        let (alike, others) = left.into_iter().partition(|product| sides::are_alike(first, product));
        left = others;
        text.block("", |text| {
            emitted = emitted.and(all_alike(text, kernel, &alike, multiprocessors, needed))
        });
    }
    emitted
}

/// Products that one loop makes.
fn all_alike(
    text: &mut Text,
    kernel: &Products,
    products: &[&Product],
    multiprocessors: usize,
    needed: &mut Needed,
) -> Emitted {
    let by_threads = Loop::of(kernel, products, multiprocessors, false);
    if !has_matrices(products[0]) {
        return by_threads.emit(text);
    }
    needed.text(MATRICES);
    text.line("#if defined(CHORAL_STAND_IN) || __CUDA_ARCH__ >= 800");
    let emitted = Loop::of(kernel, products, multiprocessors, true).emit(text);
    text.line("#else");
    let emitted = emitted.and(by_threads.emit(text));
    text.line("#endif");
    emitted
}

/// Whether there are instructions on matrices of its operands.
fn has_matrices(product: &Product) -> bool {
    product.compute() == Compute::F32
        && product.lhs == product.rhs
        && matches!(product.lhs, Number::F16 | Number::Bf16)
}

/// The loop over the tiles of some products.
struct Loop<'a> {
    kernel: &'a Products,
    sides: Sides,
    multiprocessors: usize,
    tile: Tile,
    /// The types of sums, and of operands in shared memory.
    sum: &'static str,
    shared: &'static str,
    /// Members, rows, columns and terms; tiles along rows and columns; chains.
    members: Each,
    rows: Each,
    columns: Each,
    terms: Each,
    down: Each,
    across: Each,
    chains: Each,
}

impl<'a> Loop<'a> {
    fn of(
        kernel: &'a Products,
        products: &[&Product],
        multiprocessors: usize,
        by_matrices: bool,
    ) -> Loop<'a> {
        let sides = Sides::of(products, !by_matrices);
        let sum = match sides.compute {
            Compute::F32 => "float",
            Compute::F64 => "double",
            // Sums wrap in what they are cut to.
            Compute::I16 | Compute::I32 | Compute::Truth => "u32",
            Compute::I64 => "u64",
        };
        let tile = match by_matrices {
            true => Tile::of_matrices(&sides.extents, multiprocessors),
            false => Tile::of_threads(sides.compute.bytes().max(4), &sides.extents, multiprocessors),
        };
        let [tile_rows, tile_columns] = tile.sizes();
        let extents = &sides.extents;
        let each = |name: &str, at: usize| Each::sizes(name, extents.iter().map(|extents| extents[at]));
        let is_float = sides.compute.is_float();
        let cut = |terms: usize| if is_float { chains(terms) } else { 1 };
        Loop {
            kernel,
            multiprocessors,
            tile,
            sum,
            shared: if by_matrices { "u16" } else { sum },
            members: each("members", 0),
            rows: each("rows", 1),
            columns: each("columns", 2),
            terms: each("terms", 3),
            down: Each::sizes("down", extents.iter().map(|extents| extents[1].div_ceil(tile_rows))),
            across: Each::sizes("across", extents.iter().map(|extents| extents[2].div_ceil(tile_columns))),
            chains: Each::sizes("chains", extents.iter().map(|extents| cut(extents[3]))),
            sides,
        }
    }

    /// Tiles of each product.
    fn tiles(&self) -> Vec<usize> {
        self.sides.extents.iter().map(|extents| self.tile.count(extents)).collect()
    }

    fn emit(&self, text: &mut Text) -> Emitted {
        let Loop { sides, tile, .. } = self;
        let elements = Elements::of(*tile);
        let fetches = [(0, self.lhs()), (1, self.rhs())]
            .map(|(at, buffer)| Fetch::of(sides, *tile, at, buffer, self.shared));
        let finish = Finish {
            sides,
            elements,
            sum: self.sum,
            out: self.kernel.out,
            addend: self.kernel.addend.filter(|_| sides.epilogue.add),
            extents: [&self.rows, &self.columns],
        };
        let is_cut = self.chains.largest() > 1;
        let is_split = is_cut && tile.is_split(&sides.extents, self.multiprocessors);
        let tiles = self.tiles();
        let counts: Vec<usize> = match is_split {
            true => {
                tiles.iter().zip(&sides.extents).map(|(tiles, extents)| tiles * chains(extents[3])).collect()
            }
            false => tiles.clone(),
        };
        let shared = self.declare(text, &fetches);
        elements.declare(text);
        fetches.iter().for_each(|fetch| fetch.declare(text));
        finish.declare(text);
        self.each_item(text, &counts, |text| {
            let chain = match is_split {
                true => {
                    text.line(format!(
                        "const u32 chain = number % {0}; const auto tile = number / {0};",
                        self.chains.text()
                    ));
                    Some("chain")
                }
                false => {
                    text.line("const auto tile = number;");
                    None
                }
            };
            let members = self.place(text);
            self.range(text, chain);
            fetches[0].declare_places(text, &members, "top", &self.rows);
            fetches[1].declare_places(text, &members, "start", &self.columns);
            let cut = (is_cut && !is_split).then(|| self.terms.largest());
            sums::declare(text, elements, self.sum, cut);
            self.stages(text, &fetches, elements, cut.is_some());
            self.of_multiplying(text, |text| {
                if is_split {
                    let to = sums::place_between(elements, self.sum, "item");
                    elements.each(text, |text| text.line(format!("{to} = sums[r][c];")));
                    return;
                }
                if is_cut {
                    sums::join(text, elements, &self.chains);
                }
                finish.write(text, &members);
            });
        });
        let items: usize = counts.iter().sum();
        let emitted = Emitted::of_threads(items * THREADS).sharing(shared);
        if !is_split {
            return emitted;
        }
        text.line("team.wait();");
        self.add_chains(text, elements, &finish, &tiles);
        sums::working_in(emitted.waiting(), elements, items, sides.compute.bytes())
    }

    fn lhs(&self) -> usize {
        if self.sides.is_turned { self.kernel.rhs } else { self.kernel.lhs }
    }

    fn rhs(&self) -> usize {
        if self.sides.is_turned { self.kernel.lhs } else { self.kernel.rhs }
    }

    /// Divides shared memory: two stages of both operands, and of distances if there are some. Says how much it is.
    fn declare(&self, text: &mut Text, fetches: &[Fetch<'_>; 2]) -> usize {
        let Loop { shared, sides, tile, .. } = self;
        let [left, right] = [0, 1].map(|at| fetches[at].elements());
        text.line(format!("{shared}* const left = ({shared}*)SHARED;"));
        text.line(format!("{shared}* const right = left + {};", 2 * left));
        let bytes = match *shared {
            "u16" => 2,
            _ => sides.compute.bytes().max(4),
        };
        let operands = 2 * (left + right) * bytes;
        if !has_table(sides) {
            return operands;
        }
        let (place, terms) = (sides.place, tile.terms);
        text.line(format!(
            "{place} (*const distances)[2][{terms}] = ({place} (*)[2][{terms}])(right + {});",
            2 * right
        ));
        operands + 2 * 2 * terms * 8
    }

    /// Goes through items of all products, each with the variables of its product and its number in it.
    fn each_item(&self, text: &mut Text, counts: &[usize], within: impl FnOnce(&mut Text)) {
        let items: usize = counts.iter().sum();
        let own =
            [&self.members, &self.rows, &self.columns, &self.terms, &self.down, &self.across, &self.chains];
        let all: Vec<&Each> = self.sides.all().into_iter().chain(own).collect();
        let ty = counter(items);
        text.block(format!("for ({ty} item = team.block; item < {items}; item += team.blocks)"), |text| {
            each::declare(text, ("item", "number"), counts, &all);
            within(text);
        });
    }

    /// Declares the member of a tile, whose indices are returned, and its first row and column.
    fn place(&self, text: &mut Text) -> Vec<String> {
        let (down, across) = (self.down.text(), self.across.text());
        let [tile_rows, tile_columns] = self.tile.sizes();
        text.line(format!("const u32 of_member = (u32)(tile % ({down} * {across}));"));
        let is_large = |each: &Each| each.constant().is_some_and(|count| count > GROUP as isize);
        if is_large(&self.down) && is_large(&self.across) {
            // So many tiles along rows take turns, so that what they read of columns is read while it is in the cache.
            text.line(format!("const u32 group = of_member / ({GROUP} * {across}) * {GROUP};"));
            text.line(format!("const u32 of_group = {down} - group < {GROUP} ? {down} - group : {GROUP};"));
            text.line(format!("const u32 in_group = of_member % ({GROUP} * {across});"));
            text.line(format!("const u32 top = (group + in_group % of_group) * {tile_rows};"));
            text.line(format!("const u32 start = in_group / of_group * {tile_columns};"));
        } else {
            text.line(format!("const u32 top = of_member / {across} * {tile_rows};"));
            text.line(format!("const u32 start = of_member % {across} * {tile_columns};"));
        }
        text.line(format!("const u32 member = (u32)(tile / ({down} * {across}));"));
        let sizes: Vec<&Each> = self.sides.batch.iter().map(|dim| &dim.size).collect();
        indices(text, "e", "member", &sizes)
    }

    /// Declares the terms of an item: those of a chain, or all.
    fn range(&self, text: &mut Text, chain: Option<&str>) {
        let terms = self.terms.text();
        let Some(chain) = chain else {
            text.line(format!("const u32 begin = 0, end = {terms};"));
            return;
        };
        text.line(format!("const u32 begin = {chain} * {BLOCK};"));
        text.line(format!(
            "const u32 end = {chain} + 1u < {} ? begin + {BLOCK} : {terms};",
            self.chains.text()
        ));
    }

    /// Multiplies stage by stage, while the next one is fetched.
    fn stages(&self, text: &mut Text, fetches: &[Fetch<'_>; 2], elements: Elements, keeps: bool) {
        let Loop { sides, tile, shared, .. } = self;
        let terms = tile.terms;
        let names = ["left", "right"];
        text.line(format!("const u32 stages = (end - begin + {}) / {terms};", terms - 1));
        if has_table(sides) {
            tabulate(text, sides, *tile, "0", "begin");
        }
        // Threads that are behind read the last tile's stages still.
        text.line("__syncthreads();");
        text.line("#pragma unroll 1");
        text.block("for (u32 stage = 0; ; ++stage)", |text| {
            text.block("if (stage < stages)", |text| {
                text.line(format!("const u32 first = begin + stage * {terms};"));
                fetches.iter().for_each(|fetch| fetch.fetch(text));
                if has_table(sides) {
                    tabulate(text, sides, *tile, "(stage + 1)", &format!("first + {terms}"));
                }
            });
            text.block("if (stage > 0)", |text| {
                text.line(format!("const u32 first = begin + (stage - 1) * {terms};"));
                for (name, fetch) in names.iter().zip(fetches) {
                    let elements = fetch.elements();
                    text.line(format!(
                        "const {shared}* const {name}_stage = {name} + (stage - 1) % 2 * {elements};"
                    ));
                }
                self.of_multiplying(text, |text| {
                    elements.multiply(text, sides, self.sum, fetches);
                    if keeps {
                        sums::keep_at_end(text, elements, terms, &self.chains);
                    }
                });
            });
            text.line("if (stage >= stages) break;");
            for (name, fetch) in names.iter().zip(fetches) {
                text.line(format!(
                    "{shared}* const {name}_next_stage = {name} + stage % 2 * {};",
                    fetch.elements()
                ));
                fetch.put(text, &format!("{name}_next_stage"));
            }
            text.line("__syncthreads();");
        });
    }

    /// Statements for the threads that multiply.
    fn of_multiplying(&self, text: &mut Text, within: impl FnOnce(&mut Text)) {
        match self.tile.threads() {
            THREADS => within(text),
            threads => text.block(format!("if (threadIdx.x < {threads})"), within),
        }
    }

    /// Adds the chains of each sum, in the order of the tree.
    fn add_chains(&self, text: &mut Text, elements: Elements, finish: &Finish<'_>, tiles: &[usize]) {
        let firsts = tiles.iter().zip(&self.sides.extents).scan(0, |next, (tiles, extents)| {
            let first = *next;
            *next += tiles * chains(extents[3]);
            Some(first)
        });
        let firsts = Each::sizes("first_chain", firsts);
        let items: usize = tiles.iter().sum();
        let own = [
            &self.members,
            &self.rows,
            &self.columns,
            &self.terms,
            &self.down,
            &self.across,
            &self.chains,
            &firsts,
        ];
        let all: Vec<&Each> = self.sides.all().into_iter().chain(own).collect();
        let ty = counter(items);
        text.block(format!("for ({ty} item = team.block; item < {items}; item += team.blocks)"), |text| {
            each::declare(text, ("item", "tile"), tiles, &all);
            let members = self.place(text);
            self.of_multiplying(text, |text| {
                sums::declare(text, elements, self.sum, Some(self.terms.largest()));
                let chains = self.chains.text();
                text.line("#pragma unroll 1");
                text.block(format!("for (u32 chain = 0; chain < {chains}; ++chain)"), |text| {
                    let place = format!("{} + tile * {chains} + chain", firsts.text());
                    let from = sums::place_between(elements, self.sum, &place);
                    elements.each(text, |text| text.line(format!("sums[r][c] = {from};")));
                    text.block(format!("if (chain + 1 < {chains})"), |text| {
                        sums::keep(text, elements, "chain")
                    });
                });
                sums::join(text, elements, &self.chains);
                finish.write(text, &members);
            });
        });
    }
}
