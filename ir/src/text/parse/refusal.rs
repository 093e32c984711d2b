//! What StableHLO and MLIR have and choral does not support, refused by name.

use crate::DType;

/// Ops, by what they have in common.
const OPS: [(&str, &[&str]); 10] = [
    ("complex numbers", &["complex", "real", "imag", "fft"]),
    ("quantised types", &["uniform_quantize", "uniform_dequantize"]),
    (
        "dynamic shapes",
        &[
            "compute_reshape_shape",
            "cstr_reshapable",
            "dynamic_broadcast_in_dim",
            "dynamic_conv",
            "dynamic_gather",
            "dynamic_iota",
            "dynamic_pad",
            "dynamic_reshape",
            "get_dimension_size",
            "minimum_broadcast_shapes",
            "real_dynamic_slice",
            "set_dimension_size",
        ],
    ),
    ("tokens and input and output", &["after_all", "create_token", "infeed", "outfeed", "recv", "send"]),
    (
        "collectives between devices",
        &[
            "all_gather",
            "all_reduce",
            "all_to_all",
            "collective_broadcast",
            "collective_permute",
            "collective_permute_start",
            "cross-replica-sum",
            "partition_id",
            "reduce_scatter",
            "replica_id",
        ],
    ),
    ("asynchronous ops", &["async_start", "async_update", "async_done"]),
    ("tuples", &["get_tuple_element", "tuple"]),
    ("random numbers without a state (rng_bit_generator has one)", &["rng"]),
    ("products of ragged groups", &["ragged_dot"]),
    ("products of sparse operands", &["sparse_dot"]),
];

/// Types by what their spelling begins with; where several fit, the first counts.
const TYPES: [(&str, &str); 13] = [
    ("complex", "complex numbers"),
    ("quant.", "quantised types"),
    ("stablehlo.token", "tokens and input and output"),
    ("mhlo.token", "tokens and input and output"),
    ("tuple", "tuples"),
    ("index", "integers as wide as an address (index)"),
    ("f80", "floats of 80 bits"),
    ("f128", "floats of 128 bits"),
    ("f8", "floats of 8 bits"),
    ("f6", "floats of 6 bits"),
    ("f4", "floats of 4 bits"),
    ("tf32", "floats of 19 bits (tf32)"),
    ("vector", "vectors"),
];

/// Why there is no op of this name, if it is one that StableHLO has.
pub(super) fn of_op(name: &str) -> Option<String> {
    let (dialect, plain) = name.split_once('.')?;
    let what = match dialect {
        "stablehlo" | "chlo" | "mhlo" => OPS.iter().find(|(_, names)| names.contains(&plain))?.0,
        "sdy" if ["all_", "collective_", "reduce_"].iter().any(|start| plain.starts_with(start)) => {
            "collectives between devices"
        }
        "cf" => "jumps between blocks",
        "shape" | "tensor" => "dynamic shapes",
        _ => return None,
    };
    Some(format!("{name}: choral does not support {what}"))
}

/// What choral does not support that a type of this name is of, if it is a type that is known.
pub(super) fn of_type(name: &str) -> Option<String> {
    let known = TYPES.iter().find(|(start, _)| name.starts_with(start)).map(|(_, what)| (*what).to_owned());
    known.or_else(|| {
        let digits = name.trim_start_matches(['u', 's']).strip_prefix('i')?;
        let is_integer = digits.parse::<u32>().is_ok() && DType::from_name(name).is_none();
        is_integer.then(|| format!("integers of type {name}"))
    })
}

/// What choral does not support that stands within `tensor<..>`, if it is known.
pub(super) fn of_element(spelling: &str) -> Option<String> {
    if spelling.contains(['?', '*']) {
        return Some("dynamic shapes".to_owned());
    }
    if spelling.split_once(',').is_some_and(|(ty, _)| !ty.contains('<')) {
        return Some("types with an encoding".to_owned());
    }
    let element = spelling.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'x');
    of_type(element.trim_start_matches('!'))
}
