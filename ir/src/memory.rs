//! How much memory there is, and asking for it before use.
//!
//! A buffer that is too large must be an error and not the end of the process. Systems that promise more
//! than they have (Linux does) kill a process when it writes, so what is asked for is compared with what
//! is there as well. Must not live here: what programs need; the runtime plans that.

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::sync::OnceLock;

/// Bytes that this process may use: those of the machine and its swap, or the limit of its control
/// group. Read once. On systems other than Linux it is all that can be addressed: only allocating tells.
pub fn total() -> usize {
    static TOTAL: OnceLock<usize> = OnceLock::new();
    let addressed = isize::MAX as usize;
    *TOTAL.get_or_init(|| {
        machine().unwrap_or(addressed).min(control_groups().unwrap_or(addressed)).min(addressed)
    })
}

/// A request for more memory than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this needs {} of memory{}", Amount(.needed), self.against())]
pub struct OutOfMemory {
    /// Bytes that are needed; the largest `usize` for more than can be addressed.
    pub needed: usize,
    /// Bytes that this machine has in all.
    pub total: usize,
}

impl OutOfMemory {
    /// Why it fails: too little memory in all, or too much in use.
    fn against(&self) -> String {
        match self.needed > self.total {
            true => format!(", but this machine has {}", Amount(&self.total)),
            false => ", but the system does not provide it".to_owned(),
        }
    }
}

/// An empty vector with room for `length` elements.
///
/// ```
/// use choral_ir::memory;
/// assert!(memory::vector::<f32>(1000).is_ok_and(|vector| vector.capacity() >= 1000));
/// assert!(memory::vector::<f32>(1 << 61).is_err());
/// ```
///
/// # Errors
/// If memory runs out.
pub fn vector<T>(length: usize) -> Result<Vec<T>, OutOfMemory> {
    let error = OutOfMemory { needed: length.saturating_mul(size_of::<T>()), total: total() };
    if error.needed > error.total {
        return Err(error);
    }
    let mut vector = Vec::new();
    vector.try_reserve_exact(length).map_err(|_| error)?;
    Ok(vector)
}

/// Allocates this many bytes, and frees them.
///
/// # Errors
/// If memory runs out.
pub fn ask(bytes: usize) -> Result<(), OutOfMemory> {
    // A compiler may remove an allocation that is never used.
    vector::<u8>(bytes).map(|vector| drop(black_box(vector)))
}

/// Bytes of the machine's memory and swap.
fn machine() -> Option<usize> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes = |name: &str| -> Option<usize> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().ok()
    };
    let swap = kilobytes("SwapTotal").unwrap_or(0);
    Some(kilobytes("MemTotal")?.saturating_add(swap).saturating_mul(1024))
}

/// The least limit of the control groups that this process is in, of either version of Linux's.
fn control_groups() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups.lines().filter_map(limit_of_group).min()
}

/// The least limit of a group (`number:controllers:path`) and of those around it.
fn limit_of_group(line: &str) -> Option<usize> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // A group that lies outside what this process sees has its limit at the root.
    let groups = std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(outer, _)| outer));
    // `max` is no number, and no limit.
    groups
        .filter_map(|group| fs::read_to_string(format!("{root}{group}/{file}")).ok()?.trim().parse().ok())
        .min()
}

/// An amount of memory as people read it: `4.0 TB`.
struct Amount<'a>(&'a usize);

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
        if *self.0 > isize::MAX as usize {
            return f.write_str("more bytes than can be addressed");
        }
        let (mut amount, mut unit) = (*self.0 as f64, "bytes");
        for larger in UNITS {
            if amount < 1000.0 {
                break;
            }
            (amount, unit) = (amount / 1000.0, larger);
        }
        let digits = usize::from(unit != "bytes");
        write!(f, "{amount:.digits$} {unit}")
    }
}
