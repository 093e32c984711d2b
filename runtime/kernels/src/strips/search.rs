//! The dimensions along which kernels that run one after another are cut, so that every strip runs all of them by
//! itself.
//!
//! A place is where values lie: a buffer, or whatever the caller takes for one. What each kernel reads and writes says
//! what a strip has of it. Must not live here: what places are, and whether strips are worth it.

use super::{Cuts, Use};

/// What is known of a place before any kernel is looked at.
#[derive(Debug, Clone)]
pub struct Place {
    /// What a strip has of it.
    pub part: Part,
    /// Whether strips must keep to their own parts of it.
    pub is_confined: bool,
    /// The places of which each strip has all, if it has all of this one; none of one of which it must not.
    pub together: Vec<usize>,
}

/// What a strip has of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What begins so many bytes after that of the strip before; any number, as long as no kernel has said.
    Moving(Option<isize>),
    /// All of it, which each strip makes for itself.
    Whole,
}

impl Part {
    /// Bytes from one strip's part to the next.
    pub fn step(self) -> isize {
        match self {
            Part::Moving(step) => step.unwrap_or(0),
            Part::Whole => 0,
        }
    }
}

/// How kernels are cut.
#[derive(Debug, Clone)]
pub struct Found {
    /// Along which of its dimensions each kernel is cut, unless every strip runs all of it.
    pub dims: Vec<Option<usize>>,
    /// What strips have of each place.
    pub parts: Vec<Part>,
}

/// Cuts kernels into so many strips. What turns out to be the same for all strips becomes whole, until nothing more does.
///
/// # Errors
/// The number of the first kernel that cannot be cut beside those before it.
pub fn search(cuts: &[Cuts], places: &[Place], count: usize) -> Result<Found, usize> {
    let mut first: Vec<Part> = places.iter().map(|place| place.part).collect();
    let search = Search { places, count };
    loop {
        let mut parts = first.clone();
        let mut dims = Vec::with_capacity(cuts.len());
        let mut wanted = None;
        for (at, cuts) in cuts.iter().enumerate() {
            match search.kernel(cuts, &mut parts) {
                Ok(dim) => dims.push(dim),
                Err(whole) => {
                    wanted = Some((at, whole));
                    break;
                }
            }
        }
        let Some((at, whole)) = wanted else { return Ok(Found { dims, parts }) };
        let whole = whole.ok_or(at)?;
        if whole.iter().all(|&place| first[place] == Part::Whole) {
            return Err(at);
        }
        whole.into_iter().for_each(|place| first[place] = Part::Whole);
    }
}

struct Search<'a> {
    places: &'a [Place],
    count: usize,
}

impl Search<'_> {
    /// Where a kernel is cut, beside those before it; else the places that it wants whole, if they may be.
    fn kernel(&self, cuts: &Cuts, parts: &mut [Part]) -> Result<Option<usize>, Option<Vec<usize>>> {
        if cuts.uses.iter().any(|used| used.is_written && parts[used.buffer] == Part::Whole) {
            return self.whole(cuts, parts).map(|()| None);
        }
        let dims = 0..cuts.sizes.len();
        let mut wanted = None;
        for dim in dims.filter(|&dim| cuts.sizes[dim] > 0 && cuts.sizes[dim].is_multiple_of(self.count)) {
            match self.along(cuts, dim, parts) {
                Ok(()) => return Ok(Some(dim)),
                Err(whole) => wanted = wanted.or(whole),
            }
        }
        let own = || {
            let written = cuts.uses.iter().filter(|used| used.is_written);
            self.all_whole(written.map(|used| used.buffer))
        };
        Err(wanted.or_else(own))
    }

    /// A kernel that every strip runs whole.
    fn whole(&self, cuts: &Cuts, parts: &mut [Part]) -> Result<(), Option<Vec<usize>>> {
        let moves = |used: &&Use| match parts[used.buffer] {
            Part::Whole => false,
            Part::Moving(step) => used.is_written || step.is_some_and(|step| step != 0),
        };
        let moving: Vec<usize> = cuts.uses.iter().filter(moves).map(|used| used.buffer).collect();
        if !moving.is_empty() {
            return Err(self.all_whole(moving));
        }
        for used in &cuts.uses {
            if let Part::Moving(step) = &mut parts[used.buffer] {
                *step = Some(0);
            }
        }
        Ok(())
    }

    /// A kernel that is cut along a dimension.
    fn along(&self, cuts: &Cuts, dim: usize, parts: &mut [Part]) -> Result<(), Option<Vec<usize>>> {
        let (mut found, mut shared) = (Vec::new(), Vec::new());
        for used in cuts.uses.iter().filter(|used| used.packed.is_none()) {
            let step = used.step(dim, self.count);
            match parts[used.buffer] {
                Part::Whole if step != 0 || used.is_written => return Err(None),
                Part::Whole => {}
                Part::Moving(known) => {
                    let fits = known.is_none_or(|known| known == step)
                        && (step != 0 || !used.is_written)
                        && (!self.places[used.buffer].is_confined || used.keeps_apart(dim, self.count));
                    let is_alike = found.iter().all(|&(place, other)| place != used.buffer || other == step);
                    match fits && is_alike {
                        true => found.push((used.buffer, step)),
                        false if step == 0 && !used.is_written => shared.push(used.buffer),
                        false => return Err(None),
                    }
                }
            }
        }
        if !shared.is_empty() {
            return Err(self.all_whole(shared));
        }
        found.into_iter().for_each(|(place, step)| parts[place] = Part::Moving(Some(step)));
        Ok(())
    }

    /// All places that become whole with these, if all of them may.
    fn all_whole(&self, places: impl IntoIterator<Item = usize>) -> Option<Vec<usize>> {
        let mut all = Vec::new();
        for place in places {
            let together = &self.places[place].together;
            if together.is_empty() {
                return None;
            }
            all.extend(together);
        }
        Some(all)
    }
}
