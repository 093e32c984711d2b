// The part of cuBLASLt's interface that has numbers, as far as it is used, and what its stand-in keeps of what it was told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#define CUBLASLT_FUNCTION extern "C" __attribute__((visibility("default"))) int

namespace cublaslt {

enum Status : int {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    NOT_SUPPORTED = 15,
};

enum Type : int { REAL_32F = 0, REAL_64F = 1, REAL_16F = 2, REAL_16BF = 14 };
enum Compute : int { COMPUTE_32F = 68, COMPUTE_64F = 70, COMPUTE_32F_FAST_TF32 = 77 };
enum Epilogue : int { DEFAULT = 1, RELU = 2, BIAS = 4, RELU_BIAS = 6 };

enum OperationAttribute : int {
    POINTER_MODE = 2,
    TRANSA = 3,
    TRANSB = 4,
    TRANSC = 5,
    EPILOGUE = 7,
    BIAS_POINTER = 8,
    BIAS_BATCH_STRIDE = 10,
};
enum LayoutAttribute : int { ORDER = 1, BATCH_COUNT = 5, STRIDED_BATCH_OFFSET = 6 };
enum PreferenceAttribute : int {
    MAX_WORKSPACE_BYTES = 1,
    MIN_ALIGNMENT_A = 5,
    MIN_ALIGNMENT_B = 6,
    MIN_ALIGNMENT_C = 7,
    MIN_ALIGNMENT_D = 8,
};

// Column-major matrices, as many as the batch has.
struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t leading;
    int32_t batch;
    int64_t batch_stride;
};

struct Operation {
    int compute, scale;
    int transposes[2];
    int epilogue;
    uint64_t bias;
    int64_t bias_batch_stride;
};

struct Preference {
    uint64_t workspace;
    uint32_t alignments[4];
};

// What callers keep and hand back: 64 bytes.
struct Algorithm {
    uint64_t sign, workspace;
    // Of the problem that it was chosen for.
    uint64_t problem;
    uint32_t alignments[4];
    uint64_t unused[3];
};
static_assert(sizeof(Algorithm) == 64, "as cuBLASLt's");

struct Choice {
    Algorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

constexpr uint64_t SIGN = 0x6368736c616e6431;

// What is alive, of those kinds that have a create and a destroy; a handle is alive without holding anything.
bool is_alive(const void *what);

// A line on standard error.
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

}  // namespace cublaslt
