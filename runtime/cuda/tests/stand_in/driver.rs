//! The stand-in for the driver under unmodified cudarc: memory, launches, capture and replay, and what is refused.

use cudarc::driver::sys::{
    CUevent_flags, CUfunction_attribute, CUgraphInstantiate_flags, CUresult, CUstreamCaptureMode,
    cuDriverGetVersion,
};
use cudarc::driver::{CudaContext, DriverError, result};

use super::{Program, Shape, child, compile, context, is_loaded, place, unwritten};

const AXPY: &str = r#"
extern "C" __global__ void __launch_bounds__(256) axpy(float *y, const float *x, unsigned long long scale,
                                                       unsigned long long count) {
    float factor = __uint_as_float((unsigned)scale);
    for (unsigned long long at = blockIdx.x * blockDim.x + threadIdx.x; at < count; at += gridDim.x * blockDim.x)
        y[at] = fmaf(factor, x[at], y[at]);
}
// extern "C" __global__ void in_a_comment(int *x) {}
extern "C" __global__ void fill(unsigned *out, unsigned long long value) {
    out[blockIdx.x * blockDim.x + threadIdx.x] = (unsigned)value;
}
extern "C" __global__ void shared_size(unsigned *out, unsigned long long last) {
    choral_stand_in::shared()[last] = 7;
    out[0] = choral_stand_in::shared()[last];
}
"#;

/// Each block adds its part to the sum of all before it, all waiting for each other twice a round.
const GRID: &str = r#"
__device__ void grid_barrier(unsigned *arrived) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        unsigned before = atomicAdd(arrived, 1u);
        unsigned goal = (before / gridDim.x + 1) * gridDim.x;
        while (atomicAdd(arrived, 0u) < goal) __nanosleep(32);
        __threadfence();
    }
    __syncthreads();
}
extern "C" __global__ void rotate(unsigned *values, unsigned *arrived, unsigned long long rounds) {
    unsigned count = gridDim.x * blockDim.x, at = blockIdx.x * blockDim.x + threadIdx.x;
    for (unsigned long long round = 0; round < rounds; round++) {
        unsigned next = values[(at + 1) % count];
        grid_barrier(arrived);
        values[at] = next;
        grid_barrier(arrived);
    }
}
"#;

fn error<T>(outcome: Result<T, DriverError>) -> CUresult {
    outcome.err().expect("an error").0
}

#[test]
fn a_device_says_what_it_is() {
    let Some(context) = context() else { return };
    assert_eq!(context.compute_capability().unwrap(), (9, 0));
    assert_eq!(context.name().unwrap(), "choral stand-in 0");
    assert_eq!(context.total_mem().unwrap(), 1 << 30);
    let mut version = 0;
    // SAFETY: The place is writable.
    unsafe { cuDriverGetVersion(&raw mut version) }.result().unwrap();
    assert_eq!(version, 13000);
}

#[test]
fn a_kernel_runs() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, AXPY, &[]);
    let stream = &program.stream;
    let (x, y) = ([1.0_f32, 2.0, 3.0], [0.5_f32, 0.25, 0.125]);
    let (from, to) = (stream.clone_htod(&x).unwrap(), stream.clone_htod(&y).unwrap());
    let arguments = [place(&to, stream), place(&from, stream), u64::from(2.0_f32.to_bits()), 3];
    program.launch("axpy", Shape::new(2, 256), &arguments).unwrap();
    assert_eq!(stream.clone_dtoh(&to).unwrap(), [2.5, 4.25, 6.125]);
    let across = stream.clone_dtod(&to).unwrap();
    assert_eq!(stream.clone_dtoh(&across).unwrap(), [2.5, 4.25, 6.125]);
    assert!(context.load_module(cudarc::nvrtc::Ptx::from_binary(b"no image\0".to_vec())).is_err());
}

#[test]
fn what_was_not_written_is_no_number() {
    let Some(context) = context() else { return };
    let stream = context.new_stream().unwrap();
    let memory = unwritten(&stream, 4);
    assert_eq!(stream.clone_dtoh(&memory).unwrap(), [u32::MAX; 4]);
}

#[test]
fn errors_of_a_program_are_in_its_log() {
    if !is_loaded() {
        return;
    }
    let log = compile("extern \"C\" __global__ void f(float *x) {\n    x[0] = y;\n}\n", &[]).unwrap_err();
    assert!(log.contains("program.cu:2") && log.contains("'y' was not declared"), "{log}");
    let log = compile(AXPY, &["--gpu-architecture=sm_42"]).unwrap_err();
    assert!(log.contains("invalid value for --gpu-architecture"), "{log}");
}

