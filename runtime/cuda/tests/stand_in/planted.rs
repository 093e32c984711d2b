//! Bugs planted in kernels: each must be seen in one of the orders in which threads run, and the kernel without it
//! must be right in all of them. This is what shows that the check can fail.

use std::collections::BTreeMap;
use std::process::Command;

use super::{Program, Shape, child, context, is_loaded, place};

/// Kernels from 64 numbers to 64 numbers, with a place in each that an option changes.
const SOURCE: &str = r#"
#ifdef PLANTED
#define RIGHT(...)
#define WRONG(...) __VA_ARGS__
#else
#define RIGHT(...) __VA_ARGS__
#define WRONG(...)
#endif
#define ARGUMENTS unsigned *out, const unsigned *in, unsigned *arrived
#define SHARED unsigned *shared = (unsigned *)choral_stand_in::shared()
#define AT unsigned at = threadIdx.x

extern "C" __global__ void reversed(ARGUMENTS) {
    SHARED; AT;
    shared[at] = in[at];
    RIGHT(__syncthreads();)
    out[at] = shared[63 - at];
}
extern "C" __global__ void neighbour(ARGUMENTS) {
    SHARED; AT;
    shared[at] = in[at];
    RIGHT(__syncthreads();)
    out[at] = at == 0 ? in[63] : shared[at - 1];
}
extern "C" __global__ void in_place(ARGUMENTS) {
    SHARED; AT;
    shared[at] = in[at];
    __syncthreads();
    unsigned left = at == 0 ? in[63] : shared[at - 1];
    RIGHT(__syncthreads();)
    shared[at] = left;
    __syncthreads();
    out[at] = shared[at];
}
extern "C" __global__ void unguarded_store(ARGUMENTS) {
    unsigned at = threadIdx.x * 2;
    if (RIGHT(at < 64) WRONG(at < 66)) out[at] = in[at % 64], out[at + 1] = in[(at + 1) % 64];
}
extern "C" __global__ void unguarded_shared(ARGUMENTS) {
    SHARED; AT;
    shared[RIGHT(at) WRONG(at + 1)] = in[at];
    __syncthreads();
    out[at] = shared[RIGHT(at) WRONG(at + 1)];
}
extern "C" __global__ void lanes_that_stay_away(ARGUMENTS) {
    AT;
    unsigned value = in[at];
    if (at < RIGHT(64) WRONG(20)) value += __shfl_xor_sync(0xffffffffu, value, 1);
    out[at] = value;
}
extern "C" __global__ void lanes_that_are_not_named(ARGUMENTS) {
    AT;
    out[at] = __shfl_sync(RIGHT(0xffffffffu) WRONG(0x000fffffu), in[at], 3);
}
extern "C" __global__ void lanes_that_do_not_take_part(ARGUMENTS) {
    AT;
    unsigned value = 0;
    if (at % 32 < 16) value = __shfl_down_sync(0xffffu, in[at], RIGHT(8) WRONG(16), RIGHT(16) WRONG(32));
    out[at] = value;
}
extern "C" __global__ void divergent_barrier(ARGUMENTS) {
    AT;
    out[at] = in[at];
    WRONG(if (at < 40)) __syncthreads();
}
extern "C" __global__ void ended_before_a_barrier(ARGUMENTS) {
    AT;
    out[at] = in[at];
    WRONG(if (at == 63) return;)
    __syncthreads();
}
extern "C" __global__ void barrier_against_exchange(ARGUMENTS) {
    AT;
    WRONG(if (at == 5) __syncthreads();)
    out[at] = __ballot_sync(0xffffffffu, in[at] & 1);
    WRONG(if (at != 5)) __syncthreads();
}
extern "C" __global__ void no_address(ARGUMENTS) {
    AT;
    out[at] = 1;
    WRONG(*(volatile unsigned *)16 = in[at];)
}
extern "C" __global__ void waits_for_nobody(ARGUMENTS) {
    AT;
    if (at == 0) atomicAdd(arrived, 1u);
    while (atomicAdd(arrived, 0u) < RIGHT(1) WRONG(2)) __nanosleep(32);
    out[at] = in[at];
}
// Two blocks of 32.
extern "C" __global__ void between_blocks(ARGUMENTS) {
    unsigned at = blockIdx.x * 32 + threadIdx.x;
    out[at] = in[at];
    __syncthreads();
    RIGHT(if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(arrived, 1u);
        while (atomicAdd(arrived, 0u) < 2) __nanosleep(32);
        __threadfence();
    })
    __syncthreads();
    unsigned other = out[(at + 32) % 64];
    RIGHT(__syncthreads();
    if (threadIdx.x == 0) {
        atomicAdd(arrived, 1u);
        while (atomicAdd(arrived, 0u) < 4) __nanosleep(32);
    })
    __syncthreads();
    out[at] = other;
}
"#;

type Expected = fn(usize) -> u32;

/// Each kernel with what it makes of the numbers 100, 101, ...
const KERNELS: [(&str, Expected); 14] = [
    ("reversed", |at| number(63 - at)),
    ("neighbour", |at| number((at + 63) % 64)),
    ("in_place", |at| number((at + 63) % 64)),
    ("unguarded_store", number),
    ("unguarded_shared", number),
    ("lanes_that_stay_away", |at| number(at) + number(at ^ 1)),
    ("lanes_that_are_not_named", |at| number(at / 32 * 32 + 3)),
    ("lanes_that_do_not_take_part", |at| match at % 32 {
        lane @ 0..16 => number(if lane < 8 { at + 8 } else { at }),
        _ => 0,
    }),
    ("divergent_barrier", number),
    ("ended_before_a_barrier", number),
    ("barrier_against_exchange", |_| 0xaaaa_aaaa),
    ("no_address", |_| 1),
    ("waits_for_nobody", number),
    ("between_blocks", |at| number((at + 32) % 64)),
];

