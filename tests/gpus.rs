//! Ensembles on GPUs, on stand-ins for NVIDIA's libraries: several devices, results that stay there, memory that runs out.
//!
//! Each test runs in a process of its own, for its settings; without g++, none does. Must not live here: what one device
//! computes (`cuda.rs`, the laws), and its memory (`runtime/cuda/tests`).

use std::path::{Path, PathBuf};
use std::process::Command;

use choral::prelude::*;
use choral::runtime::cuda::Gpu;
use choral::{Error, OnDevice};

use crate::ROOT;
use crate::ensembles::Centred;

/// What `build` exits with when there is no compiler.
const NO_COMPILER: i32 = 3;

/// The folder of the stand-ins, if they can be built.
fn stand_ins() -> Option<PathBuf> {
    let build = Command::new(Path::new(ROOT).join("tests/cuda/stand_in/build")).output().expect("a script");
    if build.status.code() == Some(NO_COMPILER) {
        println!("skipped: CUDA on stand-ins needs g++");
        return None;
    }
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    Some(Path::new(ROOT).join("target/cuda-stand-in"))
}

/// Runs a test, which is ignored otherwise, on stand-ins with these settings: work is done at once, and as late as can be.
fn on_stand_ins(test: &str, settings: &[(&str, &str)]) {
    let Some(folder) = stand_ins() else { return };
    for is_late in ["0", "1"] {
        let mut child = Command::new(std::env::current_exe().expect("a test"));
        child.args([&format!("gpus::{test}"), "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
        child.env("CHORAL_CUDA_PATH", &folder).env("CHORAL_CACHE", "").env("CHORAL_STAND_IN_LATE", is_late);
        let output = child.envs(settings.iter().copied()).output().expect("a process");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        assert!(output.status.success(), "CHORAL_STAND_IN_LATE={is_late} {settings:?}:\n{printed}");
    }
}

fn models(count: u64, width: usize) -> Vec<Linear<Tensor>> {
    (0..count).map(|seed| Linear::init(width, width, Key::new(seed))).collect()
}

fn ensemble(count: u64, width: usize) -> Ensemble<Linear<Tensor>> {
    Ensemble::new(&models(count, width)).expect("an ensemble")
}

fn cuda(ordinals: &[usize]) -> Vec<Device> {
    ordinals.iter().map(|&ordinal| Device::cuda(ordinal).expect("a GPU")).collect()
}

#[test]
#[ignore = "runs as a child"]
fn several_devices() {
    let x = Tensor::randn([6, 8], Key::new(9));
    let same = |members: u64, devices: &[Device]| {
        let one = ensemble(members, 8);
        let expected = one.call(&x).expect("results");
        let spread = ensemble(members, 8).on_all(devices).expect("devices");
        for device in [devices[0], *devices.last().unwrap_or(&Device::Cpu)] {
            let input = device.put(&x).expect("a tensor there");
            let results: OnDevice = spread.call_on_device(&input).expect("results");
            assert_eq!((results.device(), results.shape()), (devices[0], expected.shape()));
            assert!(results.to_tensor().expect("a tensor").bit_eq(&expected));
        }
        assert!(spread.call(&x).expect("results").bit_eq(&expected), "{members} members on {devices:?}");
    };
    for members in [5, 2, 1] {
        same(members, &cuda(&[0, 1]));
        same(members, &cuda(&[1, 2, 0]));
        same(members, &[Device::Cpu, Device::Cpu, Device::Reference]);
    }
    let error = ensemble(2, 8).on_all(&cuda(&[0, 1, 0])).expect_err("a GPU twice");
    assert_eq!(error.to_string(), "cuda:0 is named twice");
}

#[test]
fn members_are_spread_over_devices() {
    on_stand_ins("several_devices", &[("CHORAL_STAND_IN_DEVICES", "3")]);
}

#[test]
#[ignore = "runs as a child"]
fn changing() {
    let x = Tensor::randn([6, 8], Key::new(9));
    let mut one = ensemble(3, 8).with_capacity(5).expect("an ensemble");
    let mut spread =
        ensemble(3, 8).with_capacity(5).expect("an ensemble").on_all(&cuda(&[0, 1])).expect("devices");
    let (newcomer, on_first) = (&models(9, 8)[8], spread.put(&x).expect("a tensor there"));
    for change in 0..4 {
        for ensemble in [&mut one, &mut spread] {
            match change {
                0 => {}
                1 => ensemble.push_member(newcomer).expect("a member"),
                2 => ensemble.replace_member(0, newcomer).expect("a member"),
                _ => drop(ensemble.remove_member(1).expect("a member")),
            }
        }
        let (expected, results) = (one.call(&x).expect("results"), spread.call(&x).expect("results"));
        assert!(results.bit_eq(&expected), "change {change}");
        let results = spread.call_on_device(&on_first).expect("results").to_tensor().expect("a tensor");
        assert!(results.bit_eq(&expected), "change {change}");
    }
    assert_eq!(spread.compilations(), 2, "one for three rows, and one for two");
}

#[test]
fn members_come_and_go_on_several_devices() {
    on_stand_ins("changing", &[("CHORAL_STAND_IN_DEVICES", "2")]);
}

#[test]
fn members_that_meet_stay_on_one_device() {
    let models: Vec<_> = models(2, 3).into_iter().map(|layer| Centred { layer }).collect();
    let spread = Ensemble::new(&models).expect("an ensemble").on_all(&[Device::Cpu, Device::Reference]);
    let error = spread.expect("devices").call(&Tensor::randn([4, 3], Key::new(1))).expect_err("members meet");
    assert!(error.to_string().contains("cannot be spread over 2 devices"), "{error}");
}

#[test]
#[ignore = "runs as a child"]
fn little_memory() {
    let (members, rows) = (64, 512);
    let x = Tensor::randn([rows, 16], Key::new(9));
    let hidden = |members| ensemble(members, 16).on(Device::cuda(0).expect("a GPU"));
    let all = hidden(members);
    let error = all.call(&x).expect_err("too little memory");
    let Error::Members { members: 64, fits: Some(fits), .. } = error else { panic!("{error}") };
    println!("{error}");
    assert!((1..64).contains(&fits));
    let free = || Gpu::open(0).expect("a GPU").free_bytes().expect("bytes");
    drop(all);
    let before = free();
    let few = hidden(members).chunk_size(fits);
    assert!(few.call(&x).expect("results").bit_eq(&ensemble(members, 16).call(&x).expect("results")));
    assert!(free() < before);
}

#[test]
fn memory_that_runs_out_says_how_many_members_fit() {
    on_stand_ins("little_memory", &[("CHORAL_STAND_IN_MEMORY", "3300000")]);
}

#[test]
#[ignore = "runs as a child"]
fn without_nccl() {
    let spread = ensemble(2, 8).on_all(&cuda(&[0, 1])).expect("devices");
    let x = Tensor::randn([6, 8], Key::new(9));
    assert_eq!(spread.call(&x).expect("results that are read").shape(), [2, 6, 8]);
    let there = spread.put(&x).expect("a tensor there");
    let error = spread.call_on_device(&there).expect_err("no NCCL").to_string();
    assert!(
        error.starts_with("NCCL, which gathers the results of several GPUs (libnccl.so.2) was not found"),
        "{error}"
    );
    assert!(error.contains("`pip install nvidia-nccl-cu13`"), "{error}");
}

#[test]
fn nccl_is_needed_only_for_results_that_stay() {
    let Some(whole) = stand_ins() else { return };
    let folder = std::env::temp_dir().join(format!("choral-without-nccl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for entry in std::fs::read_dir(whole).expect("the stand-ins").flatten() {
        if !entry.file_name().to_string_lossy().contains("nccl") {
            std::os::unix::fs::symlink(entry.path(), folder.join(entry.file_name())).expect("a link");
        }
    }
    let path = folder.to_str().expect("a path").to_owned();
    on_stand_ins("without_nccl", &[("CHORAL_STAND_IN_DEVICES", "2"), ("CHORAL_CUDA_PATH", &path)]);
    std::fs::remove_dir_all(folder).expect("a folder");
}