#[test]
fn blocks_of_a_cooperative_launch_wait_for_each_other() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, GRID, &[]);
    let stream = &program.stream;
    let values: Vec<u32> = (0..256).collect();
    let (memory, arrived) = (stream.clone_htod(&values).unwrap(), stream.alloc_zeros::<u32>(1).unwrap());
    let arguments = [place(&memory, stream), place(&arrived, stream), 5];
    program.launch("rotate", Shape::new(8, 32).cooperative(), &arguments).unwrap();
    let expected: Vec<u32> = (0..256).map(|at| (at + 5) % 256).collect();
    assert_eq!(stream.clone_dtoh(&memory).unwrap(), expected);
    // Two processors with 32 blocks each.
    let too_many = program.launch("rotate", Shape::new(65, 32).cooperative(), &arguments);
    assert_eq!(error(too_many), CUresult::CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}

#[test]
fn a_capture_is_replayed_with_its_arguments() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, AXPY, &[]);
    let stream = &program.stream;
    let (from, to) = (stream.clone_htod(&[1.0_f32; 4]).unwrap(), stream.clone_htod(&[0.0_f32; 4]).unwrap());
    stream.synchronize().unwrap();
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).unwrap();
    for scale in [1.0_f32, 2.0] {
        let arguments = [place(&to, stream), place(&from, stream), u64::from(scale.to_bits()), 4];
        program.launch("axpy", Shape::new(1, 32), &arguments).unwrap();
    }
    let graph = stream.end_capture(CUgraphInstantiate_flags(0)).unwrap().unwrap();
    assert_eq!(stream.clone_dtoh(&to).unwrap(), [0.0; 4], "a capture runs nothing");
    graph.upload().unwrap();
    for round in 1..4_u8 {
        graph.launch().unwrap();
        assert_eq!(stream.clone_dtoh(&to).unwrap(), [3.0 * f32::from(round); 4]);
    }
    drop(program.module);
    assert_eq!(error(graph.launch()), CUresult::CUDA_ERROR_INVALID_HANDLE, "its kernels are gone");
    // What cannot be captured spoils the capture.
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).unwrap();
    assert_eq!(error(stream.synchronize()), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    let spoiled = stream.end_capture(CUgraphInstantiate_flags(0));
    assert_eq!(error(spoiled), CUresult::CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    stream.synchronize().unwrap();
}

#[test]
fn what_a_device_cannot_do_is_refused() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, AXPY, &[]);
    let stream = &program.stream;
    let memory = unwritten(stream, 2048);
    let arguments = [place(&memory, stream), 7];
    let invalid = CUresult::CUDA_ERROR_INVALID_VALUE;
    assert_eq!(error(program.launch("fill", Shape::new(1, 2048), &arguments)), invalid);
    assert_eq!(error(program.launch("fill", Shape::new(0, 32), &arguments)), invalid);
    // Its launch bounds say 256.
    let bound = [arguments[0], arguments[0], 0, 0];
    assert_eq!(error(program.launch("axpy", Shape::new(1, 512), &bound)), invalid);
    assert_eq!(error(stream.alloc_zeros::<u8>(2 << 30)), CUresult::CUDA_ERROR_OUT_OF_MEMORY);
    assert_eq!(
        error(context.load_module(cudarc::nvrtc::Ptx::from_src("text"))),
        CUresult::CUDA_ERROR_INVALID_IMAGE
    );
    let (free, total) = context.mem_get_info().unwrap();
    assert!(free < total);
    stream.synchronize().unwrap();
}

#[test]
fn more_shared_memory_must_be_asked_for() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, AXPY, &[]);
    let stream = &program.stream;
    let memory = unwritten(stream, 1);
    let function = program.function("shared_size");
    let run = |bytes: u32| {
        let arguments = [place(&memory, stream), u64::from(bytes) - 1];
        super::launch(stream, &function, Shape::new(1, 1).shared(bytes), &arguments)
    };
    run(48 << 10).unwrap();
    assert_eq!(error(run((48 << 10) + 1)), CUresult::CUDA_ERROR_INVALID_VALUE);
    let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    assert_eq!(error(function.set_attribute(attribute, 228 << 10)), CUresult::CUDA_ERROR_INVALID_VALUE);
    function.set_attribute(attribute, 227 << 10).unwrap();
    run(227 << 10).unwrap();
    assert_eq!(stream.clone_dtoh(&memory).unwrap(), [7]);
    assert_eq!(function.occupancy_max_active_blocks_per_multiprocessor(64, 100 << 10, None).unwrap(), 2);
}

#[test]
fn copies_stay_inside_live_memory() {
    let Some(context) = context() else { return };
    context.bind_to_thread().unwrap();
    let invalid = Err(DriverError(CUresult::CUDA_ERROR_INVALID_VALUE));
    let mut host = [0_u8; 32];
    // SAFETY: What is wrong about these calls is what the stand-in refuses.
    unsafe {
        let memory = result::malloc_sync(16).unwrap();
        assert_eq!(result::memcpy_dtoh_sync(&mut host[..16], memory), Ok(()));
        assert_eq!(host[..16], [0xff; 16]);
        assert_eq!(result::memcpy_dtoh_sync(&mut host, memory), invalid);
        assert_eq!(result::memcpy_htod_sync(memory + 8, &host[..16]), invalid);
        assert_eq!(result::memset_d8_sync(memory, 0, 17), invalid);
        assert_eq!(result::free_sync(memory + 4), invalid);
        assert_eq!(result::free_sync(memory), Ok(()));
        assert_eq!(result::memcpy_dtoh_sync(&mut host[..16], memory), invalid);
        assert_eq!(result::free_sync(memory), invalid);
    }
}

