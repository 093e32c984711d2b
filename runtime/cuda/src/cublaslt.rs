//! cuBLASLt: a handle, algorithms that its heuristic chooses, and calls.
//!
//! Algorithms are asked for when a program is compiled, and descriptions are made with a session: neither may happen while
//! launches are captured. Must not live here: which products are the library's ([`crate::library_product`]).

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use choral_kernels::Number;
use cudarc::cublaslt::result::{self, CublasError};
use cudarc::cublaslt::sys::{
    self, cublasComputeType_t as ComputeType, cublasLtEpilogue_t as Epilogue,
    cublasLtMatmulDescAttributes_t as Attribute, cublasLtMatmulPreferenceAttributes_t as Preference,
    cublasLtMatrixLayoutAttribute_t as LayoutAttribute, cublasStatus_t as Status, cudaDataType as DataType,
};
use cudarc::driver::CudaStream;
use cudarc::driver::sys::CUdeviceptr;

use crate::error::Error;
use crate::gpu::Gpu;
use crate::libraries;
use crate::library_product::{Call, Matmul, Matrix};

/// Bytes that an algorithm may work in: what NVIDIA advises, from compute capability 9.0 on and before.
const WORKSPACE: usize = 32 << 20;
const WORKSPACE_BEFORE: usize = 4 << 20;

/// cuBLASLt's `CUBLAS_OP_T`.
const TRANSPOSED: i32 = 1;

/// The library on a GPU.
pub(crate) struct Library {
    gpu: Arc<Gpu>,
    handle: Owned<sys::cublasLtHandle_t>,
}

/// How the library computes a product: plain data, which any handle on the same kind of GPU may use.
#[derive(Clone, Copy)]
pub(crate) struct Algorithm {
    algorithm: sys::cublasLtMatmulAlgo_t,
    workspace_bytes: usize,
}

/// What the library is told of a product.
pub(crate) struct Description {
    operation: Owned<sys::cublasLtMatmulDesc_t>,
    a: Owned<sys::cublasLtMatrixLayout_t>,
    b: Owned<sys::cublasLtMatrixLayout_t>,
    d: Owned<sys::cublasLtMatrixLayout_t>,
    is_double: bool,
}

/// Where the matrices of a product lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) a: CUdeviceptr,
    pub(crate) b: CUdeviceptr,
    pub(crate) d: CUdeviceptr,
    pub(crate) bias: Option<CUdeviceptr>,
}

/// What the library made, and takes back.
struct Owned<T: Copy> {
    value: T,
    destroy: unsafe fn(T) -> Result<(), CublasError>,
}

impl<T: Copy> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: it was made by the function that belongs to this one, and nobody else destroys it. What cannot be
        // taken back is lost.
        let _ = unsafe { (self.destroy)(self.value) };
    }
}

// SAFETY: handles and descriptions are not bound to a thread; each has one owner, which uses it from one at a time.
unsafe impl<T: Copy> Send for Owned<T> {}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cuBLASLt on {}", self.gpu.name())
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an algorithm that works in {} bytes", self.workspace_bytes)
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a product as cuBLASLt is told of it")
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // The handle goes with the GPU's context at hand.
        let _ = self.gpu.context().bind_to_thread();
    }
}

/// The library's error on doing something.
fn failed(doing: &'static str) -> impl FnOnce(CublasError) -> Error {
    move |cause| Error::Library { doing, cause }
}

impl Library {
    /// The library, with a handle for a GPU.
    ///
    /// # Errors
    /// If it is not found, or if it does not fit the driver.
    pub(crate) fn open(gpu: &Arc<Gpu>) -> Result<Library, Error> {
        libraries::products()?;
        gpu.context().bind_to_thread().map_err(Error::driver("opening the GPU"))?;
        let handle = result::create_handle().map_err(failed("opening cuBLASLt"))?;
        Ok(Library { gpu: gpu.clone(), handle: Owned { value: handle, destroy: result::destroy_handle } })
    }

