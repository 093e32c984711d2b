//! Where registers lie in a frame: each from its first use to its last, in as little memory as it takes.

/// A cache line: what registers are aligned to.
pub(super) const LINE: usize = 64;

/// A register: its bytes, and the positions of the codes between which it is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Register {
    pub bytes: usize,
    pub first: usize,
    pub last: usize,
}

/// The offset of each register from `base` on, and where all of them end. Two that are needed at the same position do not
/// overlap.
pub(super) fn place(registers: &[Register], base: usize) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..registers.len()).collect();
    order.sort_by_key(|&at| registers[at].first);
    let mut offsets = vec![0; registers.len()];
    let mut taken: Vec<usize> = Vec::new();
    let mut end = base;
    for at in order {
        let register = &registers[at];
        taken.retain(|&other| registers[other].last >= register.first);
        taken.sort_by_key(|&other| offsets[other]);
        // The first gap that is large enough.
        let mut offset = base;
        for &other in &taken {
            if offsets[other] >= offset + aligned(register.bytes) {
                break;
            }
            offset = offset.max(offsets[other] + aligned(registers[other].bytes));
        }
        offsets[at] = offset;
        end = end.max(offset + aligned(register.bytes));
        taken.push(at);
    }
    (offsets, end)
}

/// Bytes up to the next line.
pub(super) fn aligned(bytes: usize) -> usize {
    bytes.next_multiple_of(LINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_share_memory_when_their_times_do_not_meet() {
        let of = |bytes, first, last| Register { bytes, first, last };
        let (offsets, end) = place(&[of(100, 0, 1), of(64, 1, 3), of(128, 2, 4), of(10, 5, 6)], 64);
        assert_eq!((offsets, end), (vec![64, 192, 64, 64], 256));
    }
}
