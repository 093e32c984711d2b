//! choral: many models, one program.
//!
//! A graph compiler whose centre is `vmap`: a function or module is traced into a graph, the vmap
//! pass rewrites every op to carry a member dimension over stacked parameters, and the result runs
//! as one program.
//!
//! ```
//! use choral::prelude::*;
//!
//! let models: Vec<Linear<Tensor>> = (0..5).map(|seed| Linear::init(3, 3, Key::new(seed))).collect();
//! let data = Tensor::randn([64, 3], Key::new(9));
//!
//! let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
//! let output = vmap(fmodel, (0, 0, None)).call((&params, &buffers, &data))?;
//! assert_eq!(output.shape(), [5, 64, 3]);
//! # Ok::<(), choral::Error>(())
//! ```
//!
//! This crate is the facade: it names what users need, and joins the compiler to the runtime in
//! [`Program`]. Must not live here: tracing and transforms (`choral_compiler`), execution
//! (`choral_runtime`), the graph itself (`choral_ir`).
#![forbid(unsafe_code)]

mod cache;
mod compile;
mod derivatives;
pub mod ensemble;
pub mod error;
mod inputs;
mod on_device;
#[cfg(doctest)]
mod pages;
mod program;

pub use choral_compiler::custom::{custom_jvp, custom_vjp, custom_vmap, remat, scan_remat, stop_gradient};
pub use choral_compiler::front::grad;
pub use choral_compiler::grad::{hvp, jvp, linearize, vjp};
pub use choral_compiler::trace::{control, random};
pub use choral_compiler::train::{all_finite, checkpoint, freeze, loss, optim, schedule};
pub use choral_compiler::{
    Dims, Forward, Function, IntoDims, Leaf, Module, ModuleState, Path, Randomness, State, Traced, Tree, Var,
    dims, nn, state, trace, transform, tree, with_key,
};
pub use choral_compiler::{combine_state_for_ensemble, functional_call, stack_module_state};
pub use choral_compiler::{cond, einsum, fori_loop, scan, scan_length, scan_reverse, switch, while_loop};
pub use choral_ir as ir;
pub use choral_ir::{DType, Graph, Key, Tensor, TensorType};
pub use choral_runtime as runtime;
pub use choral_runtime::{
    Device, DeviceInput, DeviceTensor, Executable, Level, Pool, Precision, Session, Setting,
};
pub use compile::{compile, compile_with, optimised};
pub use derivatives::{grad, hessian, jacfwd, jacrev, value_and_grad};
pub use ensemble::{Ensemble, EnsembleGroups};
pub use error::Error;
pub use on_device::OnDevice;
pub use program::{Program, jit, vmap};

/// Everything that a program with models in it names.
pub mod prelude {
    pub use crate::control::{cond, fori_loop, scan, scan_length, scan_reverse, switch, while_loop};
    pub use crate::dims::{by_kind, by_leaf, by_name};
    pub use crate::ensemble::{combine_state_for_ensemble, functional_call, stack_module_state};
    pub use crate::grad::{AllArguments, Argument};
    pub use crate::nn::{
        AdaptiveAvgPool1d, AdaptiveAvgPool2d, AttentionMasks, AvgPool1d, AvgPool2d, BatchNorm1d, BatchNorm2d,
        CELU, Constant, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dropout, ELU, Embedding, Flatten,
        GELU, GLU, GRU, GRUCell, GroupNorm, Hardsigmoid, Hardswish, Hardtanh, Identity, InstanceNorm1d,
        InstanceNorm2d, LSTM, LSTMCell, LayerNorm, LeakyReLU, Linear, LogSigmoid, LogSoftmax, MaxPool1d,
        MaxPool2d, Mish, MultiheadAttention, PReLU, RMSNorm, RNN, RNNCell, RandomKey, ReLU, ReLU6, SELU,
        SiLU, Sigmoid, Softmax, Softplus, Softsign, Tanh, TransformerEncoder, TransformerEncoderLayer,
    };
    pub use crate::optim::{Adam, AdamW, Lion, Optimiser, OptimiserState, RmsProp, Sgd};
    pub use crate::{
        DType, Device, DeviceTensor, Ensemble, EnsembleGroups, Forward, Function, Graph, Key, Module,
        ModuleState, Program, Randomness, State, Tensor, TensorType, Tree, Var, einsum, freeze, grad,
        hessian, hvp, jacfwd, jacrev, jit, jvp, linearize, loss, random, schedule, value_and_grad, vjp, vmap,
        with_key,
    };
    pub use crate::{custom_jvp, custom_vjp, custom_vmap, remat, scan_remat, stop_gradient};
}
