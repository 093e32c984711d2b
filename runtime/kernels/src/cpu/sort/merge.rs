//! The merge sort that defines what a comparator gives, be it consistent or not.

/// Brings places in order by `before`: halves first, of which the right one's next element goes ahead only if it comes
/// before the left one's. `space` has as many places.
pub(super) fn sort(places: &mut [u32], space: &mut [u32], before: &mut impl FnMut(u32, u32) -> bool) {
    if places.len() < 2 {
        return;
    }
    let half = places.len() / 2;
    sort(&mut places[..half], space, before);
    sort(&mut places[half..], space, before);
    let left = &mut space[..half];
    left.copy_from_slice(&places[..half]);
    let (mut l, mut r, mut out) = (0, half, 0);
    // What is left of the right half lies where it belongs.
    while l < half && r < places.len() {
        let takes_right = before(places[r], left[l]);
        places[out] = if takes_right { places[r] } else { left[l] };
        (l, r) = if takes_right { (l, r + 1) } else { (l + 1, r) };
        out += 1;
    }
    places[out..out + half - l].copy_from_slice(&left[l..]);
}
