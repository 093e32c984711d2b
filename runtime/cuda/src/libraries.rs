//! NVIDIA's libraries: found when the program runs, so that nothing is needed to build it.
//!
//! Looked for in this order: the folders in `CHORAL_CUDA_PATH`; where the system's loader looks; the places of the CUDA
//! toolkit; the packages of the active Python environment, which PyTorch and JAX bring. A library that is found is loaded
//! for the whole process, so that cudarc, which knows names alone, finds it under its name. Must not live here: what is
//! done with the libraries.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::error::Error;

/// A library that programs are compiled or run with.
struct Wanted {
    /// The name in messages.
    name: &'static str,
    /// File names, in the order in which cudarc asks for them.
    files: &'static [&'static str],
    /// Where it comes from.
    brings: &'static str,
    /// What has to be loaded before it, from the same folder.
    before: &'static [&'static str],
}

const DRIVER: Wanted = Wanted {
    name: "the NVIDIA driver (libcuda.so.1)",
    files: &["libcuda.so", "libcuda.so.1"],
    brings: "install the NVIDIA driver; without a GPU, run on `cpu`",
    before: &[],
};

const COMPILER: Wanted = Wanted {
    name: "NVRTC, the CUDA runtime compiler (libnvrtc.so.13 or .12)",
    files: &["libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"],
    brings: "`pip install nvidia-cuda-nvrtc` brings it, and so do PyTorch, JAX and the CUDA toolkit",
    // NVRTC opens it by name, and fails with code 7 where the loader does not find it.
    before: &["libnvrtc-builtins.so"],
};

const PRODUCTS: Wanted = Wanted {
    name: "cuBLASLt, which products of `Precision::Fast` run on (libcublasLt.so.13 or .12)",
    files: &["libcublasLt.so", "libcublasLt.so.13", "libcublasLt.so.12"],
    brings: "`pip install nvidia-cublas` brings it (`nvidia-cublas-cu12` for a driver of CUDA 12), and so do PyTorch, JAX and the CUDA toolkit; `Precision::Exact` does without",
    before: &[],
};

const NCCL: Wanted = Wanted {
    name: "NCCL, which gathers the results of several GPUs (libnccl.so.2)",
    files: &["libnccl.so.2", "libnccl.so"],
    brings: "`pip install nvidia-nccl-cu13` (or `nvidia-nccl-cu12`) brings it, and so does PyTorch; results that are read are gathered without it",
    before: &[],
};

/// A library that is loaded, for good.
#[derive(Debug)]
pub(crate) struct Loaded(pub(crate) Library);

/// Loads the driver's library.
///
/// # Errors
/// If it is not found.
pub(crate) fn driver() -> Result<(), Error> {
    static LOADED: OnceLock<Result<(), Error>> = OnceLock::new();
    LOADED.get_or_init(|| DRIVER.load()).clone()
}

/// Loads the compiler's library.
///
/// # Errors
/// If it is not found.
pub(crate) fn compiler() -> Result<(), Error> {
    static LOADED: OnceLock<Result<(), Error>> = OnceLock::new();
    LOADED.get_or_init(|| COMPILER.load()).clone()
}

/// Loads the library of products.
///
/// # Errors
/// If it is not found.
pub(crate) fn products() -> Result<(), Error> {
    static LOADED: OnceLock<Result<(), Error>> = OnceLock::new();
    LOADED.get_or_init(|| PRODUCTS.load()).clone()
}

/// Loads NCCL.
///
/// # Errors
/// If it is not found.
pub(crate) fn nccl() -> Result<Loaded, Error> {
    NCCL.load()?;
    let by_name = NCCL.files.iter().find_map(|file| open(Path::new(file)));
    by_name.map(Loaded).ok_or(Error::NoLibrary {
        library: NCCL.name,
        searched: Vec::new(),
        brings: NCCL.brings,
    })
}

impl Wanted {
    fn load(&self) -> Result<(), Error> {
        let own = own_folders();
        let others = other_folders();
        let in_folders = |folders: &[PathBuf]| folders.iter().any(|folder| self.load_from(folder));
        if in_folders(&own) || self.files.iter().any(|file| load(Path::new(file))) || in_folders(&others) {
            return Ok(());
        }
        let searched = own.iter().chain(&others).map(|folder| folder.display().to_string()).collect();
        Err(Error::NoLibrary { library: self.name, searched, brings: self.brings })
    }

    fn load_from(&self, folder: &Path) -> bool {
        let there: Vec<PathBuf> =
            self.files.iter().map(|file| folder.join(file)).filter(|path| path.exists()).collect();
        if there.is_empty() {
            return false;
        }
        for begins in self.before {
            for path in beginning_with(folder, begins) {
                // Without it, the library itself may still do.
                load(&path);
            }
        }
        // All of its names: cudarc takes the first that it finds, which another folder may have, too.
        there.iter().filter(|path| load(path)).count() > 0
    }
}

/// Loads a library for the whole process, for good.
fn load(path: &Path) -> bool {
    open(path).map(std::mem::forget).is_some()
}

fn open(path: &Path) -> Option<Library> {
    // SAFETY: NVIDIA's libraries, and their stand-ins, may be loaded at any time and by any thread.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.ok()
}

/// The files of a folder whose names begin so.
fn beginning_with(folder: &Path, begins: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_one =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins));
    entries.map(|entry| entry.path()).filter(is_one).collect()
}

/// The folders that the user names.
fn own_folders() -> Vec<PathBuf> {
    let named = env::var_os("CHORAL_CUDA_PATH").unwrap_or_default();
    let with_inner = |folder: PathBuf| [folder.clone(), folder.join("lib"), folder.join("lib64")];
    env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).flat_map(with_inner).collect()
}

/// The toolkit's folders, and those of the active Python environment's packages.
fn other_folders() -> Vec<PathBuf> {
    let toolkit = ["/usr/local/cuda/lib64", "/usr/local/cuda-13/lib64", "/usr/local/cuda-12/lib64"];
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os);
    let packages = environments.map(|folder| PathBuf::from(folder).join("lib")).flat_map(|lib| {
        let pythons = beginning_with(&lib, "python3").into_iter();
        pythons.flat_map(|python| {
            let nvidia = python.join("site-packages/nvidia");
            ["cu13/lib", "cuda_nvrtc/lib", "cublas/lib", "nccl/lib"].map(|inner| nvidia.join(inner))
        })
    });
    toolkit.into_iter().map(PathBuf::from).chain(packages).filter(|folder| folder.is_dir()).collect()
}
