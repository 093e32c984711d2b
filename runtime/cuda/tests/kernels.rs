//! Kernels on a stand-in, in the order of threads that `CHORAL_STAND_IN_ORDER` says: their bits are those of the order of
//! operations that every device follows, worked out here element by element.
//!
//! Must not live here: what is expected of each kind of kernel; that is in the modules below.

mod bits;
mod products;
mod rows;

use std::sync::atomic::{AtomicUsize, Ordering};

use choral_cuda::compile::compile_anew;
use choral_cuda::program::{Buffer, Home, Loop, Port, Program, Rounds, Step, Task};
use choral_cuda::{Gpu, Memory, Module, Session, Unit};
use choral_kernels::Kernel;

use crate::stand_in::is_loaded;

/// What memory holds that nothing was written to.
const UNWRITTEN: u8 = 0xa5;

/// Runs a kernel on buffers that are all given, and returns what they hold then; with `CHORAL_NVRTC`, it is compiled instead. With `rounds`, so many times, each time
/// with all buffers but the last one so many bytes further on.
fn run(kernel: Kernel, buffers: &[Vec<u8>], rounds: Option<(usize, isize)>) -> Option<Vec<Vec<u8>>> {
    let program = program(kernel, buffers.len(), rounds);
    let unit = Unit::of(&program).unwrap();
    if std::env::var_os("CHORAL_NVRTC").is_some() {
        compile(&unit.source);
        return None;
    }
    run_unit(&unit, buffers)
}

/// Runs a source with something in it changed, wherever it is: a planted bug.
fn run_changed(kernel: Kernel, buffers: &[Vec<u8>], [from, to]: [&str; 2]) -> Option<Vec<Vec<u8>>> {
    let mut unit = Unit::of(&program(kernel, buffers.len(), None)).unwrap();
    assert!(unit.source.contains(from), "no {from:?} in\n{}", unit.source);
    unit.source = unit.source.replace(from, to);
    run_unit(&unit, buffers)
}

fn run_unit(unit: &Unit, buffers: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    is_loaded().then(|| {
        let gpu = Gpu::open(0).unwrap();
        let module = std::sync::Arc::new(Module::of_unit(&gpu, unit).unwrap());
        let mut session = Session::new(&module, 16).unwrap();
        let line = session.line().clone();
        let given = |buffer: &Vec<u8>| {
            let mut memory = line.memory(buffer.len(), "a test").unwrap();
            line.write(&mut memory, buffer).unwrap();
            memory
        };
        let memory: Vec<Memory> = buffers.iter().map(given).collect();
        session.run(&[], &memory.iter().collect::<Vec<_>>()).unwrap();
        let read = |(memory, buffer): (&Memory, &Vec<u8>)| {
            let mut bytes = vec![0; buffer.len()];
            line.read(memory, &mut bytes).unwrap();
            bytes
        };
        memory.iter().zip(buffers).map(read).collect()
    })
}

/// Compiles a source with NVIDIA's own compiler, for one GPU always and for others now and then; it must not spill
/// registers. What it says of each is printed.
fn compile(source: &str) {
    static COMPILED: AtomicUsize = AtomicUsize::new(0);
    let others: &[(i32, i32)] = match COMPILED.fetch_add(1, Ordering::Relaxed) % 4 {
        0 => &[(7, 5), (8, 0), (10, 0)],
        _ => &[],
    };
    for &capability in [(9, 0)].iter().chain(others) {
        let compiled = compile_anew(source, capability).unwrap();
        for line in compiled.log.lines().filter(|line| line.contains("spill") || line.contains("registers")) {
            println!("{capability:?} {}", line.trim());
            assert!(!line.contains("spill") || line.contains(" 0 bytes spill stores"), "{source}");
        }
    }
}

fn program(kernel: Kernel, buffers: usize, rounds: Option<(usize, isize)>) -> Program {
    let step = |comment: &str, task: Task| Step { comment: comment.to_owned(), note: String::new(), task };
    let buffer = |home: Home| Buffer { home, bytes: 0 };
    let given: Vec<Buffer> = (0..buffers).map(|number| buffer(Home::Given(number))).collect();
    let kernel = step("%tested", Task::Kernel(Box::new(kernel)));
    let Some((rounds, bytes)) = rounds else {
        return Program { buffers: given, room: 0, steps: vec![kernel] };
    };
    let looped = Loop {
        rounds: Rounds::Counted(rounds),
        body: Program { buffers: vec![buffer(Home::Port); buffers], room: 0, steps: vec![kernel] },
        is_reverse: false,
        inputs: (0..buffers - 1).map(|buffer| (buffer, Port::Slice { buffer, bytes })).collect(),
        outputs: vec![(buffers - 1, Port::Slice { buffer: buffers - 1, bytes })],
        carried: Vec::new(),
        room: buffers,
    };
    let all = [given, vec![buffer(Home::Room(0))]].concat();
    Program { buffers: all, room: 16, steps: vec![step("%looped", Task::Loop(Box::new(looped)))] }
}