#[test]
fn events_measure_and_join_streams() {
    let Some(context) = context() else { return };
    let program = Program::new(&context, AXPY, &[]);
    let (stream, other) = (&program.stream, context.new_stream().unwrap());
    let memory = unwritten(stream, 64);
    let fill = |stream, shift, value| {
        let arguments = [place(&memory, &program.stream) + shift, value];
        super::launch(stream, &program.function("fill"), Shape::new(1, 32), &arguments).unwrap();
    };
    let timed = Some(CUevent_flags::CU_EVENT_DEFAULT);
    let before = stream.record_event(timed).unwrap();
    fill(stream, 0, 1);
    let after = stream.record_event(timed).unwrap();
    assert!(before.elapsed_ms(&after).unwrap() > 0.0);
    assert_eq!(
        error(before.elapsed_ms(&stream.record_event(None).unwrap())),
        CUresult::CUDA_ERROR_INVALID_HANDLE
    );

    let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    stream.begin_capture(mode).unwrap();
    other.wait(&stream.record_event(None).unwrap()).unwrap();
    fill(stream, 0, 2);
    fill(&other, 128, 3);
    stream.wait(&other.record_event(None).unwrap()).unwrap();
    let graph = stream.end_capture(CUgraphInstantiate_flags(0)).unwrap().unwrap();
    graph.launch().unwrap();
    assert_eq!(stream.clone_dtoh(&memory).unwrap(), [[2; 32], [3; 32]].concat());

    stream.begin_capture(mode).unwrap();
    other.wait(&stream.record_event(None).unwrap()).unwrap();
    fill(&other, 0, 4);
    let unjoined = stream.end_capture(CUgraphInstantiate_flags(0));
    assert_eq!(error(unjoined), CUresult::CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    stream.begin_capture(mode).unwrap();
    assert_eq!(error(stream.wait(&after)), CUresult::CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    assert!(stream.end_capture(CUgraphInstantiate_flags(0)).is_err());
}

/// In a process where the second launch fails.
#[test]
#[ignore = "runs as a child"]
fn failing() {
    let context = context().unwrap();
    let program = Program::new(&context, AXPY, &[]);
    let memory = unwritten(&program.stream, 32);
    let arguments = [place(&memory, &program.stream), 7];
    program.launch("fill", Shape::new(1, 32), &arguments).unwrap();
    program.stream.synchronize().unwrap();
    program.launch("fill", Shape::new(1, 32), &arguments).unwrap();
    assert_eq!(error(program.stream.synchronize()), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    assert_eq!(error(program.stream.clone_dtoh(&memory)), CUresult::CUDA_ERROR_LAUNCH_FAILED);
    drop((memory, program, context));
    // A context after that one has nothing of it.
    let context = super::context().unwrap();
    let stream = context.new_stream().unwrap();
    assert_eq!(stream.clone_dtoh(&stream.clone_htod(&[1_u8]).unwrap()).unwrap(), [1]);
}

#[test]
fn a_failed_launch_is_found_by_who_asks_next() {
    if is_loaded() {
        let (is_well, printed) = child("stand_in::driver::failing", &[("CHORAL_STAND_IN_FAIL_LAUNCH", "2")]);
        assert!(is_well, "{printed}");
        assert!(printed.contains("kernel fill: fails"), "{printed}");
    }
}

/// In a process whose settings are others.
#[test]
#[ignore = "runs as a child"]
fn set_otherwise() {
    assert!(is_loaded());
    match CudaContext::device_count() {
        Ok(count) => {
            let last = CudaContext::new(usize::try_from(count).unwrap() - 1).unwrap();
            println!("{count} devices of {:?}", last.compute_capability().unwrap());
        }
        Err(error) => println!("{error:?}"),
    }
}

#[test]
fn settings_are_in_the_environment() {
    if !is_loaded() {
        return;
    }
    let seen = |settings| child("stand_in::driver::set_otherwise", settings).1;
    let printed = seen(&[("CHORAL_STAND_IN_DEVICES", "0")]);
    assert!(printed.contains("CUDA_ERROR_NO_DEVICE"), "{printed}");
    let printed = seen(&[("CHORAL_STAND_IN_DEVICES", "2"), ("CHORAL_STAND_IN_CAPABILITY", "75")]);
    assert!(printed.contains("2 devices of (7, 5)"), "{printed}");
}
