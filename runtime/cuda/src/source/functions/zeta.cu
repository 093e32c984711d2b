// The Hurwitz zeta function, and the derivatives of digamma, which it gives.

namespace special {

// factor e^exponent, which may be too large or too small for its arithmetic.
template <typename N>
struct Scaled {
    N factor, exponent;
};

template <typename N>
static __device__ double value(Scaled<N> of) {
    const double size = value(of.factor);
    if (size == 0.0) {
        return 0.0;
    }
    const N factor = size < 0.0 ? -of.factor : of.factor;
    return copysign(value(exponential(logarithm(factor) + of.exponent)), size);
}

// From here on, the formula of Euler and Maclaurin holds to the last digit.
static __device__ __forceinline__ double far_of_zeta(double s) { return 20.0 + 1.25 * s; }

// The formula's terms besides the integral.
template <typename N>
static __device__ N corrections(N s, N at) {
    N sum = N(0.5), rising = N(0.5) * s / at;
    for (int index = 0; index < 17; index++) {
        sum = sum + rising * N(bernoulli[index][0]) / N(bernoulli[index][1]);
        const double k = 2.0 * (double)index + 2.0;
        const N next = (s + N(k - 1.0)) / at * ((s + N(k)) / at);
        rising = rising * next / N((k + 1.0) * (k + 2.0));
    }
    return sum;
}

// q^s zeta(s, q) for s > 1 and q > 0: terms one by one, then the formula for the rest.
template <typename N>
static __device__ N terms(double s, N q) {
    const N one = N(1.0), wide = N(s);
    if (value(q) > __longlong_as_double(0x3f847ae147ae147bll /* 0.01 */) / Digits<N>::epsilon()) {
        return one / (one - exponential(-wide / q));
    }
    N at = q, term = one, sum = N(0.0);
    while (value(at) < far_of_zeta(s)) {
        sum = sum + term;
        if (value(term) < value(sum) * Digits<N>::epsilon() / 16.0) {
            return sum;
        }
        at = at + one;
        term = exponential(wide * logarithm(q / at));
    }
    return sum + term * (at / (wide - one) + corrections(wide, at));
}

// zeta(s, q) for s > 1 and q > 0.
template <typename N>
static __device__ Scaled<N> positive(double s, double q) {
    const N wide = N(s), at = N(q);
    const N less = wide - N(1.0);
    if (q < far_of_zeta(s)) {
        return Scaled<N>{terms(s, at), -wide * logarithm(at)};
    }
    return Scaled<N>{N(1.0) / less + corrections(wide, at) / at, -less * logarithm(at)};
}

// Terms from another place on, next to those from the nearest one on.
template <typename N>
static __device__ N beside(double s, N near, N other) {
    return exponential(N(s) * logarithm(near / other)) * terms(s, other);
}

// The same for q < 0 and an integer s: two sums that begin near 0, and one of what lies below q.
template <typename N>
static __device__ Scaled<N> negative(double s, bool is_odd, double q) {
    const double rest = from_integer(q);
    const N one = N(1.0), near = N(fabs(rest));
    const N other = beside(s, near, one - near);
    const N both = terms(s, near) + (is_odd ? -other : other);
    const N below = beside(s, near, one - N(q));
    const N factor = (is_odd && rest < 0.0 ? -both : both) - (is_odd ? -below : below);
    return Scaled<N>{factor, -N(s) * logarithm(near)};
}

// zeta(s, q) for s > 1, both finite, q no pole.
template <typename N>
static __device__ Scaled<N> zeta_in_parts(double s, bool is_odd, double q) {
    return q < 0.0 ? negative<N>(s, is_odd, q) : positive<N>(s, q);
}

// Powers of this order are 0, 1 or infinite already.
static __device__ __forceinline__ double highest_order() { return __longlong_as_double(0x7e37e43c8800759cll /* 1e300 */); }

template <typename N>
static __device__ double zeta(double s, double q) {
    if (s != s || q != q || s < 1.0) {
        return not_a_number();
    }
    if (s == 1.0) {
        return infinity();
    }
    if (q <= 0.0) {
        if (q == floor(q)) {
            return fmod(s, 2.0) == 0.0 ? infinity() : not_a_number();
        }
        if (s != floor(s) || s == infinity()) {
            return not_a_number();
        }
    }
    if (s == infinity()) {
        return q < 1.0 ? infinity() : q == 1.0 ? 1.0 : 0.0;
    }
    if (fabs(q) == infinity()) {
        return 0.0;
    }
    const double order = s < highest_order() ? s : highest_order();
    return value(zeta_in_parts<N>(order, fmod(s, 2.0) != 0.0, q));
}

// log(gamma(s)) where the sum with other is about the logarithm of a float; else a number that takes it far beyond.
static __device__ Double log_gamma(double s, Double other) {
    const Double wide = Double(s);
    const Double about = wide * (logarithm(wide) - Double(1.0));
    return fabs(value(about + other)) < 2000.0 ? lgamma_positive<Double>(s) : about;
}

static __device__ double polygamma_f64(double order, double x) {
    if (order == 0.0) {
        return digamma<Double>(x);
    }
    const bool is_order = order > 0.0 && order == floor(order) && order < infinity();
    if (!is_order || x != x) {
        return not_a_number();
    }
    const bool is_odd = fmod(order, 2.0) != 0.0;
    if (x <= 0.0 && x == floor(x)) {
        return is_odd ? infinity() : not_a_number();
    }
    if (x == infinity()) {
        return is_odd ? 0.0 : -0.0;
    }
    const double s = order + 1.0 < highest_order() ? order + 1.0 : highest_order();
    const Scaled<Double> zeta = zeta_in_parts<Double>(s, !is_odd, x);
    const Double exponent = zeta.exponent + log_gamma(s, zeta.exponent);
    return value(Scaled<Double>{Double(is_odd ? 1.0 : -1.0) * zeta.factor, exponent});
}

static __device__ float polygamma_f32(float order, float x) { return (float)polygamma_f64((double)order, (double)x); }
static __device__ float zeta_f32(float s, float q) { return (float)zeta<double>((double)s, (double)q); }
static __device__ double zeta_f64(double s, double q) { return zeta<Double>(s, q); }

} // namespace special
