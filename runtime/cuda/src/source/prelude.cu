// Numbers and the team, which every program begins with. Nothing is included: the compiler may have no headers.

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

// 16-bit floats are their bits in memory, and `float` in registers.

static __device__ __forceinline__ float of_bf16(u16 half) {
    return __uint_as_float((u32)half << 16);
}

// To the nearest, halves to even; NaN stays one.
static __device__ __forceinline__ u16 to_bf16(float x) {
    const u32 bits = __float_as_uint(x);
    const u32 rounded = bits + (0x7fffu + (bits >> 16 & 1u));
    return (u16)((x != x ? bits | 0x400000u : rounded) >> 16);
}

static __device__ __forceinline__ float of_f16(u16 half) {
    const u32 sign = ((u32)half & 0x8000u) << 16, rest = (u32)half & 0x7fffu;
    // Exponent and mantissa moved up are the value times 2 to the -112; a product by a power of two is exact.
    const float finite = __uint_as_float(rest << 13) * __uint_as_float((127u + 112u) << 23);
    const u32 size = rest >= 0x7c00u ? 0x7f800000u | rest << 13 : __float_as_uint(finite);
    return __uint_as_float(size | sign);
}

static __device__ __forceinline__ u16 to_f16(float x) {
    const u32 bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
    // Normal results: round in the bits, and take the bias off.
    const u32 normal = (size + (0xfffu + (size >> 13 & 1u)) - (112u << 23)) >> 13;
    // Subnormal ones: an addition of 1/2 leaves whole steps of 2 to the -24 in the low bits.
    const u32 steps = __float_as_uint(__uint_as_float(size) + 0.5f) - __float_as_uint(0.5f);
    const u32 finite = size < 113u << 23 ? steps : normal;
    const u32 capped = finite > 0x7c00u ? 0x7c00u : finite;
    return (u16)((size > 0x7f800000u ? 0x7e00u | (size >> 13 & 0x3ffu) : capped) | sign);
}

// The greater of two floats: NaN if either is, and +0 above -0.
static __device__ __forceinline__ float upper(float x, float y) {
    const u32 one = __float_as_uint(x > y ? x : y), two = __float_as_uint(y > x ? y : x);
    return __uint_as_float((one & two) | (x != x || y != y ? 0xffffffffu : 0u));
}

static __device__ __forceinline__ double upper(double x, double y) {
    const u64 one = __double_as_longlong(x > y ? x : y), two = __double_as_longlong(y > x ? y : x);
    return __longlong_as_double((i64)((one & two) | (x != x || y != y ? ~0ull : 0ull)));
}

static __device__ __forceinline__ float lower(float x, float y) {
    const u32 one = __float_as_uint(x < y ? x : y), two = __float_as_uint(y < x ? y : x);
    return __uint_as_float(one | two | (x != x || y != y ? 0xffffffffu : 0u));
}

static __device__ __forceinline__ double lower(double x, double y) {
    const u64 one = __double_as_longlong(x < y ? x : y), two = __double_as_longlong(y < x ? y : x);
    return __longlong_as_double((i64)(one | two | (x != x || y != y ? ~0ull : 0ull)));
}

// The integer whose order is the total order of floats.
static __device__ __forceinline__ i32 order_key(float x) {
    const i32 bits = (i32)__float_as_uint(x);
    return bits ^ (i32)((u32)(bits >> 31) >> 1);
}

static __device__ __forceinline__ i64 order_key(double x) {
    const i64 bits = __double_as_longlong(x);
    return bits ^ (i64)((u64)(bits >> 63) >> 1);
}

// The natural order, in which every NaN is greater than all numbers and equal to every other.
template <class Float> static __device__ __forceinline__ bool less_with_nan(Float x, Float y) {
    return x == x && (y != y || x < y);
}

// Truncated and saturated; NaN becomes 0.
template <class Integer, class Float> static __device__ __forceinline__ Integer saturated(Float x) {
    const bool has_sign = (Integer)-1 < (Integer)0;
    const int bits = 8 * (int)sizeof(Integer) - (has_sign ? 1 : 0);
    const Integer most = (Integer)((((u64)1 << (bits - 1)) - 1) * 2 + 1);
    const Integer least = has_sign ? (Integer)(-(i64)most - 1) : (Integer)0;
    const Float end = (Float)((u64)1 << (bits - 1)) * (Float)2;
    if (x != x) return (Integer)0;
    if (x >= end) return most;
    if (has_sign ? x <= -end : x <= (Float)0) return least;
    return (Integer)x;
}

// Of two neighbours the one with an odd last bit.
static __device__ __forceinline__ float float_to_odd(double x) {
    const float nearest = (float)x;
    const double missing = fabs(x) - fabs((double)nearest);
    const u32 bits = __float_as_uint(nearest);
    if (bits & 1u) return nearest;
    return __uint_as_float(missing > 0.0 ? bits + 1u : missing < 0.0 ? bits - 1u : bits);
}

static __device__ __forceinline__ double size_to_odd(u64 size) {
    const double near = (double)size;
    const bool is_beyond = near >= 18446744073709551616.0;
    const u64 back = is_beyond ? ~0ull : (u64)near;
    const bool is_above = is_beyond || back > size;
    const u64 bits = (u64)__double_as_longlong(near) - (is_above ? 1 : 0);
    return __longlong_as_double((i64)(is_above || back < size ? bits | 1ull : bits));
}

