//! The invariants of ARCHITECTURE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ROOT;

/// The longest a file may be.
const LINES: usize = 500;

/// What each crate may use of the others.
const DIRECTIONS: [(&str, &[&str]); 10] = [
    ("ir", &[]),
    ("compiler/derive", &[]),
    ("compiler", &["choral-ir", "choral-derive"]),
    ("runtime/kernels", &[]),
    // Its tests compare with what the runtime calls; nothing else of it may be used.
    ("runtime/cuda", &["choral-kernels", "choral-ir", "choral-runtime"]),
    ("runtime", &["choral-ir", "choral-kernels", "choral-cuda"]),
    (".", &["choral-ir", "choral-compiler", "choral-runtime"]),
    ("src/command", &["choral"]),
    ("tests", &["choral", "choral-compiler"]),
    ("benches", &["choral"]),
];

/// The folders that hold code.
const PLACES: [&str; 7] = ["src", "ir", "compiler", "runtime", "tests", "benches", "examples"];

/// Tests that compare with snapshots: their folder, and the name of their binary.
const SNAPSHOTS: [(&str, &str); 3] =
    [("tests", "across"), ("ir/tests", "ir"), ("src/command/tests", "command")];

/// What may hold `unsafe` code: the loops, and who hands them a plan's memory.
const UNSAFE: [&str; 17] = [
    "runtime/kernels/",
    "runtime/cuda/src/compile.rs",
    "runtime/cuda/src/cublaslt.rs",
    "runtime/cuda/src/gather.rs",
    "runtime/cuda/src/gpu.rs",
    "runtime/cuda/src/libraries.rs",
    "runtime/cuda/src/memory.rs",
    "runtime/cuda/src/nccl.rs",
    "runtime/cuda/src/session.rs",
    "runtime/cuda/src/staging.rs",
    "runtime/cuda/tests/functions.rs",
    "runtime/cuda/tests/stand_in",
    "runtime/src/gpu.rs",
    "runtime/src/plan/rounds.rs",
    "runtime/src/plan/state.rs",
    "runtime/src/plan/host.rs",
    "runtime/tests/lowering.rs",
];

/// Folders of rules, and what stands in them beside one file per op family.
const FAMILIES: [(&str, &[&str]); 3] = [
    ("ir/src/op", &["mod"]),
    ("compiler/src/transform/rules", &["mod"]),
    ("runtime/src/ops", &["bodies", "mod", "places", "scalar"]),
];

/// The tables of the optimiser.
const REWRITES: &str = "compiler/src/transform/rewrite/optimise/tables";

fn root() -> PathBuf {
    PathBuf::from(ROOT)
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path.as_ref())).expect("a readable file")
}

/// Every file with this extension under a folder, as paths from the root.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path.strip_prefix(root()).expect("a path under the root").display().to_string());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<String> {
    PLACES.iter().flat_map(|folder| files(folder, "rs")).collect()
}

/// What follows each occurrence of `before` up to `end`.
fn quoted<'a>(text: &'a str, before: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(end).next())
}

/// Every op's name, as it stands in the ops' own files.
fn op_names() -> BTreeSet<String> {
    files("ir/src/op", "rs").iter().flat_map(|file| names_in(file)).collect()
}

fn names_in(file: &str) -> BTreeSet<String> {
    let text = read(file);
    let of_dialect = |dialect: &str| -> Vec<String> {
        let before = format!("\"{dialect}");
        let names = quoted(&text, &before, '"');
        let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        names.filter(plain).map(|name| format!("{dialect}{name}")).collect()
    };
    ["stablehlo.", "chlo.", "choral."].into_iter().flat_map(of_dialect).collect()
}

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in DIRECTIONS {
        let manifest = read(Path::new(folder).join("Cargo.toml"));
        let of_dependencies =
            |section: &&str| section.starts_with("dependencies]") || section.starts_with("dev-dependencies]");
        let of_ours = |line: &&str| line.starts_with("choral");
        let used: BTreeSet<&str> = manifest
            .split("\n[")
            .filter(of_dependencies)
            .flat_map(str::lines)
            .filter(of_ours)
            .filter_map(|line| line.split(['.', ' ', '=']).next())
            .collect();
        assert_eq!(used, allowed.iter().copied().collect(), "what {folder} may use of the other crates");
    }
}

