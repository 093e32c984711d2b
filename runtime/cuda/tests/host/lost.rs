//! A launch that fails: what is lost, and what goes on.

use choral_runtime::cuda::Error as CudaError;
use choral_runtime::{Device, DeviceInput, Error};

use super::{compiled, gpu, numbers, on_stand_in};

const SIZE: usize = 40;

fn inputs() -> [DeviceInput; 3] {
    [numbers(SIZE, 1.0), numbers(SIZE, 0.5), numbers(SIZE, 2.0)].map(DeviceInput::from)
}

fn is_lost(error: &Error) -> bool {
    let text = error.to_string();
    matches!(error, Error::Gpu(CudaError::Lost { .. }))
        && text.starts_with("choral stand-in 0 failed: ")
        && text.ends_with("and a new program opens the GPU again; other devices go on")
}

/// In a process whose third launch fails.
#[test]
#[ignore = "runs as a child"]
fn third_launch() {
    assert_eq!(gpu(), Device::Cuda(0));
    let second = compiled(SIZE, Device::cuda(1).unwrap());
    let expected = compiled(SIZE, Device::Cpu).run_on_device(inputs()).unwrap()[0].to_tensor().unwrap();
    let good = |results: Result<Vec<choral_runtime::DeviceTensor>, Error>| {
        results.unwrap()[0].to_tensor().unwrap().bit_eq(&expected)
    };
    {
        let first = compiled(SIZE, gpu());
        assert!(good(first.run_on_device(inputs())) && good(second.run_on_device(inputs())));
        let failing = first.run_on_device(inputs());
        let error = failing.and_then(|results| results[0].to_tensor()).unwrap_err();
        assert!(is_lost(&error), "{error}");
        // All that is on it is lost.
        let error = first.run_on_device(inputs()).and_then(|results| results[0].to_tensor()).unwrap_err();
        assert!(is_lost(&error), "{error}");
        assert!(Device::cuda(0).is_err());
        // The other one has nothing of it.
        assert!(good(second.run_on_device(inputs())));
    }
    // What is made when it is gone has nothing of it.
    assert!(good(compiled(SIZE, gpu()).run_on_device(inputs())));
    assert!(good(second.run_on_device(inputs())));
}

#[test]
fn a_failed_launch_is_an_error_of_its_gpu_alone() {
    let settings = [("CHORAL_STAND_IN_FAIL_LAUNCH", "3"), ("CHORAL_STAND_IN_DEVICES", "2")];
    on_stand_in("lost::third_launch", &settings);
}
