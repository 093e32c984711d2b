// Products of the stand-in for cuBLASLt: refused as the library refuses them, then computed by plain loops in the order of
// the driver's stream, or recorded in the graph that it captures.
//
// Bits are not those of any library: operands in f32 are rounded to TF32, as on tensor cores, and terms are added from the
// last one to the first. What is worked in is filled with what is no number, so that whoever shares it finds out.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../driver/libraries.h"
#include "api.h"

namespace cublaslt {
namespace {

constexpr uint64_t MEMORY_ALIGNMENT = 256, BIAS_ALIGNMENT = 16;

struct Problem {
    Operation operation;
    Layout a, b, c, d;
};

size_t bytes_of(int type) { return type == REAL_64F ? 8 : type == REAL_32F ? 4 : 2; }

bool has_bias(const Operation &operation) { return (operation.epilogue & BIAS) != 0; }

int refuse(int status, const char *why) {
    say("%s", why);
    return status;
}

int check_layout(const Layout &layout, const char *name) {
    if (layout.type != REAL_32F && layout.type != REAL_64F && layout.type != REAL_16F && layout.type != REAL_16BF)
        return refuse(NOT_SUPPORTED, "a matrix of an element type that is not provided");
    if (layout.rows == 0 || layout.columns == 0 || layout.batch < 1)
        return refuse(INVALID_VALUE, "a matrix of nothing");
    if (layout.leading < (int64_t)layout.rows) {
        say("columns of %s lie %lld elements apart, and have %llu", name, (long long)layout.leading,
            (unsigned long long)layout.rows);
        return INVALID_VALUE;
    }
    if (layout.batch_stride < 0) return refuse(INVALID_VALUE, "a batch that goes backwards");
    return SUCCESS;
}

// Which types go together, of the rows of cuBLASLt's table that are provided.
bool has_types(const Problem &problem) {
    const auto &[operation, a, b, c, d] = problem;
    if (a.type != b.type || c.type != d.type) return false;
    switch (operation.compute) {
        case COMPUTE_64F: return operation.scale == REAL_64F && a.type == REAL_64F && d.type == REAL_64F;
        case COMPUTE_32F_FAST_TF32: return operation.scale == REAL_32F && a.type == REAL_32F && d.type == REAL_32F;
        case COMPUTE_32F:
            if (operation.scale != REAL_32F || a.type == REAL_64F) return false;
            return d.type == a.type || d.type == REAL_32F;
        default: return false;
    }
}

int check(const Problem &problem) {
    const auto &[operation, a, b, c, d] = problem;
    if (int status = check_layout(a, "A")) return status;
    if (int status = check_layout(b, "B")) return status;
    if (int status = check_layout(c, "C")) return status;
    if (int status = check_layout(d, "D")) return status;
    for (int transpose : operation.transposes)
        if (transpose != 0 && transpose != 1) return refuse(INVALID_VALUE, "an operand that is neither plain nor transposed");
    uint64_t rows = operation.transposes[0] ? a.columns : a.rows, terms = operation.transposes[0] ? a.rows : a.columns;
    uint64_t columns = operation.transposes[1] ? b.rows : b.columns, others = operation.transposes[1] ? b.columns : b.rows;
    if (terms != others || d.rows != rows || d.columns != columns || c.rows != rows || c.columns != columns)
        return refuse(INVALID_VALUE, "matrices whose sizes do not fit each other");
    if (a.batch != d.batch || b.batch != d.batch || c.batch != d.batch)
        return refuse(INVALID_VALUE, "matrices of batches of several sizes");
    if (d.batch > 1 && d.batch_stride == 0) return refuse(INVALID_VALUE, "results that lie at one place");
    if (!has_types(problem)) return refuse(NOT_SUPPORTED, "element types that do not go together");
    int epilogue = operation.epilogue;
    if (epilogue != DEFAULT && epilogue != RELU && epilogue != BIAS && epilogue != RELU_BIAS)
        return refuse(NOT_SUPPORTED, "an epilogue that is not provided");
    if (!has_bias(operation)) return SUCCESS;
    if (operation.bias == 0) return refuse(INVALID_VALUE, "a bias at no place");
    uint64_t stride = (uint64_t)operation.bias_batch_stride * bytes_of(d.type);
    if (operation.bias % BIAS_ALIGNMENT != 0 || stride % BIAS_ALIGNMENT != 0)
        return refuse(NOT_SUPPORTED, "a bias that is not aligned to 16 bytes");
    return SUCCESS;
}

// What an algorithm is good for: all but where things lie.
uint64_t number_of(Problem problem) {
    problem.operation.bias = 0;
    unsigned char bytes[sizeof problem];
    memcpy(bytes, &problem, sizeof problem);
    uint64_t number = 1469598103934665603u;
    for (unsigned char byte : bytes) number = (number ^ byte) * 1099511628211u;
    return number;
}

int gather(Problem *problem, void *operation, void *a, void *b, void *c, void *d) {
    // Padding, too, is the same in problems that are.
    memset(static_cast<void *>(problem), 0, sizeof *problem);
    for (void *what : {operation, a, b, c, d})
        if (!is_alive(what)) return refuse(INVALID_VALUE, "a description that is not alive");
    const Operation &told = *static_cast<Operation *>(operation);
    problem->operation.compute = told.compute;
    problem->operation.scale = told.scale;
    memcpy(problem->operation.transposes, told.transposes, sizeof told.transposes);
    problem->operation.epilogue = told.epilogue;
    problem->operation.bias = told.bias;
    problem->operation.bias_batch_stride = told.bias_batch_stride;
    Layout *layouts[] = {&problem->a, &problem->b, &problem->c, &problem->d};
    void *given[] = {a, b, c, d};
    for (int at = 0; at < 4; at++) {
        const Layout &layout = *static_cast<Layout *>(given[at]);
        layouts[at]->type = layout.type;
        layouts[at]->rows = layout.rows;
        layouts[at]->columns = layout.columns;
        layouts[at]->leading = layout.leading;
        layouts[at]->batch = layout.batch;
        layouts[at]->batch_stride = layout.batch_stride;
    }
    return check(*problem);
}

float from_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint32_t to_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The upper bits of a float, rounded to nearest, ties to even; infinities stay, and so does what is no number.
uint32_t rounded(float value, int dropped) {
    uint32_t bits = to_bits(value);
    if (value != value) return bits | 0x400000;
    return (bits + ((1u << (dropped - 1)) - 1) + ((bits >> dropped) & 1)) >> dropped << dropped;
}

double load(uint64_t place, int type, bool is_tf32) {
    const void *from = reinterpret_cast<const void *>(place);
    if (type == REAL_64F) return *static_cast<const double *>(from);
    if (type == REAL_16F) return (double)*static_cast<const _Float16 *>(from);
    if (type == REAL_16BF) return from_bits((uint32_t)*static_cast<const uint16_t *>(from) << 16);
    float value = *static_cast<const float *>(from);
    return is_tf32 ? from_bits(rounded(value, 13)) : value;
}

void store(uint64_t place, int type, double value) {
    void *to = reinterpret_cast<void *>(place);
    switch (type) {
        case REAL_64F: *static_cast<double *>(to) = value; break;
        case REAL_16F: *static_cast<_Float16 *>(to) = (_Float16)(float)value; break;
        case REAL_16BF: *static_cast<uint16_t *>(to) = (uint16_t)(rounded((float)value, 16) >> 16); break;
        default: *static_cast<float *>(to) = (float)value;
    }
}

struct Run {
    Problem problem;
    uint64_t a, b, d, workspace, workspace_bytes;
};

size_t reach(const Layout &layout) {
    uint64_t elements = (uint64_t)layout.batch_stride * (uint64_t)(layout.batch - 1) +
                        (uint64_t)layout.leading * (layout.columns - 1) + layout.rows;
    return elements * bytes_of(layout.type);
}

int check_places(const Run &run) {
    const auto &[operation, a, b, c, d] = run.problem;
    if (int result = choral_stand_in_check_range(run.a, reach(a), "read by a product")) return result;
    if (int result = choral_stand_in_check_range(run.b, reach(b), "read by a product")) return result;
    if (int result = choral_stand_in_check_range(run.d, reach(d), "written by a product")) return result;
    if (int result = choral_stand_in_check_range(run.workspace, run.workspace_bytes, "worked in by a product"))
        return result;
    if (!has_bias(operation)) return 0;
    uint64_t biases = (uint64_t)operation.bias_batch_stride * (uint64_t)(d.batch - 1) + d.rows;
    return choral_stand_in_check_range(operation.bias, biases * bytes_of(d.type), "added by a product");
}

uint64_t element(uint64_t start, const Layout &layout, uint64_t row, uint64_t column, int64_t of_batch) {
    uint64_t at = column * (uint64_t)layout.leading + row + (uint64_t)(of_batch * layout.batch_stride);
    return start + at * bytes_of(layout.type);
}

// An operand with all terms of a row of A, or of a column of B, one after another.
template <typename Sum>
std::vector<Sum> by_terms(uint64_t start, const Layout &layout, bool are_rows_terms, bool is_tf32, int64_t of_batch) {
    uint64_t terms = are_rows_terms ? layout.rows : layout.columns, others = are_rows_terms ? layout.columns : layout.rows;
    std::vector<Sum> all;
    all.reserve(terms * others);
    for (uint64_t other = 0; other < others; other++)
        for (uint64_t term = 0; term < terms; term++) {
            uint64_t place = are_rows_terms ? element(start, layout, term, other, of_batch)
                                            : element(start, layout, other, term, of_batch);
            all.push_back((Sum)load(place, layout.type, is_tf32));
        }
    return all;
}

template <typename Sum>
void multiply(const Run &run) {
    const auto &[operation, a, b, c, d] = run.problem;
    bool is_tf32 = operation.compute == COMPUTE_32F_FAST_TF32;
    uint64_t terms = operation.transposes[0] ? a.rows : a.columns;
    for (int64_t of_batch = 0; of_batch < d.batch; of_batch++) {
        std::vector<Sum> left = by_terms<Sum>(run.a, a, operation.transposes[0] == 1, is_tf32, of_batch);
        std::vector<Sum> right = by_terms<Sum>(run.b, b, operation.transposes[1] == 0, is_tf32, of_batch);
        for (uint64_t column = 0; column < d.columns; column++)
            for (uint64_t row = 0; row < d.rows; row++) {
                Sum sum = 0;
                for (uint64_t term = terms; term-- > 0;) sum += left[row * terms + term] * right[column * terms + term];
                if (has_bias(operation)) {
                    uint64_t at = row + (uint64_t)(of_batch * operation.bias_batch_stride);
                    sum += (Sum)load(operation.bias + at * bytes_of(d.type), d.type, false);
                }
                if ((operation.epilogue & RELU) && sum < 0) sum = 0;
                store(element(run.d, d, row, column, of_batch), d.type, (double)sum);
            }
    }
}

int work(const void *about) {
    Run run;
    memcpy(&run, about, sizeof run);
    if (int result = check_places(run)) return result;
    if (run.workspace_bytes > 0) memset(reinterpret_cast<void *>(run.workspace), 0xff, run.workspace_bytes);
    if (run.problem.operation.compute == COMPUTE_64F)
        multiply<double>(run);
    else
        multiply<float>(run);
    return 0;
}

bool is_aligned(uint64_t place, uint64_t alignment) { return place % alignment == 0; }

}  // namespace

CUBLASLT_FUNCTION cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c, void *d,
                                                 void *preference, int asked, Choice *choices, int *count) {
    if (!is_alive(handle) || !is_alive(preference) || asked < 1) return INVALID_VALUE;
    if (choral_stand_in_may_wait() != 0) return refuse(INVALID_VALUE, "an algorithm is asked for while launches are captured");
    Problem problem;
    if (int status = gather(&problem, operation, a, b, c, d)) return status;
    // Every algorithm is one that this machine does not have.
    if (getenv("CHORAL_STAND_IN_NO_ALGORITHM") != nullptr) {
        *count = 0;
        return NOT_SUPPORTED;
    }
    const Preference &wanted = *static_cast<Preference *>(preference);
    uint64_t workspace = (problem.d.rows * problem.d.columns * 4 + 255) / 256 * 256;
    if (workspace > wanted.workspace) workspace = wanted.workspace;
    Algorithm algorithm{SIGN, workspace, number_of(problem), {}, {}};
    memcpy(algorithm.alignments, wanted.alignments, sizeof algorithm.alignments);
    choices[0] = Choice{algorithm, workspace, SUCCESS, 1, {}};
    *count = 1;
    return SUCCESS;
}

