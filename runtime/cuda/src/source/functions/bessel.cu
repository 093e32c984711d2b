// Modified Bessel functions.

namespace special {

// 2 e^-x I1(x) / x by the power series.
template <typename N>
static __device__ N i1e_near(double x) {
    const N half = N(0.5 * x);
    const N square = half * half;
    N term = N(1.0), sum = N(1.0);
    double count = 0.0;
    while (value(term) > value(sum) * Digits<N>::epsilon()) {
        count += 1.0;
        term = term * square / N(count * (count + 1.0));
        sum = sum + term;
    }
    return sum * exponential(N(-x));
}

// e^-x I1(x) of a large number by the asymptotic series.
template <typename N>
static __device__ N i1e_far(double x) {
    N term = N(1.0), sum = N(1.0);
    double odd = 1.0;
    const double least = __longlong_as_double(0x3cb0000000000000ll /* 2^-52 */) * __longlong_as_double(0x3f50624dd2f1a9fcll /* 1e-3 */);
    while (fabs(value(term)) > least) {
        const double count = 0.5 * (odd + 1.0);
        term = term * N((odd * odd - 4.0) / (8.0 * count)) / N(x);
        sum = sum + term;
        odd += 2.0;
    }
    return sum / (root(Digits<N>::pi() + Digits<N>::pi()) * root(N(x)));
}

template <typename N>
static __device__ double bessel_i1e(double x) {
    const double size = fabs(x);
    if (size != size) {
        return x;
    }
    if (size == infinity()) {
        return copysign(0.0, x);
    }
    if (size < 30.0) {
        return x * (0.5 * value(i1e_near<N>(size)));
    }
    return copysign(value(i1e_far<N>(size)), x);
}

static __device__ float bessel_i1e_f32(float x) { return (float)bessel_i1e<double>((double)x); }
static __device__ double bessel_i1e_f64(double x) { return bessel_i1e<Double>(x); }

} // namespace special
