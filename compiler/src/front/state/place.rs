//! Places that are written to: files are replaced whole, through links; streams are written into.
//!
//! Lives here: what a path leads to, and the one way to write there. What is written is
//! [`super::file`]'s.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The number of links to follow, as on Linux.
const LINKS: usize = 40;

/// What a path leads to.
enum Place {
    /// A file, existing or not: written next to this path, then renamed over it.
    File(PathBuf, Option<Metadata>),
    /// Standard output of this process.
    Output,
    /// A pipe, or a device that takes a stream.
    Stream(PathBuf),
}

/// Writes `contents` to what `path` leads to.
///
/// # Errors
/// If that is no file and no stream, or cannot be written; an existing file is then unchanged.
pub(super) fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    match place(path)? {
        Place::File(file, before) => replace(&file, before.as_ref(), contents),
        Place::Output => {
            let mut output = io::stdout().lock();
            output.write_all(contents)?;
            output.flush()
        }
        Place::Stream(path) => File::options().append(true).open(path)?.write_all(contents),
    }
}

fn place(path: &Path) -> io::Result<Place> {
    let end = followed(path)?;
    if is_descriptor(&end) {
        return Ok(if end.ends_with("1") { Place::Output } else { Place::Stream(end) });
    }
    match fs::metadata(&end) {
        Ok(there) if there.is_file() => Ok(Place::File(end, Some(there))),
        Ok(there) => match refusal(&there) {
            None => Ok(Place::Stream(end)),
            Some(what) => Err(io::Error::other(format!("expected a file or a stream, found {what}"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Place::File(end, None)),
        Err(error) => Err(error),
    }
}

/// The path behind links, which may lead to nothing, or to an open file of this process.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut end = path.to_owned();
    for _ in 0..LINKS {
        if is_descriptor(&end) {
            return Ok(end);
        }
        match fs::read_link(&end) {
            // From the folder that the link is in.
            Ok(target) => end = end.parent().unwrap_or(Path::new("")).join(target),
            // No link, or nothing there yet; other errors show on writing.
            Err(_) => return Ok(end),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Whether a path is one of the links that stand for this process's open files, whatever their target says.
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder == Path::new(&format!("/proc/{}/fd", std::process::id())))
}

/// What cannot be written to; nothing for pipes and for devices that take one byte after another.
#[cfg(unix)]
fn refusal(there: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = there.file_type();
    if kind.is_fifo() || kind.is_char_device() {
        return None;
    }
    Some(if kind.is_dir() {
        "a folder"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_block_device() {
        "a block device"
    } else {
        "something else"
    })
}

#[cfg(not(unix))]
fn refusal(there: &Metadata) -> Option<&'static str> {
    Some(if there.is_dir() { "a folder" } else { "something else" })
}

/// Writes a file next to its place, then renames it over the old one, with its owner and permissions; both are on the
/// disk when it returns.
fn replace(path: &Path, before: Option<&Metadata>, contents: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = PathBuf::from(beside);
    // Left by an earlier process of this id.
    let _ = fs::remove_file(&beside);
    let written = (|| {
        let mut file = File::options().write(true).create_new(true).open(&beside)?;
        if let Some(before) = before {
            keep_owner(&file, before);
            file.set_permissions(before.permissions())?;
        }
        file.write_all(contents)?;
        // Before the name is: of a machine that stops in between, the old file is left.
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_folder(path);
        Ok(())
    })();
    written.inspect_err(|_| {
        // Best effort: the error to report is the first one.
        let _ = fs::remove_file(&beside);
    })
}

/// Brings the name of a file to the disk. Best effort: the file is there, and some file systems do this for files alone.
#[cfg(unix)]
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) {}

/// Best effort: only some may give files away.
#[cfg(unix)]
fn keep_owner(file: &File, before: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(before.uid()), Some(before.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _before: &Metadata) {}
