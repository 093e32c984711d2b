//! Arguments of programs: from safetensors files, or random ones.

use std::path::Path;

use choral::error::TensorError;
use choral::ir::Class;
use choral::state::{State, file};
use choral::{DType, Key, Tensor, TensorType};

use super::Error;
use super::expected::Expected;

/// Random integers are below this.
const INTEGERS: f32 = 8.0;

/// The arguments in a file, by position.
pub(super) fn read(path: &Path, arguments: &[Expected]) -> Result<Vec<Tensor>, Error> {
    let given = file::read(path).map_err(choral::Error::from)?;
    let fitting = |(position, expected): (usize, &Expected)| {
        given.get(&position.to_string()).filter(|tensor| expected.takes(tensor.ty())).cloned()
    };
    let taken: Option<Vec<Tensor>> = arguments.iter().enumerate().map(fitting).collect();
    match taken {
        Some(tensors) if tensors.len() == given.len() => Ok(tensors),
        Some(_) | None => Err(mismatch(path, arguments, &given)),
    }
}

/// Fails if the program takes arguments: none are given.
pub(super) fn none(arguments: &[Expected]) -> Result<Vec<Tensor>, Error> {
    if arguments.is_empty() {
        return Ok(Vec::new());
    }
    Err(Error::message(format!(
        "the program takes arguments; give them with --inputs FILE.safetensors, named by position:{}",
        expected(arguments)
    )))
}

fn expected(arguments: &[Expected]) -> String {
    let line = |(position, argument): (usize, &Expected)| {
        format!("\n    \"{position}\": {argument} (%{})", argument.name)
    };
    arguments.iter().enumerate().map(line).collect()
}

fn mismatch(path: &Path, arguments: &[Expected], given: &State<Tensor>) -> Error {
    let mut got: Vec<String> =
        given.iter().map(|(name, tensor)| format!("\n    {name:?}: {}", tensor.ty())).collect();
    got.sort();
    let or_none = |lines: String| if lines.is_empty() { "\n    nothing".to_owned() } else { lines };
    Error::message(format!(
        "{} does not fit the program\n  expected{}\n  got{}",
        path.display(),
        or_none(expected(arguments)),
        or_none(got.concat())
    ))
}

/// The same random arguments at every call: normal floats, small integers, both booleans.
///
/// # Errors
/// If memory runs out.
pub(super) fn random(types: &[TensorType]) -> Result<Vec<Tensor>, choral::Error> {
    let key = Key::new(0);
    types.iter().zip(0..).map(|(ty, position)| Ok(draw(ty, key.fold_in(position))?)).collect()
}

fn draw(ty: &TensorType, key: Key) -> Result<Tensor, TensorError> {
    let shape = ty.shape.as_slice();
    if Class::Float.contains(ty.dtype) {
        return Ok(Tensor::try_randn(shape, key)?.to_dtype(ty.dtype));
    }
    let below = if ty.dtype == DType::I1 { 2.0 } else { INTEGERS.min(2f32.powi(ty.dtype.bits() as i32 - 1)) };
    let draws = Tensor::try_rand(shape, key)?;
    let draws = draws.as_slice::<f32>()?;
    Ok(Tensor::try_from_fn(shape, |at| (draws[at] * below).floor())?.to_dtype(ty.dtype))
}
