//! NCCL's functions, as far as results are gathered with them. cudarc asks for `libnccl.so` alone, and Python's packages
//! bring `libnccl.so.2`, so they are taken from the library here.
//!
//! Must not live here: what is sent where ([`crate::gather`]).

use std::ffi::{CStr, c_char, c_int, c_void};

use cudarc::driver::sys::{CUdeviceptr, CUstream};

use crate::error::Error;
use crate::libraries::{self, Loaded};

/// NCCL's number for bytes.
const BYTES: c_int = 1;

type Code = c_int;
type Copy = unsafe extern "C" fn(CUdeviceptr, usize, c_int, c_int, *mut c_void, CUstream) -> Code;

/// NCCL's functions. They stay for the life of the process.
#[derive(Debug)]
pub(crate) struct Nccl {
    describe: unsafe extern "C" fn(Code) -> *const c_char,
    open: unsafe extern "C" fn(*mut *mut c_void, c_int, *const c_int) -> Code,
    abort: unsafe extern "C" fn(*mut c_void) -> Code,
    begin: unsafe extern "C" fn() -> Code,
    end: unsafe extern "C" fn() -> Code,
    send: Copy,
    receive: Copy,
}

/// One of several GPUs that send to each other.
#[derive(Debug)]
pub(crate) struct Communicator {
    nccl: &'static Nccl,
    handle: *mut c_void,
}

// SAFETY: NCCL's calls may come from any thread, one at a time; a communicator is one owner's.
unsafe impl Send for Communicator {}

impl Nccl {
    /// The library.
    ///
    /// # Errors
    /// If it is not found, or if it lacks a function.
    pub(crate) fn get() -> Result<&'static Nccl, Error> {
        static FOUND: std::sync::OnceLock<Result<Nccl, Error>> = std::sync::OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let library = libraries::nccl()?;
            // SAFETY: the types are those of NCCL's header; a device pointer is as wide as a pointer.
            unsafe {
                Ok(Nccl {
                    describe: library.function("ncclGetErrorString")?,
                    open: library.function("ncclCommInitAll")?,
                    abort: library.function("ncclCommAbort")?,
                    begin: library.function("ncclGroupStart")?,
                    end: library.function("ncclGroupEnd")?,
                    send: library.function("ncclSend")?,
                    receive: library.function("ncclRecv")?,
                })
            }
        });
        found.as_ref().map_err(Clone::clone)
    }

    /// One for each of these GPUs, in this order.
    pub(crate) fn communicators(&'static self, ordinals: &[usize]) -> Result<Vec<Communicator>, Error> {
        let ordinals: Vec<c_int> =
            ordinals.iter().map(|&ordinal| c_int::try_from(ordinal).unwrap_or(-1)).collect();
        let mut handles = vec![std::ptr::null_mut(); ordinals.len()];
        // SAFETY: there is room for as many handles as there are ordinals.
        let code = unsafe { (self.open)(handles.as_mut_ptr(), ordinals.len() as c_int, ordinals.as_ptr()) };
        self.check("joining GPUs", code)?;
        Ok(handles.into_iter().map(|handle| Communicator { nccl: self, handle }).collect())
    }

    /// Hands in all that `copies` asks for at once, so that senders and receivers do not wait for each other.
    pub(crate) fn together(&self, copies: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        // SAFETY: both take nothing, and belong to each other.
        let begun = unsafe { (self.begin)() };
        self.check("gathering results", begun)?;
        let copied = copies();
        // SAFETY: as above.
        let ended = unsafe { (self.end)() };
        copied?;
        self.check("gathering results", ended)
    }

    fn check(&self, doing: &'static str, code: Code) -> Result<(), Error> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: NCCL gives a text that stays for any number.
        let text = unsafe { CStr::from_ptr((self.describe)(code)) };
        Err(Error::Nccl { doing, cause: text.to_string_lossy().into_owned() })
    }
}

impl Communicator {
    /// Sends bytes to the GPU of this position.
    ///
    /// # Safety
    /// The place has as many bytes, and they stay until the stream is done with them.
    pub(crate) unsafe fn send(
        &self,
        place: CUdeviceptr,
        bytes: usize,
        to: usize,
        stream: CUstream,
    ) -> Result<(), Error> {
        // SAFETY: the caller's.
        let code = unsafe { (self.nccl.send)(place, bytes, BYTES, to as c_int, self.handle, stream) };
        self.nccl.check("sending results", code)
    }

    /// Receives bytes from the GPU of this position.
    ///
    /// # Safety
    /// As [`Communicator::send`]; nobody else uses the place until then.
    pub(crate) unsafe fn receive(
        &self,
        place: CUdeviceptr,
        bytes: usize,
        from: usize,
        stream: CUstream,
    ) -> Result<(), Error> {
        // SAFETY: the caller's.
        let code = unsafe { (self.nccl.receive)(place, bytes, BYTES, from as c_int, self.handle, stream) };
        self.nccl.check("receiving results", code)
    }
}

impl Drop for Communicator {
    fn drop(&mut self) {
        // SAFETY: it was opened once. What it has begun is done: whoever gathers waits for it before.
        unsafe { (self.nccl.abort)(self.handle) };
    }
}

impl Loaded {
    /// A function of the library.
    ///
    /// # Safety
    /// It is of this type.
    unsafe fn function<F: std::marker::Copy>(&self, name: &'static str) -> Result<F, Error> {
        // SAFETY: the caller's.
        let function = unsafe { self.0.get::<F>(name.as_bytes()) };
        function
            .map(|function| *function)
            .map_err(|error| Error::Nccl { doing: "loading NCCL", cause: format!("{name}: {error}") })
    }
}
