//! The last checkpoints of a run, in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use choral_ir::Tensor;

use super::{at, load, save};
use crate::front::state::StateError;
use crate::front::tree::{Tree, Typed};

/// The last checkpoints of a run, in a folder that belongs to it: `step-000000001000.safetensors`, ..
///
/// A run may be killed at any moment, also while it saves: the next one resumes from the last checkpoint that is whole.
///
/// ```
/// use choral_compiler::train::checkpoint::Checkpoints;
/// use choral_ir::Tensor;
/// let folder = std::env::temp_dir().join(format!("checkpoints-{}", std::process::id()));
/// let checkpoints = Checkpoints::new(&folder).keep_last(2);
/// let start = Tensor::from([0.0f32, 0.0]);
/// let (first, mut w) = checkpoints.resume(&start)?.unwrap_or((0, start));
/// for step in first..3 {
///     w = Tensor::from([step as f32, 1.0]); // a step of training
///     checkpoints.save(step + 1, &w)?;
/// }
/// assert_eq!(checkpoints.steps()?, [2, 3]);
/// assert_eq!(checkpoints.resume(&w)?.expect("a checkpoint"), (3, w));
/// # std::fs::remove_dir_all(&folder).expect("the folder");
/// # Ok::<(), choral_compiler::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Those in this folder, which the first one makes if it is not there; of these the last is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Checkpoints {
        Checkpoints { folder: folder.into(), keep: 1 }
    }

    /// The same with so many kept, and one at least.
    #[must_use]
    pub fn keep_last(self, count: usize) -> Checkpoints {
        Checkpoints { keep: count.max(1), ..self }
    }

    /// The file of a step.
    pub fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:012}.safetensors"))
    }

    /// The steps that there are checkpoints of, in order.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn steps(&self) -> Result<Vec<u64>, StateError> {
        let mut steps: Vec<u64> =
            self.files()?.into_iter().filter(|file| !file.partial).map(|file| file.step).collect();
        steps.sort_unstable();
        Ok(steps)
    }

    /// The file of the last step; `None` before the first checkpoint.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn latest(&self) -> Result<Option<PathBuf>, StateError> {
        Ok(self.steps()?.last().map(|&step| self.path(step)))
    }

    /// The last step, and its checkpoint in the structure of `like`; `None` before the first checkpoint.
    ///
    /// # Errors
    /// As [`load`]; if the folder cannot be read.
    pub fn resume<T: Typed, X: Tree<T>>(
        &self,
        like: &X,
    ) -> Result<Option<Resumed<X::With<Tensor>>>, StateError> {
        let last = self.steps()?.last().copied();
        last.map(|step| Ok((step, load(self.path(step), like)?))).transpose()
    }

    /// Writes the checkpoint of a step, then removes those that are not kept, and what killed runs left of others.
    ///
    /// # Errors
    /// As [`save`]; if there is a checkpoint of a later step, which is another run's.
    pub fn save(&self, step: u64, tree: &impl Tree<Tensor>) -> Result<(), StateError> {
        if let Some(later) = self.steps()?.last().filter(|&&last| last > step) {
            return Err(at(
                &self.path(*later),
                format!(
                    "is of a later step than {step}: a folder belongs to one run; resume from it, remove it, or save to \
                     another folder"
                ),
            ));
        }
        fs::create_dir_all(&self.folder).map_err(|error| at(&self.folder, error.to_string()))?;
        save(self.path(step), tree)?;
        let steps = self.steps()?;
        let oldest = steps[steps.len().saturating_sub(self.keep)..].first().copied().unwrap_or(step);
        for file in self.files()?.iter().filter(|file| file.partial || file.step < oldest) {
            match fs::remove_file(&file.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at(&file.path, error.to_string()));
                }
                Err(_) | Ok(()) => {}
            }
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<Saved>, StateError> {
        let unreadable = |error: io::Error| at(&self.folder, error.to_string());
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            files.extend(Saved::of(&entry.map_err(unreadable)?.path()));
        }
        Ok(files)
    }
}

/// What a run goes on from: the number of its last step, and the tree that was saved after it.
pub type Resumed<X> = (u64, X);

/// A file of a checkpoint.
struct Saved {
    path: PathBuf,
    step: u64,
    /// Whether it was not renamed yet: a run was killed before that.
    partial: bool,
}

impl Saved {
    /// What a file is by its name; `None` for files of others.
    fn of(path: &Path) -> Option<Saved> {
        let name = path.file_name().and_then(OsStr::to_str)?;
        let (step, rest) = name.strip_prefix("step-")?.split_once(".safetensors")?;
        let partial = rest.ends_with(".partial");
        let step = step.parse().ok().filter(|_| partial || rest.is_empty())?;
        Some(Saved { path: path.to_owned(), step, partial })
    }
}
