//! NVIDIA's runtime compiler: source to machine code, kept on disk.
//!
//! Must not live here: the source.

use std::collections::hash_map::DefaultHasher;
use std::ffi::{CStr, CString, c_char};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

use cudarc::nvrtc::{result, sys};

use crate::error::Error;
use crate::libraries;

/// What every source is compiled with: bits are the same as on a processor only if products and sums stay apart.
const OPTIONS: [&str; 2] = ["--fmad=false", "--std=c++17"];

/// Machine code, and what the compiler said of it.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// A cubin.
    pub code: Vec<u8>,
    /// Registers, shared memory and spills of every function; empty of code that was kept.
    pub log: String,
    /// Whether it was kept by a run before.
    pub is_kept: bool,
}

/// Whether there is a compiler.
///
/// # Errors
/// If it is not found.
pub fn find() -> Result<(), Error> {
    libraries::compiler()
}

/// Machine code of a source for a compute capability: kept code if there is some of the same source, options and compiler
/// that is whole.
///
/// # Errors
/// If there is no compiler, or if it refuses the source.
pub fn compile(source: &str, capability: (i32, i32)) -> Result<Compiled, Error> {
    libraries::compiler()?;
    let kept = place(source, capability).and_then(|place| whole(fs::read(place).ok()?));
    match kept {
        Some(code) => Ok(Compiled { code, log: String::new(), is_kept: true }),
        None => compile_and_keep(source, capability),
    }
}

/// As [`compile`], in place of what is kept.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_and_keep(source: &str, capability: (i32, i32)) -> Result<Compiled, Error> {
    let compiled = compile_anew(source, capability)?;
    if let Some(place) = place(source, capability) {
        // Code that cannot be kept is compiled again the next time.
        let _ = keep(&place, &compiled.code);
    }
    Ok(compiled)
}

/// As [`compile`], whatever is kept, and keeps nothing.
///
/// # Errors
/// As [`compile`].
pub fn compile_anew(source: &str, (major, minor): (i32, i32)) -> Result<Compiled, Error> {
    let options = [format!("--gpu-architecture=sm_{major}{minor}"), "--ptxas-options=-v".to_owned()];
    // SAFETY: it is asked of a program that was compiled.
    let (code, log) = made(source, options, |program| unsafe { code_of(program) })?;
    Ok(Compiled { code, log, is_kept: false })
}

/// The intermediate code of a source that every GPU takes which programs can run on: PTX of compute capability 7.5.
///
/// # Errors
/// If there is no compiler, if it refuses the source, or if it has no PTX, as a stand-in for it.
pub fn ptx(source: &str) -> Result<String, Error> {
    // SAFETY: it is asked of a program that was compiled.
    let text = |program| unsafe { result::get_ptx(program) };
    let (text, _) = made(source, ["--gpu-architecture=compute_75".to_owned()], text)?;
    let text = text_of(&text);
    if text.contains("\n.version ") { Ok(text) } else { Err(Error::NoPtx) }
}

/// What the compiler makes of a source with these options beside ours, and what it says.
fn made<T>(
    source: &str,
    options: impl IntoIterator<Item = String>,
    taken: impl FnOnce(sys::nvrtcProgram) -> Result<T, result::NvrtcError>,
) -> Result<(T, String), Error> {
    libraries::compiler()?;
    let refused = |log: String| Error::Refused { log };
    let text = CString::new(source).map_err(|error| refused(error.to_string()))?;
    let program =
        result::create_program(&text, Some(c"choral.cu")).map_err(|error| refused(error.to_string()))?;
    let options: Vec<String> = OPTIONS.map(str::to_owned).into_iter().chain(options).collect();
    // SAFETY: the program is one that was created above, and is destroyed once, below.
    unsafe {
        let done = result::compile_program(program, &options);
        let log = result::get_program_log(program).map(|log| text_of(&log)).unwrap_or_default();
        let code = done.and_then(|()| taken(program));
        let destroyed = result::destroy_program(program);
        let code =
            code.map_err(|error| refused(if log.is_empty() { error.to_string() } else { log.clone() }))?;
        destroyed.map_err(|error| refused(error.to_string()))?;
        Ok((code, log))
    }
}

/// The machine code of a compiled program.
///
/// # Safety
/// The program is one that was compiled.
unsafe fn code_of(program: sys::nvrtcProgram) -> Result<Vec<u8>, result::NvrtcError> {
    let mut size = 0;
    // SAFETY: the program is compiled, and the code has room for as many bytes as the compiler says.
    unsafe {
        sys::nvrtcGetCUBINSize(program, &raw mut size).result()?;
        let mut code = vec![0u8; size];
        sys::nvrtcGetCUBIN(program, code.as_mut_ptr().cast()).result()?;
        Ok(code)
    }
}

fn text_of(log: &[c_char]) -> String {
    let bytes: Vec<u8> = log.iter().map(|&byte| byte as u8).collect();
    CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Where code is kept: under the user's folder for such things, or where `CHORAL_CACHE` says; nowhere if that is empty.
fn place(source: &str, capability: (i32, i32)) -> Option<PathBuf> {
    let folder = match env::var_os("CHORAL_CACHE") {
        Some(folder) if folder.is_empty() => return None,
        Some(folder) => PathBuf::from(folder),
        None => {
            let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            base.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?.join("choral")
        }
    };
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the compiler's library is loaded, and both are pointers to an `int`.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }.result().ok()?;
    let mut hasher = DefaultHasher::new();
    // Code of another compiler, say a stand-in, is no code of this one.
    (source, OPTIONS, capability, major, minor, env::var_os("CHORAL_CUDA_PATH")).hash(&mut hasher);
    Some(folder.join(format!("{:016x}-sm_{}{}.cubin", hasher.finish(), capability.0, capability.1)))
}

/// Writes a file beside its place and moves it there. Behind the code stands what it must be, for the driver believes
/// whatever it is given.
fn keep(place: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = place.with_extension(format!("{}.new", process::id()));
    fs::write(&beside, [code, &seal(code)].concat())?;
    fs::rename(&beside, place)
}

/// The code of a file that was kept; `None` if it is damaged.
fn whole(mut file: Vec<u8>) -> Option<Vec<u8>> {
    let length = file.len().checked_sub(size_of::<u64>())?;
    let code = &file[..length];
    (file[length..] == seal(code)).then(|| {
        file.truncate(length);
        file
    })
}

fn seal(code: &[u8]) -> [u8; size_of::<u64>()] {
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    hasher.finish().to_le_bytes()
}
