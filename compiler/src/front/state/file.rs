//! State dicts in `.safetensors` files.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use choral_ir::element::Storage;
use choral_ir::{DType, Tensor, memory};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::{State, StateError, place};

/// Reads every tensor of a file.
///
/// # Errors
/// If the file cannot be read, is cut off or damaged, or holds element types that programs lack.
pub fn read(path: impl AsRef<Path>) -> Result<State<Tensor>, StateError> {
    let path = path.as_ref();
    Ok(parsed(path, &bytes(path)?)?.0)
}

/// All that a file holds.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, StateError> {
    let size = fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
    // Its bytes, and the tensors that are made of them.
    memory::ask(size.saturating_mul(2)).map_err(|error| at(path, error))?;
    fs::read(path).map_err(|error| at(path, error))
}

/// Every tensor in the bytes of a file, and its metadata.
pub(crate) fn parsed(
    path: &Path,
    bytes: &[u8],
) -> Result<(State<Tensor>, BTreeMap<String, String>), StateError> {
    let incomplete = |error| at(path, format!("not a complete safetensors file: {error}"));
    let tensors = SafeTensors::deserialize(bytes).map_err(incomplete)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(incomplete)?;
    let read = |(name, view): (String, TensorView<'_>)| {
        let tensor = tensor(&view).map_err(|message| at(path, format!("tensor {name}: {message}")))?;
        Ok((name, tensor))
    };
    let mut tensors = tensors.tensors();
    // The library returns them in no fixed order; the file's order is that of the data.
    tensors.sort_by_key(|(name, view)| (view.data().as_ptr() as usize, name.clone()));
    let tensors: Result<State<Tensor>, StateError> = tensors.into_iter().map(read).collect();
    let metadata = metadata.metadata().iter().flatten();
    Ok((tensors?, metadata.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Writes a file of these tensors, as [`replace`] does.
///
/// # Errors
/// As [`replace`]; also for an element type that such files lack.
pub fn write(path: impl AsRef<Path>, state: &State<Tensor>) -> Result<(), StateError> {
    write_with(path.as_ref(), state, None)
}

/// As [`write`], with metadata.
pub(crate) fn write_with(
    path: &Path,
    state: &State<Tensor>,
    metadata: Option<BTreeMap<String, String>>,
) -> Result<(), StateError> {
    let bytes: Vec<Vec<u8>> = state.values().map(|tensor| tensor.storage().to_le_bytes()).collect();
    let view = |((name, tensor), bytes)| {
        let (tensor, bytes): (&Tensor, &Vec<u8>) = (tensor, bytes);
        let dtype = to_file(tensor.dtype())
            .ok_or_else(|| at(path, format!("safetensors cannot hold {name}: {}", tensor.ty())))?;
        let view = TensorView::new(dtype, tensor.shape().to_vec(), bytes);
        Ok((name, view.map_err(|error| at(path, error))?))
    };
    let views: Result<Vec<(&String, TensorView<'_>)>, StateError> =
        state.iter().zip(&bytes).map(view).collect();
    let file = serialize(views?, metadata.map(|metadata| metadata.into_iter().collect()))
        .map_err(|error| at(path, error))?;
    replace(path, file)
}

/// Writes a file next to its place, brings it to the disk, then renames it over the old one: where a link leads, with
/// the old file's permissions. Pipes and devices such as `/dev/stdout` and `/dev/null` are written into.
///
/// # Errors
/// If it cannot be written, or is a folder, a socket or a disk; an existing file is then
/// unchanged.
pub fn replace(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<(), StateError> {
    let path = path.as_ref();
    place::write(path, contents.as_ref()).map_err(|error| at(path, error))
}

fn at(path: &Path, message: impl Display) -> StateError {
    StateError::File { path: path.to_owned(), message: message.to_string() }
}

fn tensor(view: &TensorView<'_>) -> Result<Tensor, String> {
    let unsupported = || format!("element type {} is not supported", view.dtype());
    let dtype = from_file(view.dtype()).ok_or_else(unsupported)?;
    let data =
        Storage::from_le_bytes(dtype, view.data()).ok_or("its bytes are not a whole number of elements")?;
    Tensor::from_storage(view.shape(), data).map_err(|error| error.to_string())
}

const TYPES: [(DType, Dtype); 13] = [
    (DType::I1, Dtype::BOOL),
    (DType::I8, Dtype::I8),
    (DType::I16, Dtype::I16),
    (DType::I32, Dtype::I32),
    (DType::I64, Dtype::I64),
    (DType::Ui8, Dtype::U8),
    (DType::Ui16, Dtype::U16),
    (DType::Ui32, Dtype::U32),
    (DType::Ui64, Dtype::U64),
    (DType::F16, Dtype::F16),
    (DType::Bf16, Dtype::BF16),
    (DType::F32, Dtype::F32),
    (DType::F64, Dtype::F64),
];

fn from_file(dtype: Dtype) -> Option<DType> {
    TYPES.into_iter().find(|(_, file)| *file == dtype).map(|(ours, _)| ours)
}

fn to_file(dtype: DType) -> Option<Dtype> {
    TYPES.into_iter().find(|(ours, _)| *ours == dtype).map(|(_, file)| file)
}
