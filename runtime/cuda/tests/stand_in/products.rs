//! Products by cuBLASLt: every layout, type and epilogue that is the library's, against sums in `f64`; captured and
//! replayed; and what there is without the library, or without an algorithm.
//!
//! The stand-in rounds `f32` to TF32 and adds backwards: results are near, and no bits are asked for.

use std::sync::Arc;

use choral_cuda::library_product::{Call, WORTH};
use choral_cuda::program::{Buffer, Home, Program, Step, Task};
use choral_cuda::{Error, Gpu, Memory, Module, Session, Unit};
use choral_kernels::kernel::Products;
use choral_kernels::product::{Dim, Epilogue, Product, space};
use choral_kernels::{Kernel, Number};
use cudarc::cublaslt::result as library;
use cudarc::cublaslt::sys::{
    cublasComputeType_t as ComputeType, cublasLtMatmulPreferenceAttributes_t as Preference,
    cublasStatus_t as Status, cudaDataType as DataType,
};
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};
use half::{bf16, f16};

use super::{child, context, is_loaded, load};

/// Numbers that look random, between -1 and 1.
fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn to_bytes(values: &[f64], number: Number) -> Vec<u8> {
    let each = |&value: &f64| match number {
        Number::F64 => value.to_le_bytes().to_vec(),
        Number::F16 => f16::from_f64(value).to_le_bytes().to_vec(),
        Number::Bf16 => bf16::from_f64(value).to_le_bytes().to_vec(),
        _ => (value as f32).to_le_bytes().to_vec(),
    };
    values.iter().flat_map(each).collect()
}

fn from_bytes(bytes: &[u8], number: Number) -> Vec<f64> {
    let each = |bytes: &[u8]| match number {
        Number::F64 => f64::from_le_bytes(bytes.try_into().unwrap()),
        Number::F16 => f16::from_le_bytes(bytes.try_into().unwrap()).to_f64(),
        Number::Bf16 => bf16::from_le_bytes(bytes.try_into().unwrap()).to_f64(),
        _ => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
    };
    bytes.chunks_exact(number.bytes()).map(each).collect()
}

/// How operands and result lie.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Types of operands and of the result.
    numbers: (Number, Number),
    /// `[batch, m, n, k]`.
    sizes: [usize; 4],
    /// Whether lhs is `[k, m]`, rhs is `[n, k]`, and the result `[n, m]`.
    are_turned: [bool; 3],
    /// Whether lhs and rhs have the batch.
    are_mapped: [bool; 2],
    /// Whether the batch of the result stands between rows and columns.
    is_between: bool,
    /// What is added: nothing, an element for each column, or one for each of the batch, too.
    bias: usize,
    relu: bool,
    /// Elements between rows that are nobody's, and before the first.
    padding: usize,
}

impl Case {
    fn product(&self) -> Product {
        let [batch, m, n, k] = self.sizes;
        let (pad, wide) = (self.padding, |size: usize| size + self.padding);
        let of = |is_turned: bool, rows: usize, columns: usize| match is_turned {
            false => (wide(columns), 1, rows * wide(columns)),
            true => (1, wide(rows), columns * wide(rows)),
        };
        let [lhs, rhs, out] = self.are_turned;
        let (lhs_m, lhs_k, lhs_batch) = of(lhs, m, k);
        let (rhs_k, rhs_n, rhs_batch) = of(rhs, k, n);
        let (mut out_m, mut out_n, mut out_batch) = of(out, m, n);
        if self.is_between {
            (out_m, out_n, out_batch) = match out {
                false => (batch * wide(n), 1, wide(n)),
                true => (1, batch * wide(m), wide(m)),
            };
        }
        let strides = |strides: [usize; 4]| strides.map(|stride| stride as isize);
        let mapped = |at: usize, stride: usize| if self.are_mapped[at] { stride } else { 0 };
        let of_batch = if self.bias == 2 { n } else { 0 };
        let [_, m_strides, n_strides] = [
            strides([0; 4]),
            strides([lhs_m, out_m, 0, 0]),
            strides([rhs_n, out_n, usize::from(self.bias > 0), 0]),
        ];
        Product {
            lhs: self.numbers.0,
            rhs: self.numbers.0,
            out: self.numbers.1,
            offsets: strides([pad, 2 * pad, 0, 0]),
            batch: vec![Dim::new(
                batch,
                strides([mapped(0, lhs_batch), mapped(1, rhs_batch), out_batch, of_batch]),
            )],
            m: vec![Dim::new(m, [m_strides[0], m_strides[1], m_strides[2]])],
            n: vec![Dim::new(n, [n_strides[0], n_strides[1], n_strides[2]])],
            k: vec![Dim::new(k, [lhs_k as isize, rhs_k as isize])],
            epilogue: Epilogue { add: self.bias > 0, relu: self.relu },
        }
    }
}

