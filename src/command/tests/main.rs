//! The `choral` command, as users call it.

mod cases;
mod derivatives;
mod devices;
#[cfg(unix)]
mod output;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use choral::state::file;
use choral::{State, Tensor};
use insta::assert_snapshot;

/// One sample: weights that all share, and an `x`.
const PERCEPTRON: &str = "
func.func @main(%w: tensor<2x3xf32>, %x: tensor<3xf32>) -> (tensor<2xf32>, tensor<f32>) {
  %y = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0] : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %sum = stablehlo.reduce(%y init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<2xf32>, tensor<f32>) -> tensor<f32>
  return %y, %sum : tensor<2xf32>, tensor<f32>
}
";

/// Functions of their own, the second with a check that does not hold.
const CHECKS: &str = "
func.func @holds() -> tensor<2xi32> {
  %x = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  check.expect_eq_const %x, dense<[1, 2]> : tensor<2xi32>
  return %x : tensor<2xi32>
}
func.func @fails() -> tensor<2xi32> {
  %x = stablehlo.constant dense<[1, 2]> : tensor<2xi32>
  check.expect_eq_const %x, dense<[1, 3]> : tensor<2xi32>
  return %x : tensor<2xi32>
}
";

const CONSTANT: &str = "
func.func @main() -> tensor<f32> {
  %x = stablehlo.constant dense<2.5> : tensor<f32>
  return %x : tensor<f32>
}
";

/// A folder of a test's own, in which the command runs.
struct Folder(PathBuf);

