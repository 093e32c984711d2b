// The inverse of the error function.

namespace special {

static __device__ __forceinline__ double two_over_root_pi() { return __longlong_as_double(0x3ff20dd750429b6dll); }

// Below this, the first term of the series is all that counts.
static __device__ __forceinline__ double tiny_of_erf_inv() { return __longlong_as_double(0x3e112e0be826d695ll /* 1e-9 */); }

// erf(x), by a series whose terms all have one sign.
static __device__ Double erf_near(double x) {
    const Double square = Double(x) * Double(x);
    Double term = Double(1.0), sum = Double(1.0);
    double odd = 1.0;
    while (value(term) > value(sum) * Digits<Double>::epsilon()) {
        odd += 2.0;
        term = term * (square + square) / Double(odd);
        sum = sum + term;
    }
    const Double scale = Double(2.0) * Double(x) / root(Digits<Double>::pi());
    return scale * sum * exponential(-square);
}

// erfc(x), by its continued fraction.
static __device__ Double erfc_far(double x) {
    const Double wide = Double(x);
    Double fraction = wide;
    for (int at = 60; at >= 1; at--) {
        fraction = wide + Double((double)at / 2.0) / fraction;
    }
    return exponential(-(wide * wide) - logarithm(fraction * root(Digits<Double>::pi())));
}

// A step of Halley's method to where erf is greater by miss.
static __device__ double nearer(double y, double miss) {
    const double newton = miss / (two_over_root_pi() * exponential(-y * y));
    return y - newton / (1.0 + y * newton);
}

// erf_inv(x) for x between 0 and 1, to nearly all digits of double.
static __device__ double erf_inv_about(double x) {
    if (x < tiny_of_erf_inv()) {
        return x / two_over_root_pi();
    }
    const double left = 1.0 - x;
    double y;
    if (left < __longlong_as_double(0x3e80000000000000ll /* 2^-23 */)) {
        const double square = -logarithm(left);
        y = sqrt(square - 0.5 * logarithm(__longlong_as_double(0x400921fb54442d18ll /* pi */) * square));
    } else {
        y = (double)erf_inv_of_draws_f32((float)x);
    }
    for (int step = 0; step < 3; step++) {
        y = nearer(y, x < 0.5 ? erf_f64(y) - x : left - erfc_f64(y));
    }
    return y;
}

// The last step with more digits.
static __device__ double erf_inv_sharp(double x) {
    const double y = erf_inv_about(x);
    if (x < tiny_of_erf_inv()) {
        return y;
    }
    const Double miss = y < 2.5 ? erf_near(y) - Double(x) : Double(1.0) - Double(x) - erfc_far(y);
    return nearer(y, value(miss));
}

// Where the result is finite and not 0, it is to be worked out.
static __device__ double erf_inv(double x, bool is_sharp) {
    const double size = fabs(x);
    if (size == 0.0) {
        return x;
    }
    if (size < 1.0) {
        return copysign(is_sharp ? erf_inv_sharp(size) : erf_inv_about(size), x);
    }
    return size == 1.0 ? copysign(infinity(), x) : not_a_number();
}

static __device__ float erf_inv_f32(float x) { return (float)erf_inv((double)x, false); }
static __device__ double erf_inv_f64(double x) { return erf_inv(x, true); }

} // namespace special