/// All cases of a list of sizes and types.
fn cases(numbers: &[(Number, Number)], sizes: &[[usize; 4]]) -> Vec<Case> {
    let truths = [false, true];
    let mut cases = Vec::new();
    for (&numbers, &sizes) in
        numbers.iter().flat_map(|numbers| sizes.iter().map(move |sizes| (numbers, sizes)))
    {
        for choice in 0..1 << 7 {
            let is = |bit: usize| truths[choice >> bit & 1];
            for bias in 0..3 {
                cases.push(Case {
                    numbers,
                    sizes,
                    are_turned: [is(0), is(1), is(2)],
                    are_mapped: [is(3), is(4)],
                    is_between: is(5),
                    bias,
                    relu: is(6),
                    padding: choice % 3 * 4,
                });
            }
        }
    }
    cases.retain(|case| case.product().check().is_ok());
    cases
}

fn program(product: Product) -> Program {
    let addend = product.epilogue.add.then_some(3);
    let products =
        Products { products: vec![product], convolution: None, lhs: 0, rhs: 1, addend, out: 2, packed: None };
    let task = Task::Kernel(Box::new(Kernel::Products(products)));
    let step = Step { comment: "%y".to_owned(), note: String::new(), task };
    let buffer = |number| Buffer { home: Home::Given(number), bytes: 0 };
    Program { buffers: (0..4).map(buffer).collect(), room: 0, steps: vec![step] }
}

/// Results in `f64`, each with where it lies, and the sum of the sizes of its terms.
fn expected(product: &Product, [lhs, rhs, addend]: [&[f64]; 3]) -> Vec<(usize, f64, f64)> {
    let [batch, m, n, k] = product.sizes();
    let mut results = Vec::new();
    for (batch, m, n) in (0..batch * m * n).map(|at| (at / (m * n), at / n % m, at % n)) {
        let batch = space::offsets(&product.batch, batch);
        let (m, n) = (space::offsets(&product.m, m), space::offsets(&product.n, n));
        let place = |at: usize, free: isize| (product.offsets[at] + batch[at] + free) as usize;
        let (mut sum, mut size) = (0.0, 0.0);
        for k in (0..k).map(|k| space::offsets(&product.k, k)) {
            let term = lhs[place(0, m[0] + k[0])] * rhs[place(1, n[0] + k[1])];
            (sum, size) = (sum + term, size + term.abs());
        }
        if product.epilogue.add {
            let term = addend[place(3, m[2] + n[2])];
            (sum, size) = (sum + term, size + term.abs());
        }
        let sum = if product.epilogue.relu { sum.max(0.0) } else { sum };
        results.push((place(2, m[1] + n[1]), sum, size));
    }
    results
}

/// How far a result may be from it, for its terms' sizes.
fn tolerance(product: &Product, value: f64, size: f64) -> f64 {
    let sums = match product.lhs {
        // Operands are rounded to 10 bits behind the point.
        Number::F32 => 2f64.powi(-10),
        Number::F64 => 1e-14,
        _ => 1e-6,
    };
    let stored = match product.out {
        Number::Bf16 => 2f64.powi(-8),
        Number::F16 => 2f64.powi(-11),
        Number::F32 => 2f64.powi(-23),
        _ => 0.0,
    };
    1.01 * sums * size + stored * value.abs() + 1e-7 * (sums + stored)
}

struct Run {
    session: Session,
    memories: Vec<Memory>,
}

impl Run {
    fn new(module: Module, sizes: &[usize]) -> Run {
        let session = Session::new(&Arc::new(module), 4096).unwrap();
        let memories = sizes.iter().map(|&bytes| session.line().memory(bytes, "a test").unwrap()).collect();
        Run { session, memories }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        self.session.line().write(&mut self.memories[at], bytes).unwrap();
    }

