//! Where values lie in one block of memory: each from the kernel that makes it to the last that reads it.
//!
//! Must not live here: which values there are, and whose memory it is.

/// What buffers are aligned to: a cache line.
pub const LINE: usize = 64;

/// A value: its bytes, the kernel that makes it, and the last one that reads it.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// Its size.
    pub bytes: usize,
    /// The kernel that makes it.
    pub first: usize,
    /// The last one that reads it.
    pub last: usize,
}

impl Life {
    fn meets(&self, other: &Life) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// From where this begins to where a later one ends.
    pub fn until(&self, later: &Life) -> Life {
        Life { first: self.first.min(later.first), last: self.last.max(later.last), ..*self }
    }

    fn room(&self) -> usize {
        self.bytes.next_multiple_of(LINE)
    }
}

/// The offset of each value, and the bytes of all. The largest are placed first, each at the lowest place that is
/// free during its life.
pub fn place(lives: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(lives[at].room()), lives[at].first));
    let mut offsets = vec![0; lives.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(lives.len());
    let mut end = 0;
    for at in order {
        let mut offset = 0;
        // Those that are placed, by where they lie.
        for &other in placed.iter().filter(|&&other| lives[other].meets(&lives[at])) {
            if offsets[other] >= offset + lives[at].room() {
                break;
            }
            offset = offset.max(offsets[other] + lives[other].room());
        }
        offsets[at] = offset;
        end = end.max(offset + lives[at].room());
        let place = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(place, at);
    }
    (offsets, end)
}

/// The most bytes that are alive at once: no placement takes less.
pub fn bound(lives: &[Life]) -> usize {
    let kernels = lives.iter().map(|life| life.last + 1).max().unwrap_or(0);
    let mut change = vec![0isize; kernels + 1];
    for life in lives {
        change[life.first] += life.room() as isize;
        change[life.last + 1] -= life.room() as isize;
    }
    let alive = change.iter().scan(0, |alive, change| {
        *alive += change;
        Some(*alive)
    });
    alive.max().unwrap_or(0).max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_share_places_when_their_lives_do_not_meet() {
        let life = |bytes, first, last| Life { bytes, first, last };
        let lives = [life(100, 0, 1), life(64, 1, 2), life(128, 2, 3), life(10, 3, 3)];
        let (offsets, end) = place(&lives);
        assert_eq!((offsets, end, bound(&lives)), (vec![0, 128, 0, 128], 192, 192));
    }
}