    /// The algorithm that its heuristic chooses; `None` if it has none for such a product.
    ///
    /// # Errors
    /// If the library fails.
    pub(crate) fn algorithm(&self, call: &Call) -> Result<Option<Algorithm>, Error> {
        let asking = || failed("asking cuBLASLt for an algorithm");
        let description = Description::of(&call.matmul)?;
        if let Some(bias) = call.bias {
            // Where it lies is not known yet, but how it is aligned.
            description.set_bias(bias.alignment() as CUdeviceptr)?;
        }
        let preference = result::create_matmul_pref().map_err(asking())?;
        let preference = Owned { value: preference, destroy: result::destroy_matmul_pref };
        let workspace = if self.gpu.capability() >= (9, 0) { WORKSPACE } else { WORKSPACE_BEFORE };
        let alignments = [call.a, call.b, call.d, call.d].map(|place| place.alignment() as u32);
        let attributes = [
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
            Preference::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
        ];
        let Description { operation, a, b, d, .. } = &description;
        self.gpu.context().bind_to_thread().map_err(Error::driver("opening the GPU"))?;
        // SAFETY: handle, descriptions and preference are alive, and attributes of the types that the library expects.
        let chosen = unsafe {
            let most = Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
            set(result::set_matmul_pref_attribute, preference.value, most, &workspace).map_err(asking())?;
            for (attribute, alignment) in attributes.into_iter().zip(alignments) {
                set(result::set_matmul_pref_attribute, preference.value, attribute, &alignment)
                    .map_err(asking())?;
            }
            result::get_matmul_algo_heuristic(
                self.handle.value,
                operation.value,
                a.value,
                b.value,
                d.value,
                d.value,
                preference.value,
            )
        };
        match chosen {
            Ok(chosen) => {
                Ok(Some(Algorithm { algorithm: chosen.algo, workspace_bytes: chosen.workspaceSize }))
            }
            Err(CublasError(Status::CUBLAS_STATUS_NOT_SUPPORTED)) => Ok(None),
            Err(cause) => Err(asking()(cause)),
        }
    }

    /// Begins a product.
    ///
    /// # Safety
    /// The places are those of matrices as the description has them, and of a workspace as large as the algorithm asks
    /// for, which nothing else uses at the same time, all alive until the stream is done.
    ///
    /// # Errors
    /// If the library refuses it.
    pub(crate) unsafe fn run(
        &self,
        stream: &CudaStream,
        description: &Description,
        algorithm: &Algorithm,
        places: Places,
        workspace: CUdeviceptr,
    ) -> Result<(), Error> {
        let Description { operation, a, b, d, is_double } = description;
        if let Some(bias) = places.bias {
            description.set_bias(bias)?;
        }
        self.gpu.context().bind_to_thread().map_err(Error::driver("opening the GPU"))?;
        let (single, double) = ([1.0f32, 0.0], [1.0f64, 0.0]);
        let scale = |at: usize| match is_double {
            true => (&raw const double[at]).cast(),
            false => (&raw const single[at]).cast(),
        };
        // SAFETY: handle and descriptions are alive, scales are of the description's type, and the caller says the rest.
        let begun = unsafe {
            result::matmul(
                self.handle.value,
                operation.value,
                scale(0),
                scale(1),
                places.a as *const c_void,
                a.value,
                places.b as *const c_void,
                b.value,
                places.d as *const c_void,
                d.value,
                places.d as *mut c_void,
                d.value,
                &raw const algorithm.algorithm,
                workspace as *mut c_void,
                algorithm.workspace_bytes,
                stream.cu_stream().cast(),
            )
        };
        begun.map_err(failed("beginning a product of cuBLASLt"))
    }
}

impl Algorithm {
    pub(crate) fn workspace_bytes(&self) -> usize {
        self.workspace_bytes
    }
}

