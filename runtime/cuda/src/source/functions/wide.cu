// Arithmetic with digits to spare: what special functions are written in. A function in float is computed in double, one in
// double in Double, by the same formula.

namespace special {

// The sum of two numbers that do not overlap.
struct Double {
    double high, low;
    __device__ __forceinline__ Double() : high(0.0), low(0.0) {}
    __device__ __forceinline__ explicit Double(double high) : high(high), low(0.0) {}
    __device__ __forceinline__ Double(double high, double low) : high(high), low(low) {}
};

// high + low as one number, high being the greater.
static __device__ __forceinline__ Double joined(double high, double low) {
    const double sum = high + low;
    return Double(sum, low - (sum - high));
}

// x + y, exactly.
static __device__ __forceinline__ Double exact_sum(double x, double y) {
    const double sum = x + y;
    const double part = sum - x;
    return Double(sum, (x - (sum - part)) + (y - part));
}

static __device__ __forceinline__ Double operator-(Double x) { return Double(-x.high, -x.low); }

static __device__ __forceinline__ Double operator+(Double x, Double y) {
    const Double high = exact_sum(x.high, y.high), low = exact_sum(x.low, y.low);
    const Double sum = joined(high.high, high.low + low.high);
    return joined(sum.high, sum.low + low.low);
}

static __device__ __forceinline__ Double operator-(Double x, Double y) { return x + -y; }

static __device__ __forceinline__ Double operator*(Double x, Double y) {
    const double high = x.high * y.high;
    const double error = fma(x.high, y.high, -high);
    return joined(high, error + (x.high * y.low + x.low * y.high));
}

static __device__ Double operator/(Double x, Double y) {
    const double first = x.high / y.high;
    const Double rest = x - y * Double(first);
    const double second = rest.high / y.high;
    const double third = (rest - y * Double(second)).high / y.high;
    return joined(first, second) + Double(third);
}

static __device__ __forceinline__ double infinity() { return __longlong_as_double(0x7ff0000000000000ll); }

static __device__ __forceinline__ double not_a_number() { return __longlong_as_double(0x7ff8000000000000ll); }

static __device__ __forceinline__ bool is_finite(double x) { return fabs(x) < infinity(); }

// The number times 2 to a power, which may leave the range of double.
static __device__ Double scaled(Double x, int power) {
    const int half = power / 2;
    const double first = real::power_of_two((double)half), second = real::power_of_two((double)(power - half));
    const double high = x.high * first * second;
    return Double(high, is_finite(high) ? x.low * first * second : 0.0);
}

// The natural logarithm of 2.
static __device__ __forceinline__ Double ln_2() {
    return Double(__longlong_as_double(0x3fe62e42fefa39efll), __longlong_as_double(0x3c7abc9e3b39803fll));
}

// The nearest double.
static __device__ __forceinline__ double value(double x) { return x; }
static __device__ __forceinline__ double value(Double x) { return x.high + x.low; }

static __device__ __forceinline__ double exponential(double x) { return exponential_f64(x); }
static __device__ __forceinline__ double logarithm(double x) { return log_f64(x); }
static __device__ __forceinline__ double root(double x) { return sqrt(x); }

// A power of 2, and a series on the rest over 512, which is squared as often as that takes.
static __device__ __noinline__ Double exponential(Double x) {
    if (fabs(x.high) > 800.0) {
        return Double(x.high > 0.0 ? infinity() : 0.0);
    }
    const double power = round(x.high / ln_2().high);
    const Double rest = scaled(x - ln_2() * Double(power), -9);
    const Double one = Double(1.0);
    Double series = one;
    for (int term = 9; term >= 2; term--) {
        series = one + series * rest / Double((double)term);
    }
    // Less 1, so that squaring keeps the small digits.
    Double less = rest * series;
    for (int squaring = 0; squaring < 9; squaring++) {
        less = less + less + less * less;
    }
    return scaled(one + less, (int)power);
}

// The power of 2 that a positive number is brought between the roots of 1/2 and of 2 by.
static __device__ __forceinline__ int exponent(double x) {
    const bool is_small = x < __longlong_as_double(0x0010000000000000ll);
    const double normal = is_small ? x * real::power_of_two(54.0) : x;
    return (int)real::exponent(normal) - (is_small ? 54 : 0);
}

// A step of Newton's method from the logarithm in double, of a number scaled to about 1.
static __device__ __noinline__ Double logarithm(Double x) {
    const int power = exponent(x.high);
    const Double near = scaled(x, -power);
    const Double start = Double(log_f64(near.high));
    const Double miss = near * exponential(-start) - Double(1.0);
    const Double step = miss - miss * miss / Double(2.0);
    return ln_2() * Double((double)power) + (start + step);
}

static __device__ Double root(Double x) {
    if (x.high == 0.0) {
        return x;
    }
    const Double near = Double(sqrt(x.high));
    return near + (x - near * near) / (near + near);
}

// What a formula asks of its arithmetic.
template <typename N>
struct Digits;

template <>
struct Digits<double> {
    // What is lost next to 1.
    static __device__ __forceinline__ double epsilon() { return __longlong_as_double(0x3ca0000000000000ll /* 2^-53 */); }
    // How near to a zero two terms of a series give all digits.
    static __device__ __forceinline__ double beside() { return __longlong_as_double(0x3eff75104d551d69ll /* 3e-5 */); }
    static __device__ __forceinline__ double pi() { return __longlong_as_double(0x400921fb54442d18ll); }
};

template <>
struct Digits<Double> {
    static __device__ __forceinline__ double epsilon() { return __longlong_as_double(0x3959f623d5a8a733ll /* 2e-32 */); }
    static __device__ __forceinline__ double beside() { return __longlong_as_double(0x3e112e0be826d695ll /* 1e-9 */); }
    static __device__ __forceinline__ Double pi() {
        return Double(__longlong_as_double(0x400921fb54442d18ll), __longlong_as_double(0x3ca1a62633145c07ll));
    }
};

} // namespace special
