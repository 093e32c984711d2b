//! Random bits: a thread for each block of a counter-based generator.
//!
//! Must not live here: what the generators are ([`choral_kernels::random`]).

use choral_kernels::random::{Algorithm, Random};
use choral_kernels::{Access, Number};

use super::number::{in_memory, load, store};
use super::places::{Indices, counter};
use super::text::Text;
use super::{Emitted, Needed};

/// Writes the body of the function of a kernel of random bits.
pub(super) fn random(text: &mut Text, random: &Random, needed: &mut Needed) -> Emitted {
    needed.text(include_str!("random.cu"));
    let Random { algorithm, state, next, shape, number, .. } = random;
    let (states, words) = state.access.dims.split_at(state.access.dims.len() - 1);
    let (word_size, word_stride) = words[0];
    let sizes: Vec<usize> = states.iter().map(|&(size, _)| size).collect();
    let elements: usize = shape.iter().product();
    let is_wide = number.bytes() == 8;
    let split = (*algorithm == Algorithm::ThreeFry && !is_wide).then(|| Split::of(shape));
    let blocks = match (algorithm, &split) {
        (_, Some(split)) => split.blocks(elements),
        (Algorithm::ThreeFry, None) => elements,
        (Algorithm::Philox, _) => (elements * number.bytes().div_ceil(4)).div_ceil(4),
    };
    // A state moves on even where it draws nothing.
    let of_state = blocks.max(1);
    let count = sizes.iter().product::<usize>() * of_state;
    let ty = counter(count);
    text.block(format!("for ({ty} at = team.thread(); at < {count}; at += team.threads())"), |text| {
        let which = Indices::declare(text, "i", &format!("(at / {of_state})"), &sizes);
        text.line(format!("const u64 block = at % {of_state};"));
        let word = |access: &Access, stride: isize, word: usize| {
            let place = which.place(access.offset, &access.dims[..sizes.len()]);
            format!("{place} + {}", stride * word as isize)
        };
        for at in 0..word_size {
            let place = word(&state.access, word_stride, at);
            text.line(format!(
                "const u64 state{at} = {};",
                load(Number::U64, &format!("b{}", state.buffer), &place)
            ));
        }
        let next_stride = next.access.dims[sizes.len()].1;
        text.block("if (block == 0)", |text| {
            let moved = match (algorithm, word_size) {
                (Algorithm::ThreeFry, _) | (Algorithm::Philox, 2) => {
                    vec!["state0".to_owned(), format!("state1 + {blocks}ull")]
                }
                (Algorithm::Philox, _) => vec![
                    "state0".to_owned(),
                    format!("state1 + {blocks}ull"),
                    format!("state2 + (state1 + {blocks}ull < state1 ? 1 : 0)"),
                ],
            };
            for (at, value) in moved.iter().enumerate() {
                let place = word(&next.access, next_stride, at);
                text.line(store(Number::U64, &format!("b{}", next.buffer), &place, value));
            }
        });
        if blocks == 0 {
            return;
        }
        let first = which.place(random.bits.access.offset, &random.bits.access.dims);
        let moved = Number::of_bytes(number.bytes());
        text.line(format!("{0}* const out = ({0}*)b{1} + {first};", in_memory(moved), random.bits.buffer));
        match algorithm {
            Algorithm::ThreeFry => {
                text.line("u32 words[2];");
                text.line("threefry(state0, state1 + block, words);");
            }
            Algorithm::Philox => {
                text.line("u32 words[4];");
                // Where the state has no second word for the counter, the key is.
                let high = if word_size > 2 { "state2" } else { "state0" };
                text.line("const u64 low = state1 + block;");
                text.line(format!("philox(state0, low, {high} + (low < state1 ? 1 : 0), words);"));
            }
        }
        match &split {
            Some(split) => split.put(text, random),
            None => in_order(text, random, elements),
        }
    });
    Emitted::of_threads(count)
}

/// The element that a word is, of numbers that take no more than one.
fn element(random: &Random, word: &str) -> String {
    match (random.narrow, random.number) {
        (Some(bits), Number::I8) => format!("(u8)((i8)((u32){word} << {0}) >> {0})", 8 - bits),
        (Some(bits), _) => format!("(u8)({word} & {})", (1u32 << bits) - 1),
        (None, Number::I1) => format!("(u8)({word} & 1)"),
        (None, number) => format!("({}){word}", in_memory(Number::of_bytes(number.bytes()))),
    }
}

/// The words of a block are elements, one after another.
fn in_order(text: &mut Text, random: &Random, elements: usize) {
    let words = match random.algorithm {
        Algorithm::ThreeFry => 2,
        Algorithm::Philox => 4,
    };
    let of_element = random.number.bytes().div_ceil(4);
    let of_block = words / of_element;
    for at in 0..of_block {
        let value = match of_element {
            2 => format!("(u64)words[{}] | (u64)words[{}] << 32", 2 * at, 2 * at + 1),
            _ => element(random, &format!("words[{at}]")),
        };
        text.line(format!(
            "if (block * {of_block} + {at} < {elements}ull) out[block * {of_block} + {at}] = {value};"
        ));
    }
}

/// The two words of a block are neighbours along a dimension of `size`, with `width` elements behind it.
struct Split {
    size: usize,
    width: usize,
}

impl Split {
    /// The first even dimension, or else the longest, the last of these.
    fn of(shape: &[usize]) -> Split {
        let even = shape.iter().position(|size| size % 2 == 0);
        let longest = || (0..shape.len()).max_by_key(|&dim| (shape[dim], std::cmp::Reverse(dim)));
        match even.or_else(longest) {
            Some(dim) => Split { size: shape[dim], width: shape[dim + 1..].iter().product() },
            None => Split { size: 1, width: 1 },
        }
    }

    fn blocks(&self, elements: usize) -> usize {
        if elements == 0 {
            0
        } else {
            elements / (self.size * self.width) * self.size.div_ceil(2) * self.width
        }
    }

    fn put(&self, text: &mut Text, random: &Random) {
        let Split { size, width } = *self;
        let half = size.div_ceil(2);
        text.line(format!("const u64 line = block / {}, pair = block / {width} % {half};", half * width));
        text.line(format!("const u64 first = (line * {size} + 2 * pair) * {width} + block % {width};"));
        text.line(format!("out[first] = {};", element(random, "words[0]")));
        let second = element(random, "words[1]");
        text.line(format!("if (2 * pair + 1 < {size}) out[first + {width}] = {second};"));
    }
}
