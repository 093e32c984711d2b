//! Tests of the language: types, text and JSON, each as a module.
#![allow(clippy::unwrap_used)]

mod cost;
mod foreign;
mod json;
mod parse;
mod refused;
mod sizes;
mod text;
mod texts;
mod types;
