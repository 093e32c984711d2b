//! Machine code that is kept on disk.

use std::fs;

use super::{compiled, gpu, numbers, on_stand_in};

/// Whether the step compiles and runs.
#[test]
#[ignore = "runs as a child"]
fn runs() {
    let inputs = [numbers(5, 1.0), numbers(5, 0.5), numbers(5, 2.0)];
    let result = compiled(5, gpu()).run(&inputs).unwrap();
    assert!(result[0].bit_eq(&compiled(5, choral_runtime::Device::Cpu).run(&inputs).unwrap()[0]));
}

#[test]
fn damaged_code_is_made_anew() {
    let folder = std::env::temp_dir().join(format!("choral-kept-{}", std::process::id()));
    let run = || on_stand_in("kept::runs", &[("CHORAL_CACHE", folder.to_str().unwrap())]);
    let file = || fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    run();
    if !folder.exists() {
        return; // There is no stand-in.
    }
    let whole = fs::read(file()).unwrap();
    let damages: [fn(&mut Vec<u8>); 4] = [
        |code| code.truncate(code.len() / 2),
        |code| code.clear(),
        |code| code[0] ^= 1,
        |code| code.extend_from_slice(b"more"),
    ];
    for damage in damages {
        let mut code = whole.clone();
        damage(&mut code);
        fs::write(file(), code).unwrap();
        run();
        assert!(fs::read(file()).unwrap() == whole, "it was not replaced");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    fs::remove_dir_all(&folder).unwrap();
}
