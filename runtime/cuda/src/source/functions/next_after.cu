// The neighbour of a float in the direction of another, in the type that it has in memory.

namespace special {

// The bits of it, for floats that are not equal.
template <typename Bits>
static __device__ Bits neighbour(Bits x, Bits y, bool is_below, Bits sign) {
    if ((x & ~sign) == 0) {
        // The smallest subnormal on the other's side.
        return (y & sign) | 1u;
    }
    return is_below == ((x & sign) == 0) ? x + 1u : x - 1u;
}

static __device__ float next_after_f32(float x, float y) {
    if (x != x || y != y) {
        return __uint_as_float(0x7fc00000u);
    }
    if (x == y) {
        return y;
    }
    return __uint_as_float(neighbour(__float_as_uint(x), __float_as_uint(y), x < y, 0x80000000u));
}

static __device__ double next_after_f64(double x, double y) {
    if (x != x || y != y) {
        return __longlong_as_double(0x7ff8000000000000ll);
    }
    if (x == y) {
        return y;
    }
    const unsigned long long from = (unsigned long long)__double_as_longlong(x);
    const unsigned long long to = (unsigned long long)__double_as_longlong(y);
    return __longlong_as_double((long long)neighbour(from, to, x < y, 0x8000000000000000ull));
}

// A float that is one of bf16: its upper half.
static __device__ float next_after_bf16(float x, float y) {
    if (x != x || y != y) {
        return __uint_as_float(0x7fc00000u);
    }
    if (x == y) {
        return y;
    }
    return __uint_as_float(neighbour(__float_as_uint(x) >> 16, __float_as_uint(y) >> 16, x < y, 0x8000u) << 16);
}

// The bits of a float that is one of f16.
static __device__ unsigned int bits_of_half(float x) {
    const unsigned int bits = __float_as_uint(x), sign = (bits >> 16) & 0x8000u, size = bits & 0x7fffffffu;
    if (size >= 0x7f800000u) {
        return sign | 0x7c00u;
    }
    if (size >= 0x38800000u) {
        return sign | ((size - 0x38000000u) >> 13);
    }
    return sign | (unsigned int)(fabsf(x) * 16777216.0f);
}

static __device__ float of_half_bits(unsigned int half) {
    const unsigned int sign = (half & 0x8000u) << 16, size = half & 0x7fffu;
    if (size >= 0x7c00u) {
        return __uint_as_float(sign | 0x7f800000u);
    }
    if (size >= 0x0400u) {
        return __uint_as_float(sign | ((size << 13) + 0x38000000u));
    }
    // Of a unit of 2^-24.
    return __uint_as_float(sign | __float_as_uint((float)size * __uint_as_float(0x33800000u)));
}

static __device__ float next_after_f16(float x, float y) {
    if (x != x || y != y) {
        return __uint_as_float(0x7fc00000u);
    }
    if (x == y) {
        return y;
    }
    return of_half_bits(neighbour(bits_of_half(x), bits_of_half(y), x < y, 0x8000u));
}

} // namespace special
