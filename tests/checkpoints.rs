//! Checkpoints: what comes back, what is refused, and runs that are killed while they save.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use choral::checkpoint::{self, Checkpoints, export_member, export_members};
use choral::error::StateError;
use choral::prelude::*;
use choral::state::file;
use choral::tree::leaves;
use insta::assert_snapshot;

use crate::training::{Run, data, start, step};

type TestResult = Result<(), choral::Error>;

/// An empty folder of its own for a test.
fn scratch(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("choral-checkpoints-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A model with the state of its optimiser.
fn trained() -> (Linear<Tensor>, OptimiserState<Tensor>, Key) {
    let model = Linear::init(3, 2, Key::new(0));
    let state = Adam::new(1e-3).init(&model);
    (model, state, Key::new(7))
}

#[track_caller]
fn assert_same<X: Tree<Tensor>>(got: &X, expected: &X) {
    for ((path, got), (_, expected)) in leaves(got).iter().zip(leaves(expected)) {
        assert!(got.bit_eq(&expected), "{path}: got {got}, expected {expected}");
    }
}

/// The message of what must be refused, without the folder.
#[track_caller]
fn refused<T>(result: Result<T, StateError>, folder: &Path) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string().replace(&format!("{}/", folder.display()), ""),
    }
}

/// Bits that numbers cannot tell apart come back, too.
#[test]
fn a_tree_comes_back_bit_for_bit() -> TestResult {
    let path = scratch("tree").join("run.safetensors");
    let odd = Tensor::from([-0.0f32, f32::from_bits(0x7fc0_1234), f32::INFINITY, f32::MIN_POSITIVE / 2.0]);
    let tree = (odd, vec![Tensor::from([true, false])], Some(Tensor::from(1i64 << 40)), Key::new(3));
    checkpoint::save(&path, &tree)?;
    let (odd, flags, number, key) = checkpoint::load(&path, &tree)?;
    assert_same(&(odd, flags, number, key), &(tree.0, tree.1, tree.2, tree.3.into()));
    Ok(())
}

/// The same tree gives the same file.
#[test]
fn files_are_reproducible() -> TestResult {
    let folder = scratch("reproducible");
    let paths = ["one.safetensors", "other.safetensors"].map(|name| folder.join(name));
    for path in &paths {
        checkpoint::save(path, &trained())?;
    }
    let [one, other] = paths.map(|path| fs::read(path).expect("a file"));
    assert_eq!(one, other);
    Ok(())
}

#[test]
fn a_checkpoint_of_another_structure() -> TestResult {
    let folder = scratch("structure");
    let path = folder.join("run.safetensors");
    checkpoint::save(&path, &trained())?;
    let (_, _, key) = trained();
    let other = Linear::init(4, 2, Key::new(0)).without_bias();
    let state = Adam::new(1e-3).amsgrad().init(&other);
    assert_snapshot!(refused(checkpoint::load(&path, &(other, state, key)), &folder));
    Ok(())
}

/// Files that are no checkpoints, or no longer.
#[test]
fn files_that_are_refused() -> TestResult {
    let folder = scratch("refused");
    let path = folder.join("run.safetensors");
    let like = trained();
    let load = || checkpoint::load(&path, &like);
    let mut messages = vec![refused(load(), &folder)];

    checkpoint::save(&path, &like)?;
    let whole = fs::read(&path).expect("a file");
    let mut write = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a file");
        messages.push(refused(load(), &folder));
    };
    write(&whole[..whole.len() - 1]);
    write(&whole[..100]);
    write(b"not a checkpoint at all");
    let replaced = |from: &str, to: &str| {
        let text: String = whole.iter().map(|&byte| char::from(byte)).collect();
        assert!(text.contains(from), "{from} is not in the header");
        text.replacen(from, to, 1).chars().map(|letter| letter as u8).collect::<Vec<u8>>()
    };
    write(&replaced("\"choral.checkpoint\":\"1 ", "\"choral.checkpoint\":\"2 "));
    write(&replaced("\"0.weight\"", "\"0.wEight\""));

    file::write(&path, &like.0.state_dict())?;
    messages.push(refused(load(), &folder));
    assert_snapshot!(messages.join("\n\n"));
    Ok(())
}

#[test]
fn names_that_meet() {
    let folder = scratch("names");
    let part = |name: &str| State::from_iter([(name.to_owned(), Tensor::from(1.0f32))]);
    let tree = State::from_iter([("a".to_owned(), part("b.c")), ("a.b".to_owned(), part("c"))]);
    assert_snapshot!(refused(checkpoint::save(folder.join("run.safetensors"), &tree), &folder));
}