static __device__ __forceinline__ double whole_to_odd(i64 x) {
    const double size = size_to_odd(x < 0 ? (u64)0 - (u64)x : (u64)x);
    return x < 0 ? -size : size;
}

// Fewer bits of exponent and mantissa: too large becomes infinite, and what would be subnormal becomes zero.
static __device__ __forceinline__ double reduced_precision(u32 exponent, u32 mantissa, double x) {
    const u64 bits = (u64)__double_as_longlong(x), sign = bits & 1ull << 63;
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        // Without a mantissa there is no NaN.
        return x != x && mantissa == 0 ? __longlong_as_double(0x7ff0000000000000ll) : x;
    }
    const u32 dropped = mantissa < 52 ? 52 - mantissa : 0;
    const u64 half = (1ull << dropped) >> 1, odd = bits >> dropped & 1;
    const u64 up = dropped == 0 ? 0 : half - 1 + odd;
    const u64 nearest = (bits + up) >> dropped << dropped;
    const i64 bias = (1ll << ((exponent < 11 ? exponent : 11) - 1)) - 1;
    const i64 size = (i64)(nearest >> 52 & 0x7ff) - 1023;
    const u64 result = size > bias ? sign | 0x7ff0000000000000ull : size < 1 - bias ? sign : nearest;
    return __longlong_as_double((i64)result);
}

// Integers. By 0: all bits set, and the dividend; the least one by -1 wraps.
template <class T> static __device__ __forceinline__ T quotient(T x, T y) {
    if (y == 0) return (T)~(T)0;
    if ((T)-1 < (T)0 && y == (T)-1) return (T)((u64)0 - (u64)(i64)x);
    return (T)(x / y);
}

template <class T> static __device__ __forceinline__ T rest(T x, T y) {
    if (y == 0) return x;
    if ((T)-1 < (T)0 && y == (T)-1) return (T)0;
    return (T)(x % y);
}

static __device__ __forceinline__ i8 high_half(i8 x, i8 y) { return (i8)((i32)x * y >> 8); }
static __device__ __forceinline__ u8 high_half(u8 x, u8 y) { return (u8)((u32)x * y >> 8); }
static __device__ __forceinline__ i16 high_half(i16 x, i16 y) { return (i16)((i32)x * y >> 16); }
static __device__ __forceinline__ u16 high_half(u16 x, u16 y) { return (u16)((u32)x * y >> 16); }
static __device__ __forceinline__ i32 high_half(i32 x, i32 y) { return (i32)((i64)x * y >> 32); }
static __device__ __forceinline__ u32 high_half(u32 x, u32 y) { return (u32)((u64)x * y >> 32); }
static __device__ __forceinline__ i64 high_half(i64 x, i64 y) { return __mul64hi(x, y); }
static __device__ __forceinline__ u64 high_half(u64 x, u64 y) { return __umul64hi(x, y); }

// Wrapping; a negative exponent gives 1 / the power, truncated.
template <class T, class Bits> static __device__ __forceinline__ T integer_power(T base, T exponent) {
    const bool has_sign = (T)-1 < (T)0;
    if (base == 1) return (T)1;
    if (has_sign && base == (T)-1) return exponent % 2 == 0 ? (T)1 : (T)-1;
    if (has_sign && exponent < 0) return base == 0 ? (T)-1 : (T)0;
    u64 result = 1, square = (u64)base;
    for (Bits left = (Bits)exponent; left > 0; left >>= 1) {
        if (left & 1) result *= square;
        square *= square;
    }
    return (T)result;
}

// A distance at or above the width shifts everything out.
template <class Bits> static __device__ __forceinline__ Bits shifted_left(Bits x, Bits distance) {
    return distance < 8 * sizeof(Bits) ? (Bits)(x << distance) : (Bits)0;
}

template <class Bits> static __device__ __forceinline__ Bits shifted_right(Bits x, Bits distance) {
    return distance < 8 * sizeof(Bits) ? (Bits)(x >> distance) : (Bits)0;
}

template <class Signed, class Bits>
static __device__ __forceinline__ Signed shifted_with_sign(Signed x, Bits distance) {
    return distance < 8 * sizeof(Bits) ? (Signed)(x >> distance) : x < 0 ? (Signed)-1 : (Signed)0;
}

// Where a window begins that is moved to lie within.
static __device__ __forceinline__ i64 clamped(u64 start, u64 last) { return (i64)(start > last ? last : start); }
static __device__ __forceinline__ i64 clamped(i64 start, u64 last) {
    return start < 0 ? 0 : clamped((u64)start, last);
}
static __device__ __forceinline__ i64 clamped(u32 start, u64 last) { return clamped((u64)start, last); }
static __device__ __forceinline__ i64 clamped(i32 start, u64 last) { return clamped((i64)start, last); }
static __device__ __forceinline__ i64 clamped(u16 start, u64 last) { return clamped((u64)start, last); }
static __device__ __forceinline__ i64 clamped(i16 start, u64 last) { return clamped((i64)start, last); }
static __device__ __forceinline__ i64 clamped(u8 start, u64 last) { return clamped((u64)start, last); }
static __device__ __forceinline__ i64 clamped(i8 start, u64 last) { return clamped((i64)start, last); }