impl Folder {
    /// An empty folder, but for a few programs and the arguments of one of them.
    fn new(test: &str) -> Folder {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command").join(test);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for scratch files");
        let folder = Folder(folder);
        folder.write("perceptron.mlir", PERCEPTRON);
        folder.write("checks.mlir", CHECKS);
        folder.write("constant.mlir", CONSTANT);
        let w = Tensor::from([[1.0f32, 2.0, 3.0], [-1.0, 0.0, 1.0]]);
        let xs = Tensor::from([[1.0f32, 1.0, 1.0], [0.0, 10.0, 100.0]]);
        folder.tensors("one.safetensors", [&w, &xs.index(1).expect("a row")]);
        folder.tensors("two.safetensors", [&w, &xs]);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file can be written");
    }

    fn tensors<const N: usize>(&self, name: &str, tensors: [&Tensor; N]) {
        let state: State<Tensor> =
            tensors.iter().enumerate().map(|(at, &tensor)| (at.to_string(), tensor.clone())).collect();
        file::write(self.path(name), &state).expect("a file can be written");
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_choral"));
        command.current_dir(&self.0).args(words.split_whitespace());
        command
    }

    fn choral(&self, words: &str) -> Output {
        self.command(words).output().expect("the command starts")
    }

    /// What the command does with this on its standard input.
    fn fed(&self, words: &str, input: &[u8]) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        child.stdin.take().expect("a pipe").write_all(input).expect("the command reads");
        child.wait_with_output().expect("the command ends")
    }

    /// What stands on the screen after each of these commands.
    fn screen(&self, commands: &[&str]) -> String {
        let shown = |words: &&str| {
            let output = self.choral(words);
            let status = output.status.code().expect("the command ends by itself");
            format!(
                "$ choral {words}\n{}{}exit status {status}\n\n",
                text(&output.stdout),
                text(&output.stderr)
            )
        };
        commands.iter().map(shown).collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Standard output of a command that went well.
#[track_caller]
fn fine(output: Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn help() {
    let folder = Folder::new("help");
    let tasks = ["--help", "run --help", "show --help", "bench --help", "check --help"];
    let screen = folder.screen(&tasks);
    assert_snapshot!(screen);
}

#[test]
fn imported_programs_are_mapped() {
    let folder = Folder::new("imported_programs_are_mapped");
    let first = "run perceptron.mlir --inputs two.safetensors --vmap _,0";
    let expected = "0: tensor<2x2xf32> [[6.0, 0.0], [320.0, 100.0]]\n1: tensor<2xf32> [6.0, 420.0]\n";
    assert_eq!(fine(folder.choral(first)), expected);
    let last = "run perceptron.mlir --inputs two.safetensors --vmap _,-2->-1,0";
    let expected = "0: tensor<2x2xf32> [[6.0, 320.0], [0.0, 100.0]]\n1: tensor<2xf32> [6.0, 420.0]\n";
    assert_eq!(fine(folder.choral(last)), expected);
}

#[test]
fn the_first_vmap_is_the_innermost() {
    let folder = Folder::new("the_first_vmap_is_the_innermost");
    let w = Tensor::from_fn([5, 2, 3], |at| at as f32);
    folder.tensors("in.safetensors", [&w, &Tensor::from_fn([5, 4, 3], |at| at as f32)]);
    fine(
        folder.choral(
            "run perceptron.mlir --inputs in.safetensors --vmap _,0 --vmap 0 --output out.safetensors",
        ),
    );
    let results = file::read(folder.path("out.safetensors")).expect("results");
    assert_eq!((results["0"].shape(), results["1"].shape()), ([5, 4, 2].as_slice(), [5, 4].as_slice()));
    assert_eq!(results["1"].as_slice::<f32>().expect("floats")[..2], [5.0 + 14.0, 14.0 + 50.0]);
}

/// The mean of the members is taken off each of them.
#[test]
fn members_meet_by_the_name_of_their_axis() {
    let folder = Folder::new("members_meet_by_the_name_of_their_axis");
    folder.write(
        "centred.mlir",
        "
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %sum = choral.psum %x, axes = [\"members\"] : tensor<f32>
  %two = stablehlo.constant dense<2.0> : tensor<f32>
  %mean = stablehlo.divide %sum, %two : tensor<f32>
  %off = stablehlo.subtract %x, %mean : tensor<f32>
  return %off : tensor<f32>
}
",
    );
    folder.tensors("in.safetensors", [&Tensor::from([1.0f32, 4.0])]);
    let run = "run centred.mlir --inputs in.safetensors --vmap 0";
    assert_eq!(fine(folder.choral(&format!("{run} --axis-name members"))), "0: tensor<2xf32> [-1.5, 1.5]\n");
    assert_snapshot!(folder.screen(&[
        run,
        &format!("{run} --axis-name others"),
        &format!("{run} --axis-name members --chunk-size 1"),
        &format!("{run} --axis-name members --axis-name others"),
        &format!("{run} --axis-name @"),
    ]));
}

#[test]
fn members_come_in_chunks() {
    let folder = Folder::new("members_come_in_chunks");
    let whole = "run perceptron.mlir --inputs two.safetensors --vmap _,0";
    for chunk in 1..4 {
        let in_chunks = format!("{whole} --chunk-size {chunk}");
        assert_eq!(fine(folder.choral(&in_chunks)), fine(folder.choral(whole)));
    }
    let shown = fine(folder.choral("show perceptron.mlir --vmap _,0 --axis-size 8 --chunk-size 2"));
    assert!(shown.contains("chlo.scan"), "{shown}");
}

#[test]
fn results_of_every_element_type_are_written() {
    let folder = Folder::new("results_of_every_element_type_are_written");
    for dtype in ["i1", "i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64", "f16", "bf16", "f32", "f64"]
    {
        let ty = format!("tensor<2x{dtype}>");
        folder.write("same.mlir", &format!("func.func @main(%x: {ty}) -> {ty} {{\n return %x : {ty}\n}}"));
        let dtype = choral::DType::from_name(dtype).expect("an element type");
        let x = Tensor::from([1.0f32, 0.0]).to_dtype(dtype);
        folder.tensors("in.safetensors", [&x]);
        fine(folder.choral("run same.mlir --inputs in.safetensors --output out.safetensors"));
        assert_eq!(file::read(folder.path("out.safetensors")).expect("results")["0"], x);
    }
}

#[test]
fn checks() {
    let folder = Folder::new("checks");
    let commands = ["run checks.mlir", "run checks.mlir --vmap 0 --axis-size 2 --device reference"];
    let screen = folder.screen(&commands);
    assert_snapshot!(screen);
}

#[test]
fn inputs_that_do_not_fit() {
    let folder = Folder::new("inputs_that_do_not_fit");
    folder.tensors(
        "three.safetensors",
        [&Tensor::scalar(1.0f32), &Tensor::scalar(1i32), &Tensor::scalar(true)],
    );
    let w = Tensor::from_fn([4, 2, 3], |at| at as f32);
    folder.tensors("unlike.safetensors", [&w, &Tensor::from([[0.0f32; 3]; 5])]);
    folder.write("noise.safetensors", "this is no file of tensors");
    let screen = folder.screen(&[
        "run perceptron.mlir",
        "run perceptron.mlir --vmap _,-1",
        "run perceptron.mlir --inputs two.safetensors",
        "run perceptron.mlir --inputs three.safetensors",
        "run constant.mlir --inputs one.safetensors",
        "run perceptron.mlir --inputs unlike.safetensors --vmap 0",
        "run perceptron.mlir --inputs two.safetensors --vmap _,0 --axis-size 3",
        "run perceptron.mlir --inputs noise.safetensors",
        "run perceptron.mlir --inputs nowhere.safetensors",
    ]);
    assert_snapshot!(screen);
}

#[test]
fn maps_that_do_not_fit() {
    let folder = Folder::new("maps_that_do_not_fit");
    let screen = folder.screen(&[
        "show perceptron.mlir --vmap 0,x",
        "show perceptron.mlir --vmap ->0",
        "show perceptron.mlir --vmap 0,0,0",
        "show perceptron.mlir --vmap _,2",
        "show perceptron.mlir --vmap -4,0",
        "show perceptron.mlir --vmap _,0->0,0,0",
        "show perceptron.mlir --vmap _,0->0,1",
        "show perceptron.mlir --vmap _,0->_,0",
        "show perceptron.mlir --vmap _",
        "show constant.mlir --vmap 0",
        "show perceptron.mlir --vmap 0 --axis-size 1 --axis-size 2",
        "show perceptron.mlir --axis-size 1",
    ]);
    assert_snapshot!(screen);
}

#[test]
fn usage_errors() {
    let folder = Folder::new("usage_errors");
    let nothing = folder.choral("");
    assert_eq!((nothing.status.code(), text(&nothing.stdout)), (Some(2), String::new()));
    let screen = folder.screen(&[
        "fly perceptron.mlir",
        "run",
        "run nowhere.mlir",
        "run constant.mlir --device abacus",
        "run checks.mlir --output out.safetensors",
        "show checks.mlir --as json",
        "show perceptron.mlir --as explain",
        "show perceptron.mlir --vmap 0 --chunk-size 0",
        "bench checks.mlir",
        "bench constant.mlir --seconds=-1",
        "bench constant.mlir --threads 0",
    ]);
    assert_snapshot!(screen);
}

#[test]
fn programs_are_shown() {
    let folder = Folder::new("programs_are_shown");
    folder.write(
        "scan.mlir",
        "
func.func @main(%x: tensor<4xf32>, %start: tensor<f32>) -> tensor<4xf32> {
  %sums:2 = chlo.scan(%x) inits(%start) dimension=0 {
  ^bb0(%element: tensor<f32>, %sum: tensor<f32>):
    %next = stablehlo.add %sum, %element : tensor<f32>
    stablehlo.return %next, %next : tensor<f32>, tensor<f32>
  } : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
  return %sums#0 : tensor<4xf32>
}
",
    );
    let screen = folder.screen(&[
        "show perceptron.mlir --vmap _,0",
        "show perceptron.mlir --vmap _,0 --vmap 0->-1,0 --axis-size 8 --axis-size 5",
        "show perceptron.mlir --as dot",
        "show scan.mlir --as stablehlo",
        "show checks.mlir",
        "show perceptron.mlir --vmap _,0 --vmap 0 --axis-size 8 --axis-size 5 --as explain",
    ]);
    assert_snapshot!(screen);
}

#[test]
fn json_is_read_again() {
    let folder = Folder::new("json_is_read_again");
    let json = fine(folder.choral("show perceptron.mlir --vmap _,0 --as json"));
    let direct = fine(folder.choral("run perceptron.mlir --vmap _,0 --inputs two.safetensors"));
    let again = folder.fed("run - --inputs two.safetensors", format!("\n  {json}").as_bytes());
    assert_eq!(fine(again), direct);
}

#[test]
fn text_is_read_from_standard_input() {
    let folder = Folder::new("text_is_read_from_standard_input");
    assert_eq!(fine(folder.fed("run -", CONSTANT.as_bytes())), "0: tensor<f32> 2.5\n");
    let bytes = folder.fed("run -", b"\xff\xfe");
    assert_eq!(bytes.status.code(), Some(2));
    assert_eq!(text(&bytes.stderr), "error: <stdin>: invalid utf-8 sequence of 1 bytes from index 0\n");
}

#[test]
fn pictures_are_whole() {
    let folder = Folder::new("pictures_are_whole");
    let body: String = (1..1000)
        .map(|at| format!("%v{at} = stablehlo.add %v{}, %v{} : tensor<f32>\n", at - 1, at / 2))
        .collect();
    let long =
        format!("func.func @main(%v0: tensor<f32>) -> tensor<f32> {{\n{body}return %v999 : tensor<f32>\n}}");
    folder.write("long.mlir", &long);
    folder.write("empty.mlir", "func.func @main() {\n  return\n}");
    for program in ["perceptron.mlir", "long.mlir", "empty.mlir"] {
        let svg = fine(folder.choral(&format!("show {program} --vmap 0 --axis-size 3 --as svg")));
        assert!(svg.starts_with("<svg "));
        roxmltree::Document::parse(&svg).expect("well-formed XML");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{program}");
    }
}

/// Names in JSON may be anything; XML does not hold everything.
#[test]
fn pictures_hold_any_name() {
    let folder = Folder::new("pictures_hold_any_name");
    let json = fine(folder.choral("show constant.mlir --as json"));
    let odd = format!("<&\\\"\\u0000\\u001b\\uffff]]>{}", "é".repeat(200));
    let svg = fine(folder.fed("show - --as svg", json.replace("\"x\"", &format!("\"{odd}\"")).as_bytes()));
    assert!(svg.contains("&lt;&amp;") && svg.contains("é…"), "{svg}");
    roxmltree::Document::parse(&svg).expect("well-formed XML");
}

#[test]
fn bench_prints_one_line_of_json() {
    let folder = Folder::new("bench_prints_one_line_of_json");
    // Both arguments, the constant, the product, its transpose, the sums; the interpreter's body of sums.
    let values = 6 + 9 + 1 + 6 + 6 + 3;
    for (device, values) in [("cpu", values), ("reference", values + 3)] {
        let words = format!(
            "bench perceptron.mlir --vmap _,0 --axis-size 3 --seconds 0 --threads 1 --device {device}"
        );
        let line = fine(folder.choral(&words));
        assert_eq!(line.lines().count(), 1);
        let report: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        for time in ["median_us", "p10", "p90", "compile_ms"] {
            assert!(report[time].as_f64().is_some_and(|time| time > 0.0), "{time} in {line}");
        }
        assert!(report["p10"].as_f64() <= report["median_us"].as_f64(), "{line}");
        assert!(report["median_us"].as_f64() <= report["p90"].as_f64(), "{line}");
        assert_eq!(report["runs"], 3);
        assert_eq!(report["flops"], 3 * (2 * 2 * 3 + 2));
        // Beside the values stands what a product takes for itself.
        let bytes = report["peak_bytes"].as_u64().expect("a number of bytes");
        assert!((4 * values..4 * values + 4096).contains(&bytes), "{bytes}");
        assert_eq!((report["device"].as_str(), report["threads"].as_u64()), (Some(device), Some(1)));
        assert_eq!(report["precision"].as_str(), Some("exact"));
        assert_eq!(report.as_object().map(serde_json::Map::len), Some(10));
    }
}

#[test]
fn bench_takes_inputs_and_makes_them() {
    let folder = Folder::new("bench_takes_inputs_and_makes_them");
    fine(folder.choral("bench perceptron.mlir --inputs two.safetensors --vmap _,0 --seconds 0"));
    folder.write(
        "types.mlir",
        "
func.func @main(%a: tensor<i1>, %b: tensor<2xui4>, %c: tensor<3xi64>, %d: tensor<4xbf16>) -> tensor<4xbf16> {
  return %d : tensor<4xbf16>
}
",
    );
    fine(folder.choral("bench types.mlir --seconds 0"));
}

#[test]
fn every_program_is_checked() {
    let folder = Folder::new("every_program_is_checked");
    folder.write("unknown.mlir", &PERCEPTRON.replace("stablehlo.dot_general", "stablehlo.dot_specific"));
    folder.write("type.mlir", &PERCEPTRON.replace("tensor<2x3xf32>, %x", "tensor<2x4xf32>, %x"));
    folder.write("old.json", "{ \"choral\": 0 }");
    let screen =
        folder.screen(&["check perceptron.mlir unknown.mlir type.mlir old.json nowhere.mlir checks.mlir"]);
    assert_snapshot!(screen);
    fine(folder.choral("check perceptron.mlir checks.mlir"));
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = Folder::new("files_are_written_whole_or_not_at_all");
    let before = folder.names();
    for words in [
        "run perceptron.mlir --inputs one.safetensors --output nowhere/out.safetensors",
        "run perceptron.mlir --inputs two.safetensors --output out.safetensors",
        "run checks.mlir --output out.safetensors",
        "show perceptron.mlir -o nowhere/out.txt",
        "show perceptron.mlir --vmap 0,0,0 -o out.txt",
    ] {
        assert_eq!(folder.choral(words).status.code(), Some(2), "{words}");
        assert_eq!(folder.names(), before, "{words}");
    }
    folder.write("out.txt", "what was there before");
    assert_eq!(folder.choral("show nowhere.mlir -o out.txt").status.code(), Some(2));
    assert_eq!(fs::read_to_string(folder.path("out.txt")).expect("text"), "what was there before");
    fine(folder.choral("show constant.mlir -o out.txt"));
    assert_eq!(
        fs::read_to_string(folder.path("out.txt")).expect("text"),
        fine(folder.choral("show constant.mlir"))
    );
}

#[test]
fn programs_that_need_too_much_memory_are_refused() {
    let folder = Folder::new("programs_that_need_too_much_memory_are_refused");
    let ty = "tensor<144115188075855872xf64>";
    let program =
        format!("func.func @main() -> {ty} {{\n%x = stablehlo.iota dim = 0 : {ty}\nreturn %x : {ty}\n}}");
    folder.write("huge.mlir", &program);
    for words in ["run huge.mlir", "bench huge.mlir --device reference"] {
        let output = folder.choral(words);
        let told = format!(
            "error: %x : {ty}: together with all other live values, this needs 1170.9 PB of memory, but "
        );
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(message.starts_with(&told) && message.ends_with("at huge.mlir:2:6\n"), "{message}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = Folder::new("a_reader_that_has_seen_enough_is_no_error");
    // More than a pipe holds, so that the command is still writing when the reader goes.
    let values = vec!["0.5"; 100_000].join(", ");
    let ty = "tensor<100000xf32>";
    let long = format!(
        "func.func @main() -> {ty} {{\n%x = stablehlo.constant dense<[{values}]> : {ty}\nreturn %x : {ty}\n}}"
    );
    folder.write("long.mlir", &long);
    let mut command = folder.command("show long.mlir");
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn completions() {
    let folder = Folder::new("completions");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(fine(folder.choral(&format!("completions {shell}"))).contains("axis-size"), "{shell}");
    }
}
