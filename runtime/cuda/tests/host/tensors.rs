//! Tensors that stay on a device between runs.

use choral_ir::{DType, Tensor, TensorType};
use choral_runtime::cuda::Gpu;
use choral_runtime::{Device, DeviceInput, DeviceTensor, Error};

use super::{compiled, gpu, numbers, on_stand_in};

/// More than one piece of what copies go through.
const LARGE: usize = (9 << 20) / 4 + 3;

fn used() -> usize {
    let (free, all) = Gpu::open(0).unwrap().memory().unwrap();
    all - free
}

/// The state after some steps, by runs that bring it back each time.
fn expected(size: usize, steps: usize) -> Tensor {
    let executable = compiled(size, Device::Cpu);
    let (x, factor) = (numbers(size, 0.5), numbers(size, 0.001));
    (0..steps).fold(numbers(size, 1.0), |state, _| {
        executable.run(&[state, x.clone(), factor.clone()]).unwrap().remove(0)
    })
}

fn after(steps: usize, state: DeviceTensor, is_handed_over: bool) -> DeviceTensor {
    let size = state.ty().len();
    let executable = compiled(size, gpu());
    let (x, factor) = (numbers(size, 0.5), gpu().put(&numbers(size, 0.001)).unwrap());
    let mut state = state;
    let mut taken = 0;
    for round in 0..steps {
        let before = (!is_handed_over).then(|| state.clone());
        let inputs = [state.into(), DeviceInput::from(&x), DeviceInput::from(&factor)];
        state = executable.run_on_device(inputs).unwrap().remove(0);
        drop(before);
        if round == 2 {
            taken = used();
        }
    }
    assert!(steps < 3 || used() == taken, "rounds take memory: {} and {taken} bytes", used());
    state
}

#[test]
#[ignore = "runs as a child"]
fn states() {
    for size in [1, 1000, LARGE] {
        let put = || gpu().put(&numbers(size, 1.0)).unwrap();
        for is_handed_over in [true, false] {
            let state = after(6, put(), is_handed_over);
            assert_eq!((state.device(), state.shape()), (gpu(), &[size][..]));
            assert!(state.to_tensor().unwrap().bit_eq(&expected(size, 6)), "{size}");
            let mut back = Tensor::zeros(state.ty().clone());
            let before = back.as_slice::<f32>().unwrap().as_ptr();
            state.read_into(&mut back).unwrap();
            assert_eq!(back.as_slice::<f32>().unwrap().as_ptr(), before);
            assert!(back.bit_eq(&expected(size, 6)));
        }
    }
}

#[test]
fn a_state_goes_round_without_memory_or_trips() {
    on_stand_in("tensors::states", &[]);
}

#[test]
#[ignore = "runs as a child"]
fn between_programs() {
    let size = 300;
    let (one, other) = (compiled(size, gpu()), compiled(size, gpu()));
    let (x, factor) = (gpu().put(&numbers(size, 0.5)).unwrap(), numbers(size, 0.001));
    let mut state = gpu().put(&numbers(size, 1.0)).unwrap();
    let mut results = Vec::new();
    for executable in [&one, &other, &one, &one, &other, &other] {
        let inputs = [state.clone().into(), DeviceInput::from(&x), factor.clone().into()];
        state = executable.run_on_device(inputs).unwrap().remove(0);
        results.push(state.clone());
    }
    drop((one, other, x));
    for (steps, result) in results.into_iter().enumerate() {
        assert!(result.to_tensor().unwrap().bit_eq(&expected(size, steps + 1)), "{steps}");
    }
}

#[test]
fn results_go_from_program_to_program_and_outlive_them() {
    on_stand_in("tensors::between_programs", &[]);
}

#[test]
#[ignore = "runs as a child"]
fn wrong_inputs() {
    let size = 3;
    let (executable, factor) = (compiled(size, gpu()), numbers(size, 1.0));
    let message = |state: DeviceTensor| {
        let inputs = [state.into(), DeviceInput::from(&factor), DeviceInput::from(&factor)];
        executable.run_on_device(inputs).unwrap_err().to_string()
    };
    let other = message(Device::Cuda(1).put(&factor).unwrap());
    assert_eq!(
        other,
        "input 0 (%state) lies on cuda:1, and the program runs on cuda:0; bring it there with `Device::Cuda(0).put(&input.to_tensor()?)`"
    );
    let host = message(Device::Cpu.put(&factor).unwrap());
    assert!(host.starts_with("input 0 (%state) lies on cpu, and the program runs on cuda:0"), "{host}");
    let small = message(gpu().put(&numbers(2, 1.0)).unwrap());
    assert_eq!(small, "input 0 (%state) is tensor<3xf32>, got tensor<2xf32>");
    let few = executable.run_on_device([&factor]).unwrap_err();
    assert!(matches!(few, Error::InputCount { .. }), "{few}");
    let mut wrong = Tensor::zeros(TensorType::new([2], DType::F32));
    let into = gpu().put(&factor).unwrap().read_into(&mut wrong).unwrap_err().to_string();
    assert_eq!(into, "the result is tensor<3xf32>, and was to be read into tensor<2xf32>");
    let two = gpu().put(&factor).unwrap().reshape([2, 2]).unwrap_err().to_string();
    assert!(two.contains("has 4 elements, but 3 values"), "{two}");
}

#[test]
fn inputs_elsewhere_and_of_other_types_are_named() {
    on_stand_in("tensors::wrong_inputs", &[("CHORAL_STAND_IN_DEVICES", "2")]);
}

#[test]
#[ignore = "runs as a child"]
fn from_threads() {
    let size = 2000;
    let executable = compiled(size, gpu());
    let (x, factor) = (numbers(size, 0.5), numbers(size, 0.001));
    let shared = gpu().put(&numbers(size, 1.0)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut state = shared.clone();
                for _ in 0..5 {
                    let inputs = [state.into(), DeviceInput::from(&x), DeviceInput::from(&factor)];
                    state = executable.run_on_device(inputs).unwrap().remove(0);
                }
                assert!(state.to_tensor().unwrap().bit_eq(&expected(size, 5)));
            });
        }
    });
    assert!(shared.to_tensor().unwrap().bit_eq(&numbers(size, 1.0)));
}

#[test]
fn threads_share_a_program_and_an_input() {
    on_stand_in("tensors::from_threads", &[]);
}
