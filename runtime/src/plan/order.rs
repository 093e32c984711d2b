//! An order of units in which each comes after all that it reads, kept while units grow and become one.
//!
//! After Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs" (2006): where a new edge goes
//! against the order, only what lies between its ends is put in order again.

use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Order {
    position: Vec<usize>,
    reads: Vec<BTreeSet<usize>>,
    readers: Vec<BTreeSet<usize>>,
}

impl Order {
    /// A unit more, after all others.
    pub(super) fn add(&mut self) {
        self.position.push(self.position.len());
        self.reads.push(BTreeSet::new());
        self.readers.push(BTreeSet::new());
    }

    /// What a unit reads.
    pub(super) fn reads(&self, unit: usize) -> &BTreeSet<usize> {
        &self.reads[unit]
    }

    /// What reads a unit.
    pub(super) fn readers(&self, unit: usize) -> &BTreeSet<usize> {
        &self.readers[unit]
    }

    /// Whether a unit reads another, or what reads it.
    pub(super) fn depends(&self, unit: usize, on: usize) -> bool {
        self.reach(unit, &self.reads, |at| self.position[at] >= self.position[on]).contains(&on)
    }

    /// A unit reads another one, which does not depend on it.
    pub(super) fn read(&mut self, unit: usize, other: usize) {
        if unit == other || !self.reads[unit].insert(other) {
            return;
        }
        self.readers[other].insert(unit);
        let (first, last) = (self.position[unit], self.position[other]);
        if first > last {
            return;
        }
        // What the other depends on goes first, then what depends on the unit, in the places of both.
        let before = self.reach(other, &self.reads, |at| self.position[at] >= first);
        let after = self.reach(unit, &self.readers, |at| self.position[at] <= last);
        let in_order = |units: BTreeSet<usize>| {
            let mut units: Vec<usize> = units.into_iter().collect();
            units.sort_unstable_by_key(|&at| self.position[at]);
            units
        };
        let units = [in_order(before), in_order(after)].concat();
        let mut places: Vec<usize> = units.iter().map(|&at| self.position[at]).collect();
        places.sort_unstable();
        units.into_iter().zip(places).for_each(|(at, place)| self.position[at] = place);
    }

    /// A unit becomes part of another one; neither depends on the other.
    pub(super) fn merge(&mut self, from: usize, into: usize) {
        let (reads, readers) =
            (std::mem::take(&mut self.reads[from]), std::mem::take(&mut self.readers[from]));
        for &read in &reads {
            self.readers[read].remove(&from);
        }
        for &reader in &readers {
            self.reads[reader].remove(&from);
        }
        reads.into_iter().for_each(|read| self.read(into, read));
        readers.into_iter().for_each(|reader| self.read(reader, into));
    }

    /// All units that edges lead to from one on, itself included, through such as are wanted.
    fn reach(
        &self,
        from: usize,
        edges: &[BTreeSet<usize>],
        is_wanted: impl Fn(usize) -> bool,
    ) -> BTreeSet<usize> {
        let (mut left, mut seen) = (vec![from], BTreeSet::from([from]));
        while let Some(at) = left.pop() {
            let next = edges[at].iter().copied();
            left.extend(next.filter(|&next| is_wanted(next) && seen.insert(next)));
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order with so many units and these edges.
    fn order(units: usize, edges: &[(usize, usize)]) -> Order {
        let mut order = Order::default();
        (0..units).for_each(|_| order.add());
        edges.iter().for_each(|&(unit, other)| order.read(unit, other));
        order
    }

    fn is_kept(order: &Order) -> bool {
        let mut units = 0..order.position.len();
        units.all(|unit| order.reads[unit].iter().all(|&read| order.position[read] < order.position[unit]))
    }

    #[test]
    fn a_unit_that_grows_may_read_what_came_later() {
        // 1 reads 0; then 0 grows and reads 2, on which 1 depends from then on.
        let order = order(4, &[(1, 0), (0, 2)]);
        assert!(is_kept(&order));
        assert!(order.depends(1, 2) && !order.depends(2, 1) && !order.depends(3, 2));
    }

    #[test]
    fn merged_units_are_after_what_both_read_and_before_what_reads_them() {
        let mut order = order(6, &[(1, 0), (3, 2), (4, 1), (5, 3)]);
        assert!(!order.depends(1, 3) && !order.depends(3, 1));
        order.merge(3, 1);
        assert!(is_kept(&order));
        assert!(order.depends(1, 2) && order.depends(5, 1) && order.depends(5, 0) && order.depends(4, 2));
    }
}
