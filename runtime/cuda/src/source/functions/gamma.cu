// The logarithm of the gamma function and its derivative.

namespace special {

// From here on, the asymptotic series hold to the last digit of Double.
static __device__ __forceinline__ double far_of_gamma() { return 24.0; }

// Below this, the pole at 0 is all that counts.
static __device__ __forceinline__ double tiny_of_gamma() { return __longlong_as_double(0x3c32725dd1d243acll /* 1e-18 */); }

// Numerators and denominators of the Bernoulli numbers of order 2, 4, ..
static __device__ const double bernoulli[17][2] = {
    {1.0, 6.0},
    {-1.0, 30.0},
    {1.0, 42.0},
    {-1.0, 30.0},
    {5.0, 66.0},
    {-691.0, 2730.0},
    {7.0, 6.0},
    {-3617.0, 510.0},
    {43867.0, 798.0},
    {-174611.0, 330.0},
    {854513.0, 138.0},
    {-236364091.0, 2730.0},
    {8553103.0, 6.0},
    {-23749461029.0, 870.0},
    {8615841276005.0, 14322.0},
    {-7709321041217.0, 510.0},
    {2577687858367.0, 6.0},
};

// What the Bernoulli numbers of a series are divided by.
struct OfGamma {
    static __device__ __forceinline__ double scale(double k) { return k * (k - 1.0); }
};

struct OfDigamma {
    static __device__ __forceinline__ double scale(double k) { return k; }
};

// sum(B_2k / scale(2k) y^k)
template <typename Scale, typename N>
static __device__ N bernoulli_series(N y) {
    N sum = N(0.0);
    for (int at = 16; at >= 0; at--) {
        const double below = bernoulli[at][1] * Scale::scale(2.0 * (double)at + 2.0);
        sum = (sum + N(bernoulli[at][0]) / N(below)) * y;
    }
    return sum;
}

// How far x lies from the nearest integer, exactly.
static __device__ __forceinline__ double from_integer(double x) { return x - rint(x); }

// |sin(pi x)| and |cos(pi x)|.
template <typename N>
static __device__ void sine_and_cosine(double x, N &sine, N &cosine) {
    const double rest = fabs(from_integer(x));
    const double near = rest <= 0.25 ? rest : 0.5 - rest;
    const N angle = N(near) * Digits<N>::pi();
    N term = N(1.0), even = N(0.0), odd = N(0.0);
    double count = 0.0;
    while (fabs(value(term)) > Digits<N>::epsilon() * near) {
        even = even + term;
        count += 1.0;
        term = term * angle / N(count);
        odd = odd + term;
        count += 1.0;
        term = -(term * angle / N(count));
    }
    sine = rest <= 0.25 ? odd : even;
    cosine = rest <= 0.25 ? even : odd;
}

// The logarithm of the gamma function of a positive number, by Stirling's series.
template <typename N>
static __device__ N lgamma_positive(double of) {
    N x = N(of), product = N(1.0);
    while (value(x) < far_of_gamma()) {
        product = product * x;
        x = x + N(1.0);
    }
    const N one = N(1.0), half = N(0.5);
    const N ln = logarithm(x);
    const N inverse = one / x;
    const N series = bernoulli_series<OfGamma>(inverse * inverse) * x;
    const N rest = half * logarithm(Digits<N>::pi() + Digits<N>::pi()) - half * ln + series - logarithm(product);
    return x * (ln - one) + rest;
}

// The same of large numbers, to the digits of double.
template <typename N>
static __device__ double lgamma_large(double x) {
    const N ln = logarithm(N(x));
    const double series = bernoulli_series<OfGamma>(1.0 / (x * x)) * x;
    const N large = N(x) * (ln - N(1.0)) - N(0.5) * ln;
    const double half_ln_tau = __longlong_as_double(0x3fed67f1c864beb5ll);
    const double result = value(large + N(half_ln_tau + series));
    return result != result ? infinity() : result;
}

// A zero of a function, its derivative there, both in two parts, and half its second derivative, by their bits.
static __device__ const long long zeros_of_lgamma[13][5] = {
    // 1.0
    {0x3ff0000000000000ll, 0ll,
     (long long)0xbfe2788cfc6fb619ull, 0x3c56cb90701fbfabll, 0x3fea51a6625307d3ll},
    // 2.0
    {0x4000000000000000ll, 0ll,
     0x3fdb0ee6072093cell, 0x3c56cb90701fbfabll, 0x3fd4a34cc4a60fa6ll},
    // -2.4570247382208006
    {(long long)0xc003a7fc9600f86cull, (long long)0xbc855f64f98af8d0ull,
     0x3ff83fe966af535fll, (long long)0xbc8775909a36a6a4ull, 0x40136eebb002f55dll},
    // -2.7476826467274127
    {(long long)0xc005fb410a1bd901ull, 0x3c9a19a96d2e6f85ll,
     (long long)0xbffea12da904b18cull, (long long)0xbc9220130f99b2cfull, 0x4023267f3c265a52ll},
    // -3.14358088834998
    {(long long)0xc009260dbc9e59afull, (long long)0xbcaf717cd335a7b3ull,
     0x401f20a65f2fac55ll, (long long)0xbca1d258e4b0be84ull, 0x4039d4d2977150efll},
    // -3.955294284858598
    {(long long)0xc00fa471547c2fe5ull, (long long)0xbc770d4561291237ull,
     (long long)0xc034b99d966c5647ull, 0x3cd9cba2450afff3ll, 0x406f76deae0436bell},
    // -4.039361839740537
    {(long long)0xc010284e78599581ull, 0x3cae78c1e9e43cfell,
     0x403aca5cf4921642ll, 0x3cca46a2e0d8fe10ll, 0x40744415cd813f8ell},
    // -4.991544640560048
    {(long long)0xc013f7577a6eeafdull, 0x3ca5de5eab7f12cfll,
     (long long)0xc05d224a3ef9e41full, (long long)0xbcf9be272a13babcull, 0x40bb533c678a3956ll},
    // -5.0082181683225935
    {(long long)0xc014086a57f0b6d9ull, (long long)0xbc895262b72ca9caull,
     0x405ed72e0829ae02ll, (long long)0xbcdfdc1859aea473ull, 0x40bcecc32ec22f9bll},
    // -5.998607480080875
    {(long long)0xc017fe92f591f40dull, (long long)0xbcb7dd4ed62cbd32ull,
     (long long)0xc08661f6a43a5e12ull, (long long)0xbd20c437b83bc0e6ull, 0x410f79dcb794f26fll},
    // -6.001385294453155
    {(long long)0xc018016b25897c8dull, 0x3c927e0f49a4ba72ll,
     0x40869de49e3af2aall, 0x3d0954b690943b33ll, 0x410fce23484cfd10ll},
    // -6.999801507890638
    {(long long)0xc01bffcbf76b86f0ull, 0x3c6853b29347b806ll,
     (long long)0xc0b3abf7a5cea91bull, (long long)0xbd58257b8abd0511ull, 0x4168349a2550422dll},
    // -7.000198333407325
    {(long long)0xc01c0033fdedfe1full, 0x3cb20bb7d2324678ll,
     0x40b3b407aa387bd1ll, 0x3d4da1e57343b1efll, 0x41683e85daafbad6ll},
};

static __device__ const long long zeros_of_digamma[13][5] = {
    // 1.4616321449683622
    {0x3ff762d86356be3fll, 0x3c9b86a722197829ll,
     0x3feef72bc8ee38acll, (long long)0xbc83879eb97bf58dull, (long long)0xbfdc563b54aa1a35ull},
    // -0.5040830082644554
    {(long long)0xbfe02172b05ee260ull, (long long)0xbc62cd704405bff6ull,
     0x4021e12d46d5ae28ll, 0x3cc0cbb010bd488all, (long long)0xbfe9e62874978640ull},
    // -1.5734984731623904
    {(long long)0xbff92d0cbc289d4aull, (long long)0xbc72262d144a30e4ull,
     0x4023e20e129a441ell, (long long)0xbcb944a31365ee6bull, (long long)0xc01f35db31e6a1d4ull},
    // -2.6107208684441447
    {(long long)0xc004e2c19f679e5aull, 0x3c9c7b999bd14f47ll,
     0x4025b2582701b783ll, (long long)0xbccec1f096d4fce9ull, (long long)0xc0298a9c8ee5f509ull},
    // -3.635293366436901
    {(long long)0xc00d1514b041b2a8ull, 0x3c8f71449c2a5446ll,
     0x40274d47ec7ac492ll, 0x3cb3f8f2b994019all, (long long)0xc030f036e4ba3313ull},
    // -4.653237761743142
    {(long long)0xc0129cea5c1ccbd0ull, (long long)0xbcb25e92119a56a9ull,
     0x4028bd4130f4ee75ll, 0x3c86694df3df9964ll, (long long)0xc034a31244049061ull},
    // -5.6671624415568855
    {(long long)0xc016ab2ca18e6ce3ull, (long long)0xbc4da7ecae62c5bdull,
     0x402a0af5c72c8e84ll, (long long)0xbcc9182932a0c240ull, (long long)0xc03802c5fd17ebafull},
    // -6.678418213073427
    {(long long)0xc01ab6b34398a4ffull, 0x3cb9027e5b26e237ll,
     0x402b3cda28232d1dll, (long long)0xbcc9b5988bba0e08ull, (long long)0xc03b23832f615893ull},
    // -7.687788325031626
    {(long long)0xc01ec04b952a5368ull, (long long)0xbca37a62af51caacull,
     0x402c57b9f5a07e4bll, (long long)0xbcc684294a03cb36ull, (long long)0xc03e11ef4f9ada39ull},
    // -8.695764163816401
    {(long long)0xc021643b3352a3f5ull, (long long)0xbcb7ad951453a497ull,
     0x402d5f3731fec637ll, (long long)0xbcc49ea89830fa15ull, (long long)0xc0406b5741bdf27eull},
    // -9.702672540001863
    {(long long)0xc02367c4b1f635e4ull, (long long)0xbcb776d89f6e1950ull,
     0x402e5621de9944cell, 0x3cc6faced7b18e08ll, (long long)0xc041bc02f3541771ull},
    // -10.708740838254144
    {(long long)0xc0256ae014434848ull, (long long)0xbcc6a6ede6ee3df8ull,
     0x402f3eb2c3f70b31ll, (long long)0xbcba74f4204a8a43ull, (long long)0xc042fd5af99223ebull},
    // -11.714133061228955
    {(long long)0xc0276da2d93df103ull, 0x3ccefa7c6ac12c96ll,
     0x40300d59a9be36bfll, (long long)0xbcb066f252eb0e30ull, (long long)0xc044313bb2ac17baull},
};

// A function near one of its zeros; false elsewhere.
template <typename N>
static __device__ bool beside_zero(double x, const long long (&zeros)[13][5], double &result) {
    for (int at = 0; at < 13; at++) {
        const double zero = __longlong_as_double(zeros[at][0]), slope = __longlong_as_double(zeros[at][2]);
        const double bend = __longlong_as_double(zeros[at][4]);
        if (fabs(x - zero) * (fabs(slope) + fabs(bend)) < Digits<N>::beside() * fabs(slope)) {
            const Double distance = Double(x) - Double(zero, __longlong_as_double(zeros[at][1]));
            result = value(distance * (Double(slope, __longlong_as_double(zeros[at][3])) + Double(bend) * distance));
            return true;
        }
    }
    return false;
}

template <typename N>
static __device__ double lgamma(double x) {
    const double size = fabs(x);
    if (size != size) {
        return x;
    }
    if (size == infinity() || (x <= 0.0 && x == floor(x))) {
        return infinity();
    }
    if (size < tiny_of_gamma()) {
        return -logarithm(size);
    }
    double result;
    if (beside_zero<N>(x, zeros_of_lgamma, result)) {
        return result;
    }
    if (x >= 8.0) {
        return lgamma_large<N>(x);
    }
    if (x > 0.0) {
        return value(lgamma_positive<N>(x));
    }
    N sine, cosine;
    sine_and_cosine(x, sine, cosine);
    return value(logarithm(Digits<N>::pi() / (N(size) * sine)) - lgamma_positive<N>(size));
}

// Carried to large numbers, and there the asymptotic series.
template <typename N>
static __device__ N digamma_positive(double of) {
    N x = N(of), sum = N(0.0);
    while (value(x) < far_of_gamma()) {
        sum = sum - N(1.0) / x;
        x = x + N(1.0);
    }
    const N inverse = N(1.0) / x;
    return sum + logarithm(x) - N(0.5) * inverse - bernoulli_series<OfDigamma>(inverse * inverse);
}

template <typename N>
static __device__ double digamma(double x) {
    if (x != x || x == infinity()) {
        return x;
    }
    if (x <= 0.0 && x == floor(x)) {
        return not_a_number();
    }
    if (fabs(x) < tiny_of_gamma()) {
        return -1.0 / x;
    }
    double result;
    if (beside_zero<N>(x, zeros_of_digamma, result)) {
        return result;
    }
    if (x > 0.0) {
        return value(digamma_positive<N>(x));
    }
    N sine, cosine;
    sine_and_cosine(x, sine, cosine);
    const N size = Digits<N>::pi() * cosine / sine;
    const N cotangent = from_integer(x) < 0.0 ? -size : size;
    return value(digamma_positive<N>(-x) - N(1.0) / N(x) - cotangent);
}

static __device__ float lgamma_f32(float x) { return (float)lgamma<double>((double)x); }
static __device__ double lgamma_f64(double x) { return lgamma<Double>(x); }
static __device__ float digamma_f32(float x) { return (float)digamma<double>((double)x); }
static __device__ double digamma_f64(double x) { return digamma<Double>(x); }

} // namespace special