    fn run(&mut self) {
        self.session.run(&[], &self.memories.iter().collect::<Vec<_>>()).unwrap();
    }

    fn read(&self, at: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.memories[at].bytes()];
        self.session.line().read(&self.memories[at], &mut bytes).unwrap();
        bytes
    }
}

/// Runs a product by the library; the largest error for its terms' sizes, or `None` if it is not the library's.
fn difference(gpu: &Arc<Gpu>, case: &Case) -> Option<f64> {
    let product = case.product();
    let program = program(product.clone());
    let Task::Kernel(kernel) = &program.steps[0].task else { return None };
    Call::of(&program, kernel)?;
    let module = Module::with_library(gpu, &program, 0).unwrap();
    assert_eq!(module.library_products(), 1);
    let numbers = [product.lhs, product.rhs, product.out, product.out];
    let counts = product.reach().map(|reach| reach.map_or(1, |(_, last)| last as usize + 1));
    let values = [0, 1, 3].map(|at| {
        let bytes = to_bytes(&noise(counts[at], at as u64 + 1), numbers[at]);
        (from_bytes(&bytes, numbers[at]), bytes)
    });
    let sizes: Vec<usize> = (0..4).map(|at| counts[at] * numbers[at].bytes()).collect();
    let mut run = Run::new(module, &sizes);
    for (at, (_, bytes)) in [0, 1, 3].into_iter().zip(&values) {
        run.write(at, bytes);
    }
    run.run();
    let got = from_bytes(&run.read(2), product.out);
    let mut largest = 0f64;
    for (place, value, size) in expected(&product, [&values[0].0, &values[1].0, &values[2].0]) {
        let error = (got[place] - value).abs();
        assert!(
            error <= tolerance(&product, value, size),
            "{case:?}\n{product:?}\nat {place}: {} is not {value}",
            got[place]
        );
        largest = largest.max(error / size.max(1e-3));
    }
    Some(largest)
}

#[test]
fn products_of_the_library_are_near() {
    if !is_loaded() {
        return;
    }
    use Number::{Bf16, F16, F32, F64};
    let gpu = Gpu::open(0).unwrap();
    let sizes = [[3, 5, 8, 7], [1, 4, 4, 16], [2, 1, 12, 3], [3, 6, 1, 5], [2, 3, 4, 1]];
    for numbers in [(F32, F32), (F64, F64), (F16, F16), (F16, F32), (Bf16, Bf16), (Bf16, F32)] {
        let all = cases(&[numbers], &sizes);
        let errors: Vec<f64> = all.iter().filter_map(|case| difference(&gpu, case)).collect();
        let largest = errors.iter().copied().fold(0.0, f64::max);
        println!("{numbers:?}: {} of {} by the library, error {largest:.1e}", errors.len(), all.len());
        assert!(errors.len() * 3 > all.len(), "most are the library's");
        if numbers == (F32, F32) {
            assert!(largest > 1e-5, "operands are rounded to TF32: it was the library");
        }
    }
}

/// Two products, the second of the first one's result, which lies in the room.
fn two_products() -> Program {
    let case = Case {
        numbers: (Number::F32, Number::F32),
        sizes: [1, 8, 8, 8],
        are_turned: [false; 3],
        are_mapped: [true; 2],
        is_between: false,
        bias: 0,
        relu: false,
        padding: 0,
    };
    let [mut first, mut second] = [(); 2].map(|()| program(case.product()));
    let step = |program: &mut Program, buffers: [usize; 3]| {
        let Task::Kernel(kernel) = &mut program.steps[0].task else { return };
        if let Kernel::Products(products) = &mut **kernel {
            [products.lhs, products.rhs, products.out] = buffers;
        }
    };
    step(&mut first, [0, 1, 3]);
    step(&mut second, [3, 1, 2]);
    first.buffers[3] = Buffer { home: Home::Room(256), bytes: 256 };
    first.steps.append(&mut second.steps);
    first
}

