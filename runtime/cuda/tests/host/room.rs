//! Memory that runs out.

use choral_runtime::Error;
use choral_runtime::cuda::Error as CudaError;

use super::{compiled, gpu, numbers, on_stand_in};

/// In a process whose GPU has a MiB.
#[test]
#[ignore = "runs as a child"]
fn of_a_mebibyte() {
    let (large, small) = (200 << 10, 20 << 10);
    let executable = compiled(large, gpu());
    let inputs = |size| [numbers(size, 1.0), numbers(size, 0.5), numbers(size, 2.0)];
    for _ in 0..2 {
        let error = executable.run(&inputs(large)).unwrap_err();
        let Error::Gpu(CudaError::Memory { bytes, free, total, .. }) = &error else { panic!("{error}") };
        assert_eq!((*bytes, *total), (large * 4, 1 << 20));
        assert!(free < bytes);
        println!("{error}");
    }
    // What was taken for the run that failed is there again.
    assert_eq!(compiled(small, gpu()).run(&inputs(small)).unwrap().len(), 1);
}

#[test]
fn memory_that_runs_out_is_said_and_given_back() {
    let printed = on_stand_in("room::of_a_mebibyte", &[("CHORAL_STAND_IN_MEMORY", "1048576")]);
    if !printed.is_empty() {
        let text = "819200 bytes on choral stand-in 0 for an input: it has 229";
        assert!(printed.contains(text), "{printed}");
    }
}
