//! Where results are written to: files through links, and streams.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::thread;

use super::{Folder, fine, text};

/// What `show constant.mlir` writes.
fn shown(folder: &Folder) -> String {
    fine(folder.choral("show constant.mlir"))
}

#[test]
fn links_stay_and_what_they_lead_to_is_replaced() {
    let folder = Folder::new("links_stay_and_what_they_lead_to_is_replaced");
    fs::create_dir(folder.path("inner")).expect("a folder");
    folder.write("inner/real.txt", "what was there before");
    fs::set_permissions(folder.path("inner/real.txt"), fs::Permissions::from_mode(0o640)).expect("a mode");
    symlink("real.txt", folder.path("inner/near")).expect("a link");
    symlink("inner/near", folder.path("far")).expect("a link to a link");
    let before = folder.names();
    fine(folder.choral("show constant.mlir -o far"));
    let real = folder.path("inner/real.txt");
    assert_eq!(fs::read_to_string(&real).expect("text"), shown(&folder));
    assert_eq!(fs::metadata(&real).expect("a file").permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(folder.path("far")).expect("still a link").as_os_str(), "inner/near");
    assert!(fs::symlink_metadata(folder.path("inner/near")).expect("there").is_symlink());
    assert_eq!(folder.names(), before);
    assert_eq!(fs::read_dir(folder.path("inner")).expect("a folder").count(), 2, "nothing is left beside it");
}

#[test]
fn a_link_to_nothing_makes_what_it_names() {
    let folder = Folder::new("a_link_to_nothing_makes_what_it_names");
    symlink("later.safetensors", folder.path("link")).expect("a link");
    fine(folder.choral("run constant.mlir --output link"));
    assert!(fs::symlink_metadata(folder.path("link")).expect("there").is_symlink());
    assert!(fs::symlink_metadata(folder.path("later.safetensors")).expect("there").is_file());
    symlink("circle", folder.path("circle")).expect("a link");
    let output = folder.choral("run constant.mlir --output circle");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("too many levels of symbolic links"), "{}", text(&output.stderr));
}

#[test]
fn pipes_and_standard_output_are_streams() {
    let folder = Folder::new("pipes_and_standard_output_are_streams");
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).expect("text")
    });
    fine(folder.choral("show constant.mlir -o pipe"));
    let shown = shown(&folder);
    assert_eq!(reader.join().expect("the reader ends"), shown);
    assert!(fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo());
    for output in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        assert_eq!(fine(folder.choral(&format!("show constant.mlir -o {output}"))), shown, "{output}");
    }
    // Into a file behind what is there already.
    let log = folder.path("log.txt");
    fs::write(&log, "before\n").expect("a file");
    let file = fs::File::options().append(true).open(&log).expect("the file");
    let status = folder.command("show constant.mlir -o /dev/stdout").stdout(file).status();
    assert!(status.expect("the command starts").success());
    assert_eq!(fs::read_to_string(&log).expect("text"), format!("before\n{shown}"));
}

#[test]
fn what_cannot_be_written_is_refused_and_stays() {
    let folder = Folder::new("what_cannot_be_written_is_refused_and_stays");
    fs::create_dir(folder.path("inner")).expect("a folder");
    let _socket = UnixListener::bind(folder.path("socket")).expect("a socket");
    let before = folder.names();
    for (place, told) in
        [("inner", "found a folder"), ("socket", "found a socket"), ("/dev/full", "No space left")]
    {
        let output = folder.choral(&format!("show constant.mlir -o {place}"));
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(message.contains(told) && message.contains(place), "{message}");
    }
    assert!(fs::symlink_metadata(folder.path("socket")).expect("there").file_type().is_socket());
    assert_eq!(folder.names(), before);
}

#[test]
fn a_folder_that_is_only_read_stays_as_it_is() {
    let folder = Folder::new("a_folder_that_is_only_read_stays_as_it_is");
    fs::create_dir(folder.path("inner")).expect("a folder");
    folder.write("inner/out.txt", "what was there before");
    let mode = |mode: u32| fs::set_permissions(folder.path("inner"), fs::Permissions::from_mode(mode));
    mode(0o555).expect("a mode");
    // Some users write everywhere.
    let is_kept_out = fs::write(folder.path("inner/probe"), "").is_err();
    let output = folder.choral("show constant.mlir -o inner/out.txt");
    mode(0o755).expect("a mode");
    if is_kept_out {
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(fs::read_to_string(folder.path("inner/out.txt")).expect("text"), "what was there before");
        assert_eq!(fs::read_dir(folder.path("inner")).expect("a folder").count(), 1);
    }
}
