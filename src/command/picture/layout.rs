//! Where the boxes of a graph lie: in rows, each below all that it reads, near what it is joined to.
//!
//! After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
//! structures" (1981): rows, then sweeps that order each row by the neighbours of its boxes. A value
//! that is read some rows below has a place in each row between, so that its curve leads past the
//! boxes there. The time is linear in boxes and places, but for sorting.

/// Distance between boxes of a row, and between rows.
const GAP: (f64, f64) = (24.0, 44.0);
const MARGIN: f64 = 16.0;
/// How often the boxes are drawn towards their neighbours above and below, in turn.
const SWEEPS: usize = 16;
/// A curve across more rows than this has no places: it runs straight, behind what is there.
const LONGEST: usize = 32;

/// A box: its upper left corner and its size.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Frame {
    /// A point of the width: 0 is the left edge, 1 the right one.
    pub(super) fn at(&self, share: f64) -> f64 {
        self.x + self.width * share
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }
}

/// The boxes, what the curves pass, and the size of the whole.
#[derive(Debug)]
pub(super) struct Layout {
    /// The boxes; then places without width that curves pass.
    pub(super) frames: Vec<Frame>,
    /// Of each box, for each operand: the places from the operand's box to this one.
    pub(super) routes: Vec<Vec<Vec<usize>>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Places boxes of these sizes; `operands` are earlier boxes that each reads.
pub(super) fn layout(sizes: Vec<(f64, f64)>, operands: &[Vec<usize>]) -> Layout {
    let mut row_of = row_of(operands);
    let chains = chains(operands, &mut row_of);
    let (above, routes) = routes(operands, &row_of, &chains);
    let below = joints_below(&above);
    let above: Vec<Vec<Joint>> =
        above.into_iter().map(|list| list.into_iter().map(|at| (at, 0.5)).collect()).collect();
    let mut rows = vec![Vec::new(); row_of.iter().max().map_or(0, |last| last + 1)];
    row_of.iter().enumerate().for_each(|(at, &row)| rows[row].push(at));
    let mut frames: Vec<Frame> =
        sizes.into_iter().map(|(width, height)| Frame { width, height, ..Frame::default() }).collect();
    frames.resize(row_of.len(), Frame::default());
    rows.iter().for_each(|row| pack(row, &mut frames));
    for sweep in 0..SWEEPS {
        if sweep % 2 == 0 {
            rows.iter_mut().for_each(|row| draw_towards(&above, row, &mut frames));
        } else {
            rows.iter_mut().rev().for_each(|row| draw_towards(&below, row, &mut frames));
        }
    }
    let height = stack(&rows, &mut frames);
    let left = frames.iter().map(|frame| frame.x).fold(f64::INFINITY, f64::min);
    frames.iter_mut().for_each(|frame| frame.x += MARGIN - left);
    let right = frames.iter().map(|frame| frame.x + frame.width).fold(MARGIN, f64::max);
    Layout { frames, routes, width: right + MARGIN, height }
}

/// Where along the reader's width the curve of this one of its operands arrives.
pub(super) fn share(position: usize, operands: usize) -> f64 {
    (position + 1) as f64 / (operands + 1) as f64
}

/// The other end of a curve: a box or place, and where along its width.
type Joint = (usize, f64);

fn joints_below(above: &[Vec<usize>]) -> Vec<Vec<Joint>> {
    let mut below = vec![Vec::new(); above.len()];
    for (reader, list) in above.iter().enumerate() {
        for (position, &at) in list.iter().enumerate() {
            below[at].push((reader, share(position, list.len())));
        }
    }
    below
}

/// Who is named by whom.
fn inverse(lists: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut inverse = vec![Vec::new(); lists.len()];
    for (at, list) in lists.iter().enumerate() {
        list.iter().for_each(|&named| inverse[named].push(at));
    }
    inverse
}

/// The row of each box: below all operands; with at most one operand, right above the first reader.
fn row_of(operands: &[Vec<usize>]) -> Vec<usize> {
    let users = inverse(operands);
    let mut row_of = vec![0; operands.len()];
    for at in 0..operands.len() {
        row_of[at] = operands[at].iter().map(|&operand| row_of[operand] + 1).max().unwrap_or(0);
    }
    for at in (0..operands.len()).rev().filter(|&at| operands[at].len() <= 1) {
        let reader: Option<usize> = users[at].iter().map(|&user| row_of[user]).min();
        row_of[at] = reader.map_or(row_of[at], |row| row.saturating_sub(1));
    }
    row_of
}

/// New places below each box, one per row, down to the row above its last reader.
fn chains(operands: &[Vec<usize>], row_of: &mut Vec<usize>) -> Vec<Vec<usize>> {
    let mut lengths = vec![0; operands.len()];
    for (user, operands) in operands.iter().enumerate() {
        for &operand in operands {
            let between = row_of[user] - row_of[operand] - 1;
            if between <= LONGEST {
                lengths[operand] = between.max(lengths[operand]);
            }
        }
    }
    let mut chain = |(at, length): (usize, usize)| {
        let first = row_of.len();
        row_of.extend((1..=length).map(|down| row_of[at] + down).collect::<Vec<_>>());
        (first..row_of.len()).collect()
    };
    lengths.into_iter().enumerate().map(&mut chain).collect()
}

/// What lies above each box and place, one curve away; and the places that each curve passes.
fn routes(
    operands: &[Vec<usize>],
    row_of: &[usize],
    chains: &[Vec<usize>],
) -> (Vec<Vec<usize>>, Vec<Vec<Vec<usize>>>) {
    let mut above = vec![Vec::new(); row_of.len()];
    for (at, chain) in chains.iter().enumerate() {
        for (position, &place) in chain.iter().enumerate() {
            above[place].push(if position == 0 { at } else { chain[position - 1] });
        }
    }
    let mut routes = Vec::with_capacity(operands.len());
    for (user, operands) in operands.iter().enumerate() {
        let route = |&operand: &usize| {
            let between = row_of[user] - row_of[operand] - 1;
            chains[operand].get(..between).unwrap_or_default().to_vec()
        };
        let passed: Vec<Vec<usize>> = operands.iter().map(route).collect();
        let last = passed.iter().zip(operands).map(|(route, operand)| *route.last().unwrap_or(operand));
        above[user] = last.collect();
        routes.push(passed);
    }
    (above, routes)
}

/// Boxes side by side, in the order of the row.
fn pack(row: &[usize], frames: &mut [Frame]) {
    let mut x = 0.0;
    for &at in row {
        frames[at].x = x;
        x += frames[at].width + GAP.0;
    }
}

/// Puts the boxes of a row in the middle of what they are joined to, as far as they leave each other room.
fn draw_towards(joints: &[Vec<Joint>], row: &mut [usize], frames: &mut [Frame]) {
    let wish = |at: usize| match joints[at].as_slice() {
        [] => frames[at].at(0.5),
        all => all.iter().map(|&(other, share)| frames[other].at(share)).sum::<f64>() / all.len() as f64,
    };
    let mut wishes: Vec<(f64, usize)> = row.iter().map(|&at| (wish(at), at)).collect();
    // The sort is stable, and the order within a row deterministic: so is the picture.
    wishes.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let mut free = f64::NEG_INFINITY;
    let mut moved = 0.0;
    for (&(wish, at), place) in wishes.iter().zip(row.iter_mut()) {
        let frame = &mut frames[at];
        frame.x = free.max(wish - frame.width / 2.0);
        moved += frame.at(0.5) - wish;
        free = frame.x + frame.width + GAP.0;
        *place = at;
    }
    // Boxes only moved to the right: the row as a whole moves back by as much.
    let back = moved / row.len().max(1) as f64;
    row.iter().for_each(|&at| frames[at].x -= back);
}

/// Puts the rows below each other, and returns the height of all; places are as high as their row.
fn stack(rows: &[Vec<usize>], frames: &mut [Frame]) -> f64 {
    let mut y = MARGIN;
    for row in rows {
        let height = row.iter().map(|&at| frames[at].height).fold(0.0, f64::max);
        for &at in row {
            frames[at].y = y;
            if frames[at].width == 0.0 {
                frames[at].height = height;
            }
        }
        y += height + GAP.1;
    }
    (y - GAP.1).max(MARGIN) + MARGIN
}