/// The last checkpoints are kept, and what a killed run left is in nobody's way.
#[test]
fn the_last_checkpoints_are_kept() -> TestResult {
    let folder = scratch("rotated").join("run");
    let checkpoints = Checkpoints::new(&folder).keep_last(2);
    let like = Tensor::from([0i64]);
    assert_eq!((checkpoints.latest()?, checkpoints.resume(&like)?), (None, None));
    for step in [1, 5, 10] {
        checkpoints.save(step, &Tensor::from([step as i64]))?;
    }
    assert_eq!(checkpoints.steps()?, [5, 10]);
    assert_eq!(checkpoints.latest()?, Some(checkpoints.path(10)));

    let left = folder.join("step-000000000020.safetensors.1.partial");
    fs::write(&left, "cut off").expect("a file");
    fs::write(folder.join("notes.txt"), "mine").expect("a file");
    assert_eq!(checkpoints.resume(&like)?, Some((10, Tensor::from([10i64]))));
    checkpoints.save(20, &like)?;
    assert_eq!(checkpoints.steps()?, [10, 20]);
    assert!(!left.exists() && folder.join("notes.txt").exists());
    checkpoints.save(20, &Tensor::from([2i64]))?;
    assert_eq!(checkpoints.resume(&like)?, Some((20, Tensor::from([2i64]))));
    assert_snapshot!(refused(checkpoints.save(15, &like), &folder));
    Ok(())
}

/// Members as files of their own, which modules load by name.
#[test]
fn members_are_exported() -> TestResult {
    let folder = scratch("exported");
    let models: Vec<BatchNorm1d<Tensor>> = (0..3)
        .map(|seed| BatchNorm1d { running_mean: Tensor::randn([4], Key::new(seed)), ..BatchNorm1d::init(4) })
        .collect();
    let (mut stacked, buffers) = stack_module_state(&models)?;
    stacked.extend(buffers);
    let paths = export_members(&folder, &stacked)?;
    for (path, model) in paths.iter().zip(&models) {
        let mut loaded: BatchNorm1d<Tensor> = BatchNorm1d::init(4);
        loaded.load(path)?;
        assert_same(&loaded, model);
    }
    assert_eq!(paths.len(), 3);
    let missing = export_member(folder.join("none"), &stacked, 3).expect_err("no such member");
    assert_eq!(missing.to_string(), "there is no member 3; the ensemble has 3");
    Ok(())
}

/// Names the folder of a run that another process is to make.
const FOLDER: &str = "CHORAL_KILLED_RUN";

/// How many steps such a run makes, with a checkpoint after each.
const STEPS: u64 = 400;

/// Goes on with a run from its last checkpoint, to its end.
fn run(checkpoints: &Checkpoints) -> Result<Run<Tensor>, choral::Error> {
    let (adam, data) = (Adam::new(0.01), data());
    let one_step = jit(step::<Adam<Var>>);
    let begin = start(&adam, 0);
    let (first, mut run) = checkpoints.resume(&begin)?.unwrap_or((0, begin));
    for number in first..STEPS {
        (run, _) = one_step.call((&run, &adam, &data))?;
        checkpoints.save(number + 1, &run)?;
    }
    Ok(run)
}

/// A run in a process of its own.
fn process(folder: &Path) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "checkpoints::a_killed_run_goes_on_with_the_same_bits"]).env(FOLDER, folder);
    command.stdout(std::process::Stdio::null()).spawn().expect("a process")
}

/// Waits until a run has saved so many more checkpoints, and returns the last step; two minutes at most.
fn wait(checkpoints: &Checkpoints, more: u64) -> Result<u64, StateError> {
    let last = || Ok::<u64, StateError>(checkpoints.steps()?.last().copied().unwrap_or(0));
    let (begin, before) = (Instant::now(), last()?);
    while last()? < before + more && begin.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_micros(300));
    }
    last()
}

/// A process that does nothing but train and save is killed again and again, at other moments; the last one ends with
/// the bits of a run that nobody killed.
#[test]
fn a_killed_run_goes_on_with_the_same_bits() -> TestResult {
    if let Some(folder) = env::var_os(FOLDER) {
        run(&Checkpoints::new(folder).keep_last(2))?;
        return Ok(());
    }
    let folder = scratch("killed");
    let checkpoints = Checkpoints::new(&folder).keep_last(2);
    for kill in 0..6 {
        let mut child = process(&folder);
        let reached = wait(&checkpoints, 20);
        thread::sleep(Duration::from_micros(kill * 170));
        child.kill().expect("a process to kill");
        child.wait().expect("its end");
        let reached = reached?;
        assert!((20 * (kill + 1)..STEPS).contains(&reached), "killed after step {reached}");
    }
    assert!(process(&folder).wait().expect("a run").success());
    let (adam, like) = (Adam::new(0.01), start(&Adam::new(0.01), 0));
    let (last, resumed) = checkpoints.resume(&like)?.expect("a checkpoint");
    assert_eq!(last, STEPS);
    let one_step = jit(step::<Adam<Var>>);
    let mut whole = like;
    for _ in 0..STEPS {
        (whole, _) = one_step.call((&whole, &adam, &data()))?;
    }
    assert_same(&resumed, &whole);
    fs::remove_dir_all(&folder).expect("the folder");
    Ok(())
}