#[test]
fn transforms_do_not_know_what_users_write() {
    for file in files("compiler/src/transform", "rs") {
        let text = read(&file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let upward: Vec<&str> = code.filter(|line| line.contains("front::")).collect();
        assert_eq!(upward, Vec::<&str>::new(), "{file} is below the front, and names it");
    }
}

#[test]
fn files_are_rooms_not_halls() {
    for file in sources() {
        let text = read(&file);
        let lines = text.lines().count();
        assert!(lines <= LINES, "{file} has {lines} lines; split it by purpose ({LINES} at most)");
        let first = text.lines().find(|line| !line.starts_with("#!["));
        assert!(first.is_some_and(|line| line.starts_with("//!")), "{file} does not say what lives in it");
    }
}

#[test]
fn unsafe_code_stays_in_its_files() {
    let may = |file: &String| UNSAFE.iter().any(|place| file.starts_with(place)) || file == "tests/tidy.rs";
    for file in sources().iter().filter(|file| !may(file)) {
        let code = read(file)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .any(|line| line.contains("unsafe {"));
        assert!(!code, "{file} holds unsafe code");
    }
    // That every block says why it is sound is clippy's.
    let lints = read("Cargo.toml");
    assert!(
        lints.contains("undocumented_unsafe_blocks = \"warn\""),
        "unsafe blocks must say why they are sound"
    );
    for library in ["src/lib.rs", "ir/src/lib.rs", "compiler/src/lib.rs", "compiler/derive/src/lib.rs"] {
        assert!(read(library).contains("#![forbid(unsafe_code)]"), "{library} must forbid unsafe code");
    }
}

#[test]
fn every_family_has_a_file_in_every_crate() {
    let families = |(folder, others): (&str, &[&str])| -> BTreeSet<String> {
        // A family's file may have files of its own, in a folder of its name.
        let names = files(folder, "rs")
            .into_iter()
            .filter(|file| Path::new(file).parent() == Some(Path::new(folder)))
            .filter_map(|file| Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        names.filter(|name| !others.contains(&name.as_str())).collect()
    };
    let expected = families(FAMILIES[0]);
    for folder in &FAMILIES[1..] {
        assert_eq!(families(*folder), expected, "families in {}", folder.0);
    }
}

#[test]
fn rules_have_no_catch_all_arms() {
    let denied = "#![deny(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]";
    for folder in FAMILIES.map(|(folder, _)| folder).into_iter().chain([REWRITES]) {
        assert!(read(Path::new(folder).join("mod.rs")).contains(denied), "{folder}/mod.rs must say {denied}");
        for file in files(folder, "rs") {
            let text = read(&file);
            let code = text.lines().find(|line| line.trim_start().starts_with("_ =>"));
            assert!(code.is_none(), "{file} has a catch-all arm: {}", code.unwrap_or_default().trim());
        }
    }
}

/// Back ends are handed what an op says, and never ask which op it is: that is the plan's work.
#[test]
fn kernels_do_not_know_the_op_set() {
    for file in files("runtime/kernels/src", "rs") {
        let text = read(&file);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named: Vec<&str> = code.filter(|line| line.contains("choral_ir")).collect();
        assert_eq!(named, Vec::<&str>::new(), "{file} knows the IR");
    }
}

#[test]
fn every_family_documents_its_constraints() {
    for file in files("ir/src/op", "rs").iter().filter(|file| !file.ends_with("mod.rs")) {
        assert!(read(file).contains("(C1"), "{file} does not list the constraints of its ops");
    }
}

/// Collectives run only inside mapped functions, so they have their own test.
#[test]
fn every_op_between_members_is_tested() {
    let programs = read("tests/collectives.rs") + &read("tests/snapshots/across__collectives__programs.snap");
    for name in names_in("ir/src/op/collective.rs") {
        let (_, method) = name.split_once('.').expect("a dialect");
        let is_used = programs.contains(&format!(".{method}(")) || programs.contains(&format!("{name} %"));
        assert!(is_used, "{name} is not used in tests/collectives.rs");
    }
}

#[test]
fn every_op_is_generated_and_has_a_file_test() {
    let together =
        |folder: &str, extension: &str| -> String { files(folder, extension).iter().map(read).collect() };
    let generators = together("tests/laws", "rs");
    let programs = together("tests/files", "mlir") + &together("tests/snapshots", "snap");
    let collectives: BTreeSet<String> = names_in("ir/src/op/collective.rs");
    for name in op_names().difference(&collectives) {
        assert!(generators.contains(&format!("\"{name}\"")), "{name} has no generator row in tests/laws");
        let uses = |end: char| programs.contains(&format!("{name}{end}"));
        assert!(uses(' ') || uses('(') || uses('"'), "{name} has no file test in tests/files");
    }
}

/// Every page that users read, as paths from the root.
fn pages() -> Vec<String> {
    let mut pages = files("docs", "md");
    pages.extend(["README.md", "ARCHITECTURE.md"].map(str::to_owned));
    pages
}

/// A page that README does not name is never read; its code runs only where `src/pages.rs` names it.
#[test]
fn every_page_is_named_and_tested() {
    let (readme, tested) = (read("README.md"), read("src/pages.rs"));
    let found = files("docs", "md");
    assert!(found.len() > 8, "the pages are gone");
    for page in found {
        assert!(readme.contains(&format!("]({page})")), "README.md does not link to {page}");
        assert!(tested.contains(&format!("\"../{page}\"")), "src/pages.rs does not name {page}");
    }
}

/// Links of pages lead to files, and a listing says its language: rustdoc takes a bare one for Rust.
#[test]
fn pages_are_well_formed() {
    for page in pages() {
        let text = read(&page);
        let folder = Path::new(&page).parent().expect("a folder");
        for link in quoted(&text, "](", ')').filter(|link| !link.starts_with("http")) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(root().join(folder).join(file).exists(), "{page} links to {link}, which is not there");
        }
        let bare = text.lines().filter(|line| line.starts_with("```")).step_by(2).any(|line| line == "```");
        assert!(!bare || page == "ARCHITECTURE.md", "{page} has a listing without a language");
    }
}

/// The error texts of `docs/errors.md` are those of tests, but for the places.
#[test]
fn the_page_of_errors_shows_what_tests_see() {
    let told: String = files("tests/snapshots", "snap").iter().map(read).collect();
    let page = read("docs/errors.md");
    let listings: Vec<&str> = quoted(&page, "```text\n", '`').collect();
    assert!(listings.len() > 1, "the listings are gone");
    let is_place = |line: &&str| line.starts_with("  at ");
    for line in listings.iter().flat_map(|listing| listing.lines()).filter(|line| !is_place(line)) {
        assert!(told.contains(&format!("{line}\n")), "no test sees {line:?}");
    }
}

/// Every row of the comparison with other libraries names a test that is there.
#[test]
fn the_comparison_links_to_tests() {
    let page = read("docs/comparison.md");
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with('|') && line.contains("](../tests/")).collect();
    assert!(rows.len() > 30, "the table is gone");
    let all = page.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    assert_eq!(all.take_while(|line| line.starts_with('|')).count(), rows.len(), "a row names no test");
    for row in rows {
        let (file, rest) =
            row.split_once("](../").and_then(|(_, link)| link.split_once(')')).expect("a link");
        let test = rest.split('`').nth(1).expect("the test's name");
        assert!(read(file).contains(&format!("fn {test}(")), "{file} has no test {test}");
    }
}

