// What callers tell the stand-in for cuBLASLt: handles, operations, layouts and preferences. What it does not know of
// them it refuses, where the library would do something else than what is computed here.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <set>

#include "../driver/libraries.h"
#include "api.h"

namespace cublaslt {
namespace {

std::mutex mutex;

std::set<const void *> &alive() {
    static std::set<const void *> all;
    return all;
}

template <typename Kind>
int make(void **place, Kind value) {
    if (place == nullptr) return INVALID_VALUE;
    *place = new Kind(value);
    std::lock_guard<std::mutex> guard(mutex);
    alive().insert(*place);
    return SUCCESS;
}

template <typename Kind>
int destroy(void *place) {
    std::lock_guard<std::mutex> guard(mutex);
    if (alive().erase(place) == 0) {
        say("what is destroyed is not alive");
        return INVALID_VALUE;
    }
    delete static_cast<Kind *>(place);
    return SUCCESS;
}

// Copies an attribute, whose size must be that of its type.
template <typename Value>
int take(Value &into, const void *from, size_t bytes) {
    if (from == nullptr || bytes != sizeof into) {
        say("an attribute of %zu bytes, it has %zu", bytes, sizeof into);
        return INVALID_VALUE;
    }
    memcpy(&into, from, bytes);
    return SUCCESS;
}

int unknown(const char *of, int attribute) {
    say("attribute %d of %s is not provided", attribute, of);
    return NOT_SUPPORTED;
}

}  // namespace

bool is_alive(const void *what) {
    std::lock_guard<std::mutex> guard(mutex);
    return alive().count(what) > 0;
}

void say(const char *format, ...) {
    char line[900];
    va_list values;
    va_start(values, format);
    vsnprintf(line, sizeof line, format, values);
    va_end(values);
    fprintf(stderr, "choral stand-in for cuBLASLt: %s\n", line);
}

CUBLASLT_FUNCTION cublasLtCreate(void **handle) {
    // It takes memory of the device.
    return choral_stand_in_may_wait() == 0 ? make(handle, 0) : NOT_INITIALIZED;
}
CUBLASLT_FUNCTION cublasLtDestroy(void *handle) { return destroy<int>(handle); }

CUBLASLT_FUNCTION cublasLtMatmulDescCreate(void **operation, int compute, int scale) {
    return make(operation, Operation{compute, scale, {0, 0}, DEFAULT, 0, 0});
}
CUBLASLT_FUNCTION cublasLtMatmulDescDestroy(void *operation) { return destroy<Operation>(operation); }

CUBLASLT_FUNCTION cublasLtMatmulDescSetAttribute(void *handle, int attribute, const void *value, size_t bytes) {
    if (!is_alive(handle)) return INVALID_VALUE;
    Operation &operation = *static_cast<Operation *>(handle);
    switch (attribute) {
        case TRANSA: return take(operation.transposes[0], value, bytes);
        case TRANSB: return take(operation.transposes[1], value, bytes);
        case EPILOGUE: return take(operation.epilogue, value, bytes);
        case BIAS_POINTER: return take(operation.bias, value, bytes);
        case BIAS_BATCH_STRIDE: return take(operation.bias_batch_stride, value, bytes);
        default: return unknown("an operation", attribute);
    }
}

CUBLASLT_FUNCTION cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t columns, int64_t leading) {
    return make(layout, Layout{type, rows, columns, leading, 1, 0});
}
CUBLASLT_FUNCTION cublasLtMatrixLayoutDestroy(void *layout) { return destroy<Layout>(layout); }

CUBLASLT_FUNCTION cublasLtMatrixLayoutSetAttribute(void *handle, int attribute, const void *value, size_t bytes) {
    if (!is_alive(handle)) return INVALID_VALUE;
    Layout &layout = *static_cast<Layout *>(handle);
    switch (attribute) {
        case BATCH_COUNT: return take(layout.batch, value, bytes);
        case STRIDED_BATCH_OFFSET: return take(layout.batch_stride, value, bytes);
        default: return unknown("a layout", attribute);
    }
}

CUBLASLT_FUNCTION cublasLtMatmulPreferenceCreate(void **preference) {
    return make(preference, Preference{0, {256, 256, 256, 256}});
}
CUBLASLT_FUNCTION cublasLtMatmulPreferenceDestroy(void *preference) { return destroy<Preference>(preference); }

CUBLASLT_FUNCTION cublasLtMatmulPreferenceSetAttribute(void *handle, int attribute, const void *value, size_t bytes) {
    if (!is_alive(handle)) return INVALID_VALUE;
    Preference &preference = *static_cast<Preference *>(handle);
    if (attribute == MAX_WORKSPACE_BYTES) return take(preference.workspace, value, bytes);
    if (attribute < MIN_ALIGNMENT_A || attribute > MIN_ALIGNMENT_D) return unknown("a preference", attribute);
    uint32_t &alignment = preference.alignments[attribute - MIN_ALIGNMENT_A];
    if (int status = take(alignment, value, bytes)) return status;
    return alignment != 0 && (alignment & (alignment - 1)) == 0 ? SUCCESS : INVALID_VALUE;
}

}  // namespace cublaslt