impl Description {
    /// Tells the library of a product.
    ///
    /// # Errors
    /// If the library refuses it.
    pub(crate) fn of(matmul: &Matmul) -> Result<Description, Error> {
        let describing = || failed("describing a product to cuBLASLt");
        let is_double = matmul.d.number == Number::F64;
        let (compute, scale) = match (matmul.a.number, is_double) {
            (_, true) => (ComputeType::CUBLAS_COMPUTE_64F, DataType::CUDA_R_64F),
            (Number::F32, false) => (ComputeType::CUBLAS_COMPUTE_32F_FAST_TF32, DataType::CUDA_R_32F),
            (_, false) => (ComputeType::CUBLAS_COMPUTE_32F, DataType::CUDA_R_32F),
        };
        let operation = result::create_matmul_desc(compute, scale).map_err(describing())?;
        let operation = Owned { value: operation, destroy: result::destroy_matmul_desc };
        let transposes = [
            (Attribute::CUBLASLT_MATMUL_DESC_TRANSA, matmul.a.is_transposed),
            (Attribute::CUBLASLT_MATMUL_DESC_TRANSB, matmul.b.is_transposed),
        ];
        let epilogue = match (matmul.bias, matmul.relu) {
            (None, false) => Epilogue::CUBLASLT_EPILOGUE_DEFAULT,
            (None, true) => Epilogue::CUBLASLT_EPILOGUE_RELU,
            (Some(_), false) => Epilogue::CUBLASLT_EPILOGUE_BIAS,
            (Some(_), true) => Epilogue::CUBLASLT_EPILOGUE_RELU_BIAS,
        };
        let set_operation = result::set_matmul_desc_attribute;
        // SAFETY: the operation is alive, and attributes are of the types that the library expects.
        unsafe {
            for (attribute, _) in transposes.into_iter().filter(|(_, is_transposed)| *is_transposed) {
                set(set_operation, operation.value, attribute, &TRANSPOSED).map_err(describing())?;
            }
            let attribute = Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE;
            set(set_operation, operation.value, attribute, &epilogue).map_err(describing())?;
            if let (Some(stride), 2..) = (matmul.bias, matmul.batch) {
                let attribute = Attribute::CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE;
                set(set_operation, operation.value, attribute, &(stride as i64)).map_err(describing())?;
            }
        }
        let Matmul { rows, columns, terms, .. } = *matmul;
        Ok(Description {
            operation,
            a: layout(&matmul.a, [rows, terms], matmul.batch)?,
            b: layout(&matmul.b, [terms, columns], matmul.batch)?,
            d: layout(&matmul.d, [rows, columns], matmul.batch)?,
            is_double,
        })
    }

    fn set_bias(&self, place: CUdeviceptr) -> Result<(), Error> {
        let attribute = Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER;
        // SAFETY: the operation is alive, and the attribute is an address.
        let done = unsafe { set(result::set_matmul_desc_attribute, self.operation.value, attribute, &place) };
        done.map_err(failed("describing a product to cuBLASLt"))
    }
}

/// Tells the library of a matrix of so many rows and columns, each of a batch.
fn layout(
    matrix: &Matrix,
    [rows, columns]: [usize; 2],
    batch: usize,
) -> Result<Owned<sys::cublasLtMatrixLayout_t>, Error> {
    let describing = || failed("describing a matrix to cuBLASLt");
    let number = match matrix.number {
        Number::F64 => DataType::CUDA_R_64F,
        Number::F16 => DataType::CUDA_R_16F,
        Number::Bf16 => DataType::CUDA_R_16BF,
        _ => DataType::CUDA_R_32F,
    };
    let [rows, columns] = if matrix.is_transposed { [columns, rows] } else { [rows, columns] };
    let made = result::create_matrix_layout(number, rows as u64, columns as u64, matrix.leading as i64);
    let layout = Owned { value: made.map_err(describing())?, destroy: result::destroy_matrix_layout };
    if batch > 1 {
        let (count, stride) = (batch as i32, matrix.batch_stride as i64);
        // SAFETY: the layout is alive, and attributes are of the types that the library expects.
        unsafe {
            let attribute = LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT;
            set(result::set_matrix_layout_attribute, layout.value, attribute, &count).map_err(describing())?;
            let attribute = LayoutAttribute::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET;
            set(result::set_matrix_layout_attribute, layout.value, attribute, &stride)
                .map_err(describing())?;
        }
    }
    Ok(layout)
}

/// Sets an attribute of what the library made.
///
/// # Safety
/// As the setter: what it is set of is alive, and the value of the type that the library expects.
unsafe fn set<T, A, V>(
    setter: unsafe fn(T, A, *const c_void, usize) -> Result<(), CublasError>,
    of: T,
    attribute: A,
    value: &V,
) -> Result<(), CublasError> {
    // SAFETY: the caller says so, and the value is as large as it is.
    unsafe { setter(of, attribute, std::ptr::from_ref(value).cast(), size_of::<V>()) }
}
