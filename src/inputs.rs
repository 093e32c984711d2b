//! The inputs of a call, in a list that the calls of a thread use one after another.

use std::cell::Cell;

use choral_ir::Tensor;

thread_local! {
    /// The list of the last call, without tensors.
    static LAST: Cell<Vec<Tensor>> = const { Cell::new(Vec::new()) };
}

/// Runs `call` on an empty list, whose memory the next call takes.
pub(crate) fn with_list<R>(call: impl FnOnce(&mut Vec<Tensor>) -> R) -> R {
    // On a thread that ends there is no last list any more.
    let mut list = LAST.try_with(Cell::take).unwrap_or_default();
    let result = call(&mut list);
    list.clear();
    let _ = LAST.try_with(|last| last.set(list));
    result
}
