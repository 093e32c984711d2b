//! What StableHLO has and choral leaves out, refused by name.

/// Ops, by what they have in common.
const OPS: [(&str, &[&str]); 9] = [
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
            "cross-replica-sum",
            "partition_id",
            "reduce_scatter",
            "replica_id",
        ],
    ),
    ("tuples", &["get_tuple_element", "tuple"]),
    ("random numbers without a state (rng_bit_generator has one)", &["rng"]),
    ("batch normalisation as one op", &["batch_norm_grad", "batch_norm_inference", "batch_norm_training"]),
    ("code that is not in the text", &["composite"]),
];

/// Element types and types, by what occurs in their spelling.
const TYPES: [(&str, &str); 6] = [
    ("complex<", "complex numbers"),
    ("!quant", "quantised types"),
    ("?", "dynamic shapes"),
    ("*", "dynamic shapes"),
    ("f8", "floats of 8 bits"),
    ("f4", "floats of 4 bits"),
];

/// Why there is no op of this name, if it is one that StableHLO has.
pub(super) fn of_op(name: &str) -> Option<String> {
    let plain = name.strip_prefix("stablehlo.").or_else(|| name.strip_prefix("chlo."))?;
    let (what, _) = OPS.iter().find(|(_, names)| names.contains(&plain))?;
    Some(format!("{name}: choral leaves out {what}"))
}

/// Why there is no type of this spelling, if it is one that StableHLO has.
pub(super) fn of_type(spelling: &str) -> Option<String> {
    let (_, what) = TYPES.iter().find(|(part, _)| spelling.contains(part))?;
    Some(format!("choral leaves out {what}"))
}
