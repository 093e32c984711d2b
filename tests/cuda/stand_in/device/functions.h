// The functions of <cmath> that CUDA C++ knows without an include, from the machine's mathematical library.
// Their last bits are not those of a GPU.
#pragma once

extern "C" {

#define CHORAL_STAND_IN_ONE(NAME)   \
    double NAME(double) noexcept;   \
    float NAME##f(float) noexcept;
#define CHORAL_STAND_IN_TWO(NAME)           \
    double NAME(double, double) noexcept;   \
    float NAME##f(float, float) noexcept;

CHORAL_STAND_IN_ONE(acos)
CHORAL_STAND_IN_ONE(acosh)
CHORAL_STAND_IN_ONE(asin)
CHORAL_STAND_IN_ONE(asinh)
CHORAL_STAND_IN_ONE(atan)
CHORAL_STAND_IN_ONE(atanh)
CHORAL_STAND_IN_ONE(cbrt)
CHORAL_STAND_IN_ONE(ceil)
CHORAL_STAND_IN_ONE(cos)
CHORAL_STAND_IN_ONE(cosh)
CHORAL_STAND_IN_ONE(erf)
CHORAL_STAND_IN_ONE(erfc)
CHORAL_STAND_IN_ONE(exp)
CHORAL_STAND_IN_ONE(exp2)
CHORAL_STAND_IN_ONE(expm1)
CHORAL_STAND_IN_ONE(fabs)
CHORAL_STAND_IN_ONE(floor)
CHORAL_STAND_IN_ONE(lgamma)
CHORAL_STAND_IN_ONE(log)
CHORAL_STAND_IN_ONE(log10)
CHORAL_STAND_IN_ONE(log1p)
CHORAL_STAND_IN_ONE(log2)
CHORAL_STAND_IN_ONE(logb)
CHORAL_STAND_IN_ONE(nearbyint)
CHORAL_STAND_IN_ONE(rint)
CHORAL_STAND_IN_ONE(round)
CHORAL_STAND_IN_ONE(sin)
CHORAL_STAND_IN_ONE(sinh)
CHORAL_STAND_IN_ONE(sqrt)
CHORAL_STAND_IN_ONE(tan)
CHORAL_STAND_IN_ONE(tanh)
CHORAL_STAND_IN_ONE(tgamma)
CHORAL_STAND_IN_ONE(trunc)
CHORAL_STAND_IN_TWO(atan2)
CHORAL_STAND_IN_TWO(copysign)
CHORAL_STAND_IN_TWO(fdim)
CHORAL_STAND_IN_TWO(fmax)
CHORAL_STAND_IN_TWO(fmin)
CHORAL_STAND_IN_TWO(fmod)
CHORAL_STAND_IN_TWO(hypot)
CHORAL_STAND_IN_TWO(nextafter)
CHORAL_STAND_IN_TWO(pow)
CHORAL_STAND_IN_TWO(remainder)
#undef CHORAL_STAND_IN_TWO
#undef CHORAL_STAND_IN_ONE

double fma(double, double, double) noexcept;
float fmaf(float, float, float) noexcept;
double ldexp(double, int) noexcept;
float ldexpf(float, int) noexcept;
double scalbn(double, int) noexcept;
float scalbnf(float, int) noexcept;
double frexp(double, int *) noexcept;
float frexpf(float, int *) noexcept;
double modf(double, double *) noexcept;
float modff(float, float *) noexcept;
int ilogb(double) noexcept;
int ilogbf(float) noexcept;
long lrint(double) noexcept;
long lrintf(float) noexcept;
long long llrint(double) noexcept;
long long llrintf(float) noexcept;
int abs(int) noexcept;
long long llabs(long long) noexcept;
int printf(const char *, ...);

}  // extern "C"

inline float rsqrtf(float value) { return 1.0f / __builtin_sqrtf(value); }
inline double rsqrt(double value) { return 1.0 / __builtin_sqrt(value); }
inline bool isnan(float value) { return __builtin_isnan(value); }
inline bool isnan(double value) { return __builtin_isnan(value); }
inline bool isinf(float value) { return __builtin_isinf(value); }
inline bool isinf(double value) { return __builtin_isinf(value); }
inline bool isfinite(float value) { return __builtin_isfinite(value); }
inline bool isfinite(double value) { return __builtin_isfinite(value); }
inline bool signbit(float value) { return __builtin_signbit(value); }
inline bool signbit(double value) { return __builtin_signbit(value); }

#define CHORAL_STAND_IN_ORDER(T)                                              \
    inline T min(T left, T right) { return right < left ? right : left; }     \
    inline T max(T left, T right) { return left < right ? right : left; }
CHORAL_STAND_IN_ORDER(int)
CHORAL_STAND_IN_ORDER(unsigned)
CHORAL_STAND_IN_ORDER(long)
CHORAL_STAND_IN_ORDER(unsigned long)
CHORAL_STAND_IN_ORDER(long long)
CHORAL_STAND_IN_ORDER(unsigned long long)
#undef CHORAL_STAND_IN_ORDER
inline float min(float left, float right) { return fminf(left, right); }
inline float max(float left, float right) { return fmaxf(left, right); }
inline double min(double left, double right) { return fmin(left, right); }
inline double max(double left, double right) { return fmax(left, right); }

// The names of C without a suffix take floats as well.
#define CHORAL_STAND_IN_FLOAT(NAME) \
    inline float NAME(float value) { return NAME##f(value); }
CHORAL_STAND_IN_FLOAT(cos)
CHORAL_STAND_IN_FLOAT(erf)
CHORAL_STAND_IN_FLOAT(exp)
CHORAL_STAND_IN_FLOAT(fabs)
CHORAL_STAND_IN_FLOAT(floor)
CHORAL_STAND_IN_FLOAT(ceil)
CHORAL_STAND_IN_FLOAT(log)
CHORAL_STAND_IN_FLOAT(sin)
CHORAL_STAND_IN_FLOAT(sqrt)
CHORAL_STAND_IN_FLOAT(tanh)
CHORAL_STAND_IN_FLOAT(trunc)
#undef CHORAL_STAND_IN_FLOAT
inline float fma(float left, float right, float more) { return fmaf(left, right, more); }
inline float pow(float left, float right) { return powf(left, right); }