fn number(at: usize) -> u32 {
    100 + u32::try_from(at).unwrap()
}

/// Runs each kernel with and without its bug, and prints what came of it.
#[test]
#[ignore = "runs as a child"]
fn kernels() {
    for (options, kind) in [(&[][..], "right"), (&["-DPLANTED"], "planted")] {
        for (name, expected) in KERNELS {
            // A new context for each: a failed kernel spoils the one it ran in.
            let context = context().unwrap();
            let program = Program::new(&context, SOURCE, options);
            let stream = &program.stream;
            let from = stream.clone_htod(&(0..64).map(number).collect::<Vec<_>>()).unwrap();
            let (to, arrived) = (super::unwritten(stream, 64), stream.alloc_zeros::<u32>(1).unwrap());
            let arguments = [place(&to, stream), place(&from, stream), place(&arrived, stream)];
            let shape = match name {
                "between_blocks" => Shape::new(2, 32).cooperative(),
                _ => Shape::new(1, 64).shared(256),
            };
            program.launch(name, shape, &arguments).unwrap();
            let outcome = match stream.clone_dtoh(&to) {
                Ok(found) => {
                    let wrong = (0..64).filter(|&at| found[at] != expected(at)).count();
                    if wrong == 0 { "well".to_owned() } else { format!("{wrong} wrong") }
                }
                Err(_) => "failed".to_owned(),
            };
            println!("\noutcome {kind} {name}: {outcome}");
        }
    }
}

/// What became of each kernel, in one order.
fn outcomes(order: &str) -> (BTreeMap<String, String>, String) {
    let (is_well, printed) = child("stand_in::planted::kernels", &[("CHORAL_STAND_IN_ORDER", order)]);
    assert!(is_well, "{printed}");
    let lines = printed.lines().filter_map(|line| line.strip_prefix("outcome ")?.split_once(": "));
    (lines.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).collect(), printed)
}

#[test]
fn every_planted_bug_is_seen() {
    if !is_loaded() {
        return;
    }
    let orders = ["0", "1", "2"].map(outcomes);
    for (name, _) in KERNELS {
        let all = |kind: &str| orders.each_ref().map(|(found, _)| found[&format!("{kind} {name}")].as_str());
        assert_eq!(all("right"), ["well"; 3], "{name} without its bug");
        assert!(all("planted").iter().any(|&outcome| outcome != "well"), "nobody saw the bug of {name}");
        println!("{name}: {:?}", all("planted"));
    }
    // Some are seen in one order only: it takes them all.
    let seen = |order: usize, name: &str| orders[order].0[&format!("planted {name}")] != "well";
    assert!(!seen(0, "neighbour") && seen(1, "neighbour"));
    assert!(seen(0, "in_place") && !seen(1, "in_place"));
    let printed = &orders[0].1;
    for message in [
        "kernel unguarded_store: memory was written outside of a piece of 256 bytes",
        "kernel unguarded_shared, block (0, 0, 0), thread (0, 0, 0): the block has written behind its 256 bytes",
        "__shfl_xor_sync(mask 0xffffffff) waits for lane 20, which never arrives: it has ended",
        "thread (20, 0, 0): __shfl_sync(mask 0x000fffff) does not name lane 20 itself",
        "__syncthreads is divergent: 40 threads wait in it, 24 have ended, of 64",
        "__syncthreads is divergent: 63 threads wait in it, 1 have ended, of 64",
        "waits for lane 5, which never arrives: it waits in __syncthreads",
        "kernel no_address, block (0, 0, 0), thread (0, 0, 0): an access to memory that is not there",
        "kernel waits_for_nobody, block (0, 0, 0), thread (0, 0, 0): spins for something that never comes",
    ] {
        assert!(printed.contains(message), "no message says {message:?}:\n{printed}");
    }
}

/// A load outside of memory, which only the sanitizer sees.
#[test]
#[ignore = "runs as a child"]
fn unguarded_load() {
    let context = context().unwrap();
    let source = r#"extern "C" __global__ void load(unsigned *out, const unsigned *in, unsigned long long last) {
        for (unsigned long long at = 0; at <= last; at++) out[0] += in[at];
    }"#;
    let program = Program::new(&context, source, &[]);
    let stream = &program.stream;
    let (from, to) = (stream.clone_htod(&[1_u32; 3]).unwrap(), stream.clone_htod(&[0_u32]).unwrap());
    let last = if std::env::var_os("PLANTED").is_some() { 3 } else { 2 };
    program.launch("load", Shape::new(1, 1), &[place(&to, stream), place(&from, stream), last]).unwrap();
    println!("\nsum {:?}", stream.clone_dtoh(&to).unwrap());
}

#[test]
fn the_sanitizer_sees_loads_outside_of_memory() {
    if !is_loaded() {
        return;
    }
    let found = Command::new("g++").arg("-print-file-name=libasan.so").output().unwrap();
    let library = String::from_utf8(found.stdout).unwrap();
    if !library.starts_with('/') {
        println!("skipped: g++ has no libasan");
        return;
    }
    let run = |planted: &[(&str, &str)]| {
        let settings = [
            ("CHORAL_STAND_IN_SANITIZE", "1"),
            ("LD_PRELOAD", library.trim()),
            ("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0"),
        ];
        child("stand_in::planted::unguarded_load", &[&settings, planted].concat())
    };
    let (is_well, printed) = run(&[]);
    assert!(is_well && printed.contains("sum [3]"), "{printed}");
    let (is_well, printed) = run(&[("PLANTED", "1")]);
    assert!(
        !is_well && printed.contains("heap-buffer-overflow") && printed.contains("program.cu:2"),
        "{printed}"
    );
}