#[test]
fn products_of_the_library_are_captured() {
    if !is_loaded() {
        return;
    }
    let gpu = Gpu::open(0).unwrap();
    let module = Module::with_library(&gpu, &two_products(), 0).unwrap();
    assert_eq!(module.library_products(), 2);
    let mut run = Run::new(module, &[256; 3]);
    let identity = |scale: f64| (0..64).map(|at| if at % 9 == 0 { scale } else { 0.0 }).collect::<Vec<_>>();
    run.write(1, &to_bytes(&identity(2.0), Number::F32));
    // The second run captures, and those after it replay.
    for round in 1..6 {
        run.write(0, &to_bytes(&identity(f64::from(round)), Number::F32));
        run.run();
        assert_eq!(from_bytes(&run.read(2), Number::F32), identity(4.0 * f64::from(round)), "round {round}");
    }
}

#[test]
fn small_products_stay_ours_and_source_says_whose_they_are() {
    if !is_loaded() {
        return;
    }
    let gpu = Gpu::open(0).unwrap();
    assert_eq!(Module::with_library(&gpu, &two_products(), WORTH).unwrap().library_products(), 0);
    let unit = Unit::with_library(&two_products(), |_| true).unwrap();
    let comment = "// %y\n// cuBLASLt: 8x8 * 8x8 of f32, columns first\n";
    assert_eq!(unit.source.matches(comment).count(), 2, "{}", unit.source);
    assert!(!unit.source.contains("__global__"));
    assert!(Unit::of(&two_products()).unwrap().source.contains(" step_1("));
}

/// In a process whose library has no algorithm for anything.
#[test]
#[ignore = "runs as a child"]
fn without_algorithms() {
    assert!(is_loaded());
    let gpu = Gpu::open(0).unwrap();
    let module = Module::with_library(&gpu, &two_products(), 0).unwrap();
    assert_eq!(module.library_products(), 0);
    let mut run = Run::new(module, &[256; 3]);
    let ones = to_bytes(&[1.0; 64], Number::F32);
    run.write(0, &ones);
    run.write(1, &ones);
    run.run();
    assert_eq!(from_bytes(&run.read(2), Number::F32), [64.0; 64]);
}

#[test]
fn what_the_library_has_no_algorithm_for_is_ours() {
    if is_loaded() {
        let settings = [("CHORAL_STAND_IN_NO_ALGORITHM", "1"), ("CHORAL_CACHE", "")];
        let (is_well, printed) = child("stand_in::products::without_algorithms", &settings);
        assert!(is_well, "{printed}");
    }
}

/// In a process that has the driver and the compiler alone.
#[test]
#[ignore = "runs as a child"]
fn without_the_library() {
    assert!(load(&["libcuda.so", "libnvrtc.so"]));
    let gpu = Gpu::open(0).unwrap();
    let error = Module::with_library(&gpu, &two_products(), 0).unwrap_err();
    // A machine may have the real one, which refuses the stand-in for the driver.
    if matches!(error, Error::NoLibrary { .. }) {
        let said = error.to_string();
        assert!(said.contains("cuBLASLt") && said.contains("libcublasLt.so.13 or .12"), "{said}");
        assert!(said.contains("nvidia-cublas") && said.contains("CHORAL_CUDA_PATH"), "{said}");
    }
    assert!(Module::new(&gpu, &Program::default()).is_ok(), "nothing else needs it");
}

#[test]
fn a_missing_library_is_named() {
    if is_loaded() {
        let (is_well, printed) =
            child("stand_in::products::without_the_library", &[("CHORAL_CUDA_PATH", "")]);
        assert!(is_well, "{printed}");
    }
}

/// What the stand-in says to a product of `f32` matrices, of so many rows and columns at such distances.
fn status(matrices: [(u64, u64, i64); 3], compute: ComputeType) -> Option<Status> {
    let handle = library::create_handle().unwrap();
    let operation = library::create_matmul_desc(compute, DataType::CUDA_R_32F).unwrap();
    let layouts = matrices.map(|(rows, columns, leading)| {
        library::create_matrix_layout(DataType::CUDA_R_32F, rows, columns, leading).unwrap()
    });
    let preference = library::create_matmul_pref().unwrap();
    let [a, b, d] = layouts;
    // SAFETY: all of them are alive until they are destroyed, once.
    unsafe {
        let chosen = library::get_matmul_algo_heuristic(handle, operation, a, b, d, d, preference)
            .err()
            .map(|it| it.0);
        layouts.into_iter().for_each(|layout| library::destroy_matrix_layout(layout).unwrap());
        library::destroy_matmul_pref(preference).unwrap();
        library::destroy_matmul_desc(operation).unwrap();
        library::destroy_handle(handle).unwrap();
        assert!(library::destroy_handle(handle).is_err(), "it is gone");
        chosen
    }
}