CUBLASLT_FUNCTION cublasLtMatmul(void *handle, void *operation, const void *alpha, const void *a, void *a_layout,
                                 const void *b, void *b_layout, const void *beta, const void *c, void *c_layout, void *d,
                                 void *d_layout, const Algorithm *algorithm, void *workspace, size_t workspace_bytes,
                                 void *stream) {
    if (!is_alive(handle)) return INVALID_VALUE;
    Run run;
    memset(static_cast<void *>(&run), 0, sizeof run);
    if (int status = gather(&run.problem, operation, a_layout, b_layout, c_layout, d_layout)) return status;
    bool is_double = run.problem.operation.scale == REAL_64F;
    auto scale = [=](const void *factor) { return is_double ? *(const double *)factor : *(const float *)factor; };
    if (alpha == nullptr || beta == nullptr || scale(alpha) != 1 || scale(beta) != 0)
        return refuse(NOT_SUPPORTED, "factors other than 1 and 0 are not provided");
    if (c != d) return refuse(NOT_SUPPORTED, "C elsewhere than D is not provided");
    if (algorithm == nullptr || algorithm->sign != SIGN)
        return refuse(INVALID_VALUE, "no algorithm: the heuristic is asked within the call");
    if (algorithm->problem != number_of(run.problem)) return refuse(NOT_SUPPORTED, "an algorithm of another problem");
    if (workspace_bytes < algorithm->workspace) return refuse(INVALID_VALUE, "less to work in than the algorithm asks for");
    run.a = reinterpret_cast<uint64_t>(a);
    run.b = reinterpret_cast<uint64_t>(b);
    run.d = reinterpret_cast<uint64_t>(d);
    run.workspace = reinterpret_cast<uint64_t>(workspace);
    run.workspace_bytes = workspace_bytes;
    const uint32_t *promised = algorithm->alignments;
    if (!is_aligned(run.a, promised[0]) || !is_aligned(run.b, promised[1]) || !is_aligned(run.d, promised[2]) ||
        !is_aligned(run.d, promised[3]))
        return refuse(INVALID_VALUE, "a matrix that is not aligned as was promised");
    if (!is_aligned(run.workspace, MEMORY_ALIGNMENT)) return refuse(INVALID_VALUE, "what is worked in is not aligned");
    if (check_places(run) != 0) return INVALID_VALUE;
    return choral_stand_in_enqueue(stream, work, &run, sizeof run) == 0 ? SUCCESS : EXECUTION_FAILED;
}

}  // namespace cublaslt
