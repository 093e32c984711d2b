//! The stand-ins for NVIDIA's libraries (tests/cuda/stand_in): how a test gets them and runs programs on them.
//!
//! Settings are read from the environment once, and a failed kernel spoils the device for the whole process: tests
//! that need other settings or that make kernels fail run in processes of their own ([`child`]).
//!
//! Must not live here: what programs are expected to do; that is in the modules below.

mod driver;
mod planted;
mod products;

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig,
    PushKernelArg,
};
use cudarc::nvrtc::{Ptx, result, sys};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

/// What `build` exits with when there is no compiler.
const NO_COMPILER: i32 = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Builds the stand-ins and hands them to whoever asks for NVIDIA's libraries. False without a compiler.
pub(crate) fn is_loaded() -> bool {
    load(&["libcuda.so", "libnvrtc.so", "libcublasLt.so"])
}

/// As [`is_loaded`], of some of them: those that are loaded first are all that there are.
fn load(libraries: &[&str]) -> bool {
    static LOADED: OnceLock<bool> = OnceLock::new();
    *LOADED.get_or_init(|| {
        // Code of a stand-in is good as long as the stand-in is there, and is kept by that alone.
        // SAFETY: Tests ask for the libraries before they do anything else, so that nothing reads variables meanwhile.
        unsafe { std::env::set_var("CHORAL_CACHE", "") };
        let output = Command::new(root().join("tests/cuda/stand_in/build")).output().unwrap();
        let messages = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(NO_COMPILER) {
            println!("skipped: {messages}");
            return false;
        }
        assert!(output.status.success(), "the stand-ins do not build:\n{messages}");
        for library in libraries {
            let path = root().join("target/cuda-stand-in").join(library);
            // SAFETY: The library is ours. It stays loaded, so that what is found in it stays valid.
            std::mem::forget(unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }.unwrap());
        }
        true
    })
}

/// The first device, ordered by us. `None` without a compiler.
fn context() -> Option<Arc<CudaContext>> {
    is_loaded().then(|| {
        let context = CudaContext::new(0).unwrap();
        // SAFETY: Each test uses one stream, so there is nothing to order.
        unsafe { context.disable_event_tracking() };
        context
    })
}

fn text(bytes: Vec<std::ffi::c_char>) -> String {
    let bytes: Vec<u8> = bytes.into_iter().map(|byte| byte.cast_unsigned()).collect();
    CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap().to_owned()
}

/// The binary of a program, or the compiler's messages.
fn compile(source: &str, options: &[&str]) -> Result<Vec<u8>, String> {
    let source = CString::new(source).unwrap();
    let program = result::create_program(&source, Some(c"program.cu")).unwrap();
    let options = [&["--gpu-architecture=sm_90", "--fmad=false"], options].concat();
    // SAFETY: The program was made above, and is destroyed once, below.
    unsafe {
        let compiled = result::compile_program(program, &options);
        let log = text(result::get_program_log(program).unwrap());
        let mut binary = Vec::new();
        if compiled.is_ok() {
            let mut size = 0;
            sys::nvrtcGetCUBINSize(program, &raw mut size).result().unwrap();
            binary.resize(size, 0);
            sys::nvrtcGetCUBIN(program, binary.as_mut_ptr().cast()).result().unwrap();
        }
        result::destroy_program(program).unwrap();
        compiled.map(|()| binary).map_err(|_| log)
    }
}

/// Kernels of one program on one stream. A graph needs its module to live.
struct Program {
    stream: Arc<CudaStream>,
    module: Arc<CudaModule>,
}

impl Program {
    fn new(context: &Arc<CudaContext>, source: &str, options: &[&str]) -> Self {
        let binary = compile(source, options).unwrap();
        let module = context.load_module(Ptx::from_binary(binary)).unwrap();
        Self { stream: context.new_stream().unwrap(), module }
    }

    fn function(&self, name: &str) -> CudaFunction {
        self.module.load_function(name).unwrap()
    }

    /// Runs a kernel whose parameters are all eight bytes wide.
    fn launch(&self, name: &str, shape: Shape, arguments: &[u64]) -> Result<(), DriverError> {
        launch(&self.stream, &self.function(name), shape, arguments)
    }
}

/// How many blocks of how many threads, with how much shared memory for each block.
#[derive(Clone, Copy)]
struct Shape {
    blocks: u32,
    threads: u32,
    shared: u32,
    cooperative: bool,
}

impl Shape {
    fn new(blocks: u32, threads: u32) -> Self {
        Self { blocks, threads, shared: 0, cooperative: false }
    }

    fn shared(self, shared: u32) -> Self {
        Self { shared, ..self }
    }

    fn cooperative(self) -> Self {
        Self { cooperative: true, ..self }
    }
}

fn launch(
    stream: &Arc<CudaStream>,
    function: &CudaFunction,
    shape: Shape,
    arguments: &[u64],
) -> Result<(), DriverError> {
    let config = LaunchConfig {
        grid_dim: (shape.blocks, 1, 1),
        block_dim: (shape.threads, 1, 1),
        shared_mem_bytes: shape.shared,
    };
    let mut builder = stream.launch_builder(function);
    for argument in arguments {
        builder.arg(argument);
    }
    // SAFETY: The stand-in checks shapes and guards memory; tests give a kernel what it declares.
    unsafe {
        if shape.cooperative { builder.launch_cooperative(config) } else { builder.launch(config) }
            .map(|_| ())
    }
}

/// Where a piece of memory is, as a kernel is told.
fn place<T>(memory: &CudaSlice<T>, stream: &CudaStream) -> u64 {
    memory.device_ptr(stream).0
}

/// Memory as it is given, with nothing written to it.
fn unwritten(stream: &Arc<CudaStream>, length: usize) -> CudaSlice<u32> {
    // SAFETY: Every pattern of bits is a number.
    unsafe { stream.alloc(length) }.unwrap()
}

/// What another process of this binary prints, on both streams, and whether it ended well: one test, which is
/// ignored otherwise, with these settings.
pub(crate) fn child(test: &str, settings: &[(&str, &str)]) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = command.envs(settings.iter().copied()).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&printed).into_owned())
}
