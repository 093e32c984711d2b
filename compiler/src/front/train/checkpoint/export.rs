//! Members as files of their own, which PyTorch loads.

use std::path::{Path, PathBuf};

use choral_ir::Tensor;

use super::named;
use crate::front::dims::Dims;
use crate::front::ensemble::member_state;
use crate::front::error::{EnsembleError, Error};
use crate::front::state::file;
use crate::front::tree::Tree;
use crate::front::vmap;

/// Writes one member of a stacked model to a `.safetensors` file: its state dict, which PyTorch's `load_state_dict`
/// takes.
///
/// ```
/// use choral_compiler::ModuleState;
/// use choral_compiler::nn::Linear;
/// use choral_compiler::train::checkpoint::export_member;
/// use choral_ir::{Key, Tensor};
/// let stacked = Linear { weight: Tensor::randn([5, 2, 3], Key::new(0)), bias: None };
/// let path = std::env::temp_dir().join(format!("member-{}.safetensors", std::process::id()));
/// export_member(&path, &stacked, 4)?;
///
/// let mut member = Linear::init(3, 2, Key::new(1)).without_bias();
/// member.load(&path)?;
/// assert_eq!(member.weight, stacked.weight.index(4)?);
/// # std::fs::remove_file(&path).expect("the file");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
///
/// # Errors
/// If tensors disagree about the number of members, or there is no such member; if the file cannot be written.
pub fn export_member(
    path: impl AsRef<Path>,
    stacked: &impl Tree<Tensor>,
    member: usize,
) -> Result<(), Error> {
    let (path, members) = (path.as_ref(), count(stacked)?);
    if member >= members {
        return Err(EnsembleError::Member { index: member, members }.into());
    }
    Ok(file::write(path, &member_state(&named(path, stacked)?, member)?)?)
}

/// Writes every member of a stacked model to a file of its own in a folder, `member-0.safetensors` and so on, as
/// [`export_member`] does, and returns their paths.
///
/// # Errors
/// As [`export_member`].
pub fn export_members(folder: impl AsRef<Path>, stacked: &impl Tree<Tensor>) -> Result<Vec<PathBuf>, Error> {
    let folder = folder.as_ref();
    let exported = |member: usize| {
        let path = folder.join(format!("member-{member}.safetensors"));
        export_member(&path, stacked, member).map(|()| path)
    };
    (0..count(stacked)?).map(exported).collect()
}

/// The number of members of a tree whose every tensor is stacked along dimension 0.
fn count(stacked: &impl Tree<Tensor>) -> Result<usize, Error> {
    let (_, members) = vmap::members(&Dims::All(Some(0)), None, stacked)?;
    Ok(members)
}
