//! stub
use choral_kernels::Number;
use choral_kernels::functions::{Function, FunctionOfTwo};
pub(super) const PRELUDE: &str = "";
pub(super) fn definition(function: Function, number: Number) -> (String, String) {
    (format!("{function:?}_{number}"), String::new())
}
pub(super) fn definition_of_two(function: FunctionOfTwo, number: Number) -> (String, String) {
    (format!("{function:?}_{number}"), String::new())
}
pub(super) fn called(_: &str, _: Number) -> Option<(String, String)> {
    None
}
