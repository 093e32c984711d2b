//! Memory that kernels work in: aligned blocks, and tables of pointers into them.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// A cache line, and the widest vector.
const ALIGNMENT: usize = 64;

/// A block of bytes, aligned to a cache line.
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a block owns its bytes and hands out pointers alone, whose users keep them apart.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A block of zeros; `None` if memory runs out.
    pub fn new(bytes: usize) -> Option<Block> {
        if bytes == 0 {
            let start = NonNull::new(std::ptr::without_provenance_mut(ALIGNMENT))?;
            return Some(Block { start, bytes });
        }
        let layout = Layout::from_size_align(bytes, ALIGNMENT).ok()?;
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Block { start, bytes })
    }

    /// Its first byte.
    pub fn pointer(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// How many there are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        if let Ok(layout) = Layout::from_size_align(self.bytes, ALIGNMENT) {
            // SAFETY: the block was allocated with this layout.
            unsafe { dealloc(self.start.as_ptr(), layout) }
        }
    }
}

/// Pointers to buffers, by number.
#[derive(Debug, Default)]
pub struct Pointers(Vec<Pointer>);

#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct Pointer(*mut u8);

// SAFETY: a pointer is data; whoever reads or writes through it vouches for that.
unsafe impl Send for Pointer {}
// SAFETY: as above.
unsafe impl Sync for Pointer {}

impl Pointers {
    /// As many null pointers.
    pub fn new(count: usize) -> Pointers {
        Pointers(vec![Pointer(std::ptr::null_mut()); count])
    }

    /// Points a buffer to where it lies.
    pub fn set(&mut self, buffer: usize, pointer: *mut u8) {
        self.0[buffer] = Pointer(pointer);
    }

    /// All pointers.
    pub fn as_slice(&self) -> &[*mut u8] {
        // SAFETY: `Pointer` is a pointer, transparently.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len()) }
    }
}