#[test]
fn the_stand_in_refuses_what_the_library_does() {
    let Some(context) = context() else { return };
    let (single, invalid) = (ComputeType::CUBLAS_COMPUTE_32F, Some(Status::CUBLAS_STATUS_INVALID_VALUE));
    let double = ComputeType::CUBLAS_COMPUTE_64F;
    let unsupported = Some(Status::CUBLAS_STATUS_NOT_SUPPORTED);
    assert_eq!(status([(2, 3, 2), (3, 4, 3), (2, 4, 2)], single), None);
    assert_eq!(status([(2, 3, 1), (3, 4, 3), (2, 4, 2)], single), invalid, "columns overlap");
    assert_eq!(status([(2, 3, 2), (2, 4, 3), (2, 4, 2)], single), invalid, "sizes do not fit");
    assert_eq!(status([(2, 3, 2), (3, 4, 3), (2, 4, 2)], double), unsupported, "types do not fit");
    // What no capture allows spoils it.
    let stream = context.new_stream().unwrap();
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL).unwrap();
    assert!(library::create_handle().is_err());
    assert!(stream.end_capture(CUgraphInstantiate_flags(0)).is_err());
}

/// An algorithm, tried on matrices that lie elsewhere than it was promised, and with less to work in.
#[test]
fn the_stand_in_looks_at_promises() {
    let Some(context) = context() else { return };
    let stream = context.new_stream().unwrap();
    let memory = stream.alloc_zeros::<f32>(1024).unwrap();
    let start = super::place(&memory, &stream);
    let handle = library::create_handle().unwrap();
    let single = ComputeType::CUBLAS_COMPUTE_32F;
    let operation = library::create_matmul_desc(single, DataType::CUDA_R_32F).unwrap();
    let square = library::create_matrix_layout(DataType::CUDA_R_32F, 8, 8, 8).unwrap();
    let preference = library::create_matmul_pref().unwrap();
    // SAFETY: all of them live until the end of the test, and the memory until the stream is done.
    unsafe {
        let (attribute, most) = (Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1u64 << 20);
        library::set_matmul_pref_attribute(preference, attribute, (&raw const most).cast(), 8).unwrap();
        let chosen =
            library::get_matmul_algo_heuristic(handle, operation, square, square, square, square, preference)
                .unwrap();
        let (alpha, beta) = (1f32, 0f32);
        let run = |a: u64, d: u64, beta: &f32, workspace: usize| {
            let pointer = |place: u64| place as *mut std::ffi::c_void;
            let (alpha, beta) = ((&raw const alpha).cast(), std::ptr::from_ref(beta).cast());
            let (a, b, d, work) = (pointer(a), pointer(start), pointer(d), pointer(start + 2048));
            library::matmul(
                handle,
                operation,
                alpha,
                beta,
                a,
                square,
                b,
                square,
                d,
                square,
                d,
                square,
                &raw const chosen.algo,
                work,
                workspace,
                stream.cu_stream().cast(),
            )
            .map_err(|error| error.0)
        };
        let bytes = chosen.workspaceSize;
        assert_eq!(run(start + 256, start + 1024, &beta, bytes), Ok(()));
        let invalid = Err(Status::CUBLAS_STATUS_INVALID_VALUE);
        assert_eq!(run(start + 4, start + 1024, &beta, bytes), invalid, "aligned to less than was said");
        assert_eq!(run(start, start + 1024, &beta, bytes - 1), invalid, "less to work in");
        assert_eq!(run(start, start + 4096 - 128 - 128, &beta, bytes), Ok(()), "to the end");
        assert_eq!(run(start, start + 4096, &beta, bytes), invalid, "beyond the memory");
        let unsupported = Err(Status::CUBLAS_STATUS_NOT_SUPPORTED);
        assert_eq!(run(start, start + 1024, &1.0, bytes), unsupported, "C is not read");
    }
    stream.synchronize().unwrap();
}
