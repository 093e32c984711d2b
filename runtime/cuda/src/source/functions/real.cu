// What takes the bits of floats apart, for the functions of floats.

namespace real {

static __device__ __forceinline__ bool has_sign(float x) { return (__float_as_uint(x) >> 31) != 0; }

static __device__ __forceinline__ bool has_sign(double x) { return __double_as_longlong(x) < 0; }

// With its sign flipped where another is negative.
static __device__ __forceinline__ float flipped(float x, float by) {
    return __uint_as_float(__float_as_uint(x) ^ (__float_as_uint(by) & 0x80000000u));
}

static __device__ __forceinline__ double flipped(double x, double by) {
    const long long sign = __double_as_longlong(by) & (long long)0x8000000000000000ull;
    return __longlong_as_double(__double_as_longlong(x) ^ sign);
}

// 2^x of an integer between the exponents of normal numbers: the sum holds it, and the bias, in its last bits.
static __device__ __forceinline__ float power_of_two(float x) {
    return __uint_as_float(__float_as_uint(x + 12583039.0f) << 23);
}

static __device__ __forceinline__ double power_of_two(double x) {
    return __longlong_as_double((long long)((unsigned long long)__double_as_longlong(x + 6755399441056767.0) << 52));
}

// A positive normal number is 2^exponent fraction, and the fraction between the roots of 1/2 and of 2.
static __device__ __forceinline__ unsigned int beyond_root(float x) {
    return __float_as_uint(x) + (0x3f800000u - 0x3f3504f3u);
}

static __device__ __forceinline__ unsigned long long beyond_root(double x) {
    return (unsigned long long)__double_as_longlong(x) + (0x3ff0000000000000ull - 0x3fe6a09e667f3bcdull);
}

static __device__ __forceinline__ float fraction(float x) {
    return __uint_as_float((beyond_root(x) & 0x007fffffu) + 0x3f3504f3u);
}

static __device__ __forceinline__ double fraction(double x) {
    return __longlong_as_double((long long)((beyond_root(x) & 0x000fffffffffffffull) + 0x3fe6a09e667f3bcdull));
}

static __device__ __forceinline__ float exponent(float x) {
    return __uint_as_float((beyond_root(x) >> 23) | 0x4b000000u) - 8388735.0f;
}

static __device__ __forceinline__ double exponent(double x) {
    return __longlong_as_double((long long)((beyond_root(x) >> 52) | 0x4330000000000000ull)) - 4503599627371519.0;
}

// Of a sum that holds an integer in its last bits.
static __device__ __forceinline__ bool is_odd(float x) { return (__float_as_uint(x) & 1u) != 0; }

static __device__ __forceinline__ bool is_odd(double x) { return (__double_as_longlong(x) & 1) != 0; }

static __device__ __forceinline__ float sign_of_half_turns(float x) {
    return __uint_as_float((__float_as_uint(x) & 2u) << 30);
}

static __device__ __forceinline__ double sign_of_half_turns(double x) {
    return __longlong_as_double((long long)(((unsigned long long)__double_as_longlong(x) & 2ull) << 62));
}

// A huge angle less quarter turns, whose number is in the last bits of a sum.
template <typename T>
struct Turned {
    T turns, high, low;
};

// 128 bits.
struct Long {
    unsigned long long high, low;
};

static __device__ __forceinline__ Long product(unsigned long long a, unsigned long long b) {
    return Long{__umul64hi(a, b), a * b};
}

static __device__ __forceinline__ Long difference(Long a, Long b) {
    return Long{a.high - b.high - (a.low < b.low ? 1ull : 0ull), a.low - b.low};
}

// The nearest double, halves to the even one.
static __device__ __forceinline__ double nearest(Long x) {
    if (x.high == 0) {
        return (double)x.low;
    }
    const int zeros = __clzll((long long)x.high);
    const unsigned long long top = zeros == 0 ? x.high : (x.high << zeros) | (x.low >> (64 - zeros));
    // What is cut off lies below the digit that rounding looks at.
    const unsigned long long rest = (x.low << zeros) != 0 ? 1ull : 0ull;
    return (double)(top | rest) * power_of_two((double)(64 - zeros));
}

// An integer up to 2^127, exactly.
static __device__ __forceinline__ Long integer(double x) {
    const unsigned long long high = (unsigned long long)(x * power_of_two(-64.0));
    return Long{high, (unsigned long long)(x - (double)high * power_of_two(64.0))};
}

// The bits of 2 / pi, from that of 1/2 on.
static __device__ const unsigned long long two_over_pi[20] = {
    0xa2f9836e4e441529ull, 0xfc2757d1f534ddc0ull, 0xdb6295993c439041ull, 0xfe5163abdebbc561ull,
    0xb7246e3a424dd2e0ull, 0x06492eea09d1921cull, 0xfe1deb1cb129a73eull, 0xe88235f52ebb4484ull,
    0xe99c7026b45f7e41ull, 0x3991d639835339f4ull, 0x9c845f8bbdf9283bull, 0x1ff897ffde05980full,
    0xef2f118b5a0a6d1full, 0x6d367ecf27cb09b7ull, 0x4f463f669e5fea2dull, 0x7527bac7ebe5f17bull,
    0x3d0739f78a5292eaull, 0x6bfb5fb11f8d5d08ull, 0x56033046fc7b6babull, 0xf0cfbc209af4361dull,
};

// Sixty-four bits of 2 / pi from one on.
static __device__ __forceinline__ unsigned long long bits_of_two_over_pi(int first) {
    const int word = first / 64, shift = first % 64;
    const unsigned long long rest = shift == 0 ? 0ull : two_over_pi[word + 1] >> (64 - shift);
    return (two_over_pi[word] << shift) | rest;
}

// A number from 1 on over a quarter turn, in 2^-126 and modulo 4.
static __device__ __forceinline__ Long quarters(double x) {
    const unsigned long long bits = (unsigned long long)__double_as_longlong(x);
    const unsigned long long significand = (bits & 0x000fffffffffffffull) | 0x0010000000000000ull;
    const int exponent = (int)(bits >> 52) - 1075;
    // Earlier bits add multiples of 4.
    const int first = exponent > 2 ? exponent - 2 : 0;
    const Long a = product(significand, bits_of_two_over_pi(first));
    const Long b = product(significand, bits_of_two_over_pi(first + 64));
    const Long c = product(significand, bits_of_two_over_pi(first + 128));
    // The bits of the product but the last 64, with what each word carries to the next.
    const unsigned long long low = b.low + c.high;
    const unsigned long long carried = low < b.low ? 1ull : 0ull;
    const unsigned long long half = a.low + b.high;
    const unsigned long long middle = half + carried;
    const unsigned long long top =
        a.high + (half < a.low ? 1ull : 0ull) + (middle < half ? 1ull : 0ull);
    const int shift = 62 - (first - exponent);
    if (shift == 64) {
        return Long{middle, low};
    }
    return Long{(top << shift) | (middle >> (64 - shift)), (middle << shift) | (low >> (64 - shift))};
}

template <typename T>
static __device__ Turned<T> turned_to(double x, T shifter) {
    if (!(fabs(x) < __longlong_as_double(0x7ff0000000000000ll /* infinity */))) {
        const T nan = (T)__longlong_as_double(0x7ff8000000000000ll);
        return Turned<T>{shifter, nan, nan};
    }
    const Long turns = quarters(x);
    // Rounded to the nearest, since the fraction has a sign.
    const Long shifted = Long{(turns.high << 2) | (turns.low >> 62), turns.low << 2};
    const bool is_negative = (shifted.high >> 63) != 0;
    const int whole = (int)(turns.high >> 62) + (is_negative ? 1 : 0);
    const Long size = is_negative ? difference(Long{0ull, 0ull}, shifted) : shifted;
    const double high_size = nearest(size);
    Long subtracted = integer(high_size);
    if (!is_negative && subtracted.high == 0x8000000000000000ull) {
        // Beyond the greatest integer with a sign.
        subtracted = Long{0x7fffffffffffffffull, 0xffffffffffffffffull};
    }
    const Long left = difference(size, subtracted);
    const bool is_above = (left.high >> 63) != 0;
    const double left_size = nearest(is_above ? difference(Long{0ull, 0ull}, left) : left);
    const double scale = power_of_two(-128.0);
    const double high = (is_negative ? -high_size : high_size) * scale;
    const double low = (is_negative != is_above ? -left_size : left_size) * scale;
    // Half of pi, and what is beyond its digits.
    const double half_pi = __longlong_as_double(0x3ff921fb54442d18ll);
    const double half_pi_rest = __longlong_as_double(0x3c91a62633145c07ll);
    const double product = high * half_pi;
    const double rest = fma(high, half_pi, -product) + (high * half_pi_rest + low * half_pi);
    const T result = (T)(product + rest);
    const T beyond = (T)((product - (double)result) + rest);
    return Turned<T>{shifter + (T)whole, result, beyond};
}

static __device__ __noinline__ Turned<float> turned(float x) { return turned_to((double)x, 12582912.0f); }

static __device__ __noinline__ Turned<double> turned(double x) { return turned_to(x, 6755399441055744.0); }

} // namespace real