/// A snapshot whose test is gone checks nothing. Its name says where the test is: the binary, the module
/// if there is one, and the test or the name that it gives the snapshot.
#[test]
fn every_snapshot_belongs_to_a_test() {
    for (folder, binary) in SNAPSHOTS {
        let snapshots = files(&format!("{folder}/snapshots"), "snap");
        assert!(snapshots.len() > 5, "the snapshots of {folder} are gone");
        for snapshot in snapshots {
            let name = Path::new(&snapshot).file_stem().expect("a name").to_string_lossy().into_owned();
            let place = name.strip_prefix(&format!("{binary}__")).expect("the name of the binary");
            let (module, test) = place.rsplit_once("__").unwrap_or(("main", place));
            let module = module.replace("__", "/");
            let is_there = match test.split_once('@') {
                Some((_, program)) => root().join("tests/files").join(program).exists(),
                None => {
                    let code = read(format!("{folder}/{module}.rs"));
                    code.contains(&format!("fn {test}(")) || code.contains(&format!("\"{test}\""))
                }
            };
            assert!(is_there, "{snapshot} belongs to no test");
        }
    }
    let kept: usize =
        SNAPSHOTS.iter().map(|(folder, _)| files(&format!("{folder}/snapshots"), "snap").len()).sum();
    let all: usize = PLACES.iter().map(|place| files(place, "snap").len()).sum();
    assert_eq!(kept, all, "a snapshot lies where no test looks for it");
}
