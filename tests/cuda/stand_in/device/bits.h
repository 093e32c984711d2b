// Numbers as bits: casts between floats and integers of the same width, counts, high halves of products,
// conversions that saturate, and arithmetic that says how it rounds.
#pragma once

inline unsigned __float_as_uint(float value) { return __builtin_bit_cast(unsigned, value); }
inline int __float_as_int(float value) { return __builtin_bit_cast(int, value); }
inline float __uint_as_float(unsigned value) { return __builtin_bit_cast(float, value); }
inline float __int_as_float(int value) { return __builtin_bit_cast(float, value); }
inline long long __double_as_longlong(double value) { return __builtin_bit_cast(long long, value); }
inline double __longlong_as_double(long long value) { return __builtin_bit_cast(double, value); }

inline int __clz(int value) { return value == 0 ? 32 : __builtin_clz((unsigned)value); }
inline int __clzll(long long value) { return value == 0 ? 64 : __builtin_clzll((unsigned long long)value); }
inline int __ffs(int value) { return __builtin_ffs(value); }
inline int __ffsll(long long value) { return __builtin_ffsll(value); }
inline int __popc(unsigned value) { return __builtin_popcount(value); }
inline int __popcll(unsigned long long value) { return __builtin_popcountll(value); }

inline unsigned __brev(unsigned value) {
    value = (value >> 1 & 0x55555555u) | (value & 0x55555555u) << 1;
    value = (value >> 2 & 0x33333333u) | (value & 0x33333333u) << 2;
    value = (value >> 4 & 0x0f0f0f0fu) | (value & 0x0f0f0f0fu) << 4;
    return __builtin_bswap32(value);
}
inline unsigned long long __brevll(unsigned long long value) {
    return (unsigned long long)__brev((unsigned)value) << 32 | __brev((unsigned)(value >> 32));
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned distance) {
    unsigned long long both = (unsigned long long)high << 32 | low;
    return (unsigned)(both << (distance & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned distance) {
    unsigned long long both = (unsigned long long)high << 32 | low;
    return (unsigned)(both >> (distance & 31));
}

inline int __mulhi(int left, int right) { return (int)((long long)left * right >> 32); }
inline unsigned __umulhi(unsigned left, unsigned right) {
    return (unsigned)((unsigned long long)left * right >> 32);
}
inline long long __mul64hi(long long left, long long right) { return (long long)((__int128)left * right >> 64); }
inline unsigned long long __umul64hi(unsigned long long left, unsigned long long right) {
    return (unsigned long long)((unsigned __int128)left * right >> 64);
}

namespace choral_stand_in {

// Towards zero; what does not fit becomes the nearest that does, and what is no number becomes 0. The bounds
// are powers of two, so they are exact as floats.
template <typename To, typename From>
inline To saturated(From value, From lowest, From above, To least, To greatest) {
    if (value != value) return 0;
    if (value < lowest) return least;
    if (value >= above) return greatest;
    return (To)value;
}

}  // namespace choral_stand_in

#define CHORAL_STAND_IN_CONVERSIONS(NAME, T)                                                                        \
    inline int __##NAME##2int_rz(T value) {                                                                         \
        return choral_stand_in::saturated<int, T>(value, -0x1p31, 0x1p31, -2147483647 - 1, 2147483647);             \
    }                                                                                                               \
    inline unsigned __##NAME##2uint_rz(T value) {                                                                   \
        return choral_stand_in::saturated<unsigned, T>(value, 0, 0x1p32, 0, 4294967295u);                           \
    }                                                                                                               \
    inline long long __##NAME##2ll_rz(T value) {                                                                    \
        return choral_stand_in::saturated<long long, T>(value, -0x1p63, 0x1p63, -9223372036854775807ll - 1,         \
                                                        9223372036854775807ll);                                     \
    }                                                                                                               \
    inline unsigned long long __##NAME##2ull_rz(T value) {                                                          \
        return choral_stand_in::saturated<unsigned long long, T>(value, 0, 0x1p64, 0, 18446744073709551615ull);     \
    }

CHORAL_STAND_IN_CONVERSIONS(float, float)
CHORAL_STAND_IN_CONVERSIONS(double, double)
#undef CHORAL_STAND_IN_CONVERSIONS

inline float __double2float_rn(double value) { return (float)value; }
inline float __int2float_rn(int value) { return (float)value; }
inline float __uint2float_rn(unsigned value) { return (float)value; }
inline float __ll2float_rn(long long value) { return (float)value; }
inline float __ull2float_rn(unsigned long long value) { return (float)value; }
inline double __int2double_rn(int value) { return (double)value; }
inline double __uint2double_rn(unsigned value) { return (double)value; }
inline double __ll2double_rn(long long value) { return (double)value; }
inline double __ull2double_rn(unsigned long long value) { return (double)value; }

// Compiled without contraction, so each operation rounds by itself.
inline float __fadd_rn(float left, float right) { return left + right; }
inline float __fsub_rn(float left, float right) { return left - right; }
inline float __fmul_rn(float left, float right) { return left * right; }
inline float __fdiv_rn(float left, float right) { return left / right; }
inline float __frcp_rn(float value) { return 1.0f / value; }
inline float __fsqrt_rn(float value) { return __builtin_sqrtf(value); }
inline float __fmaf_rn(float left, float right, float more) { return __builtin_fmaf(left, right, more); }
inline double __dadd_rn(double left, double right) { return left + right; }
inline double __dsub_rn(double left, double right) { return left - right; }
inline double __dmul_rn(double left, double right) { return left * right; }
inline double __ddiv_rn(double left, double right) { return left / right; }
inline double __drcp_rn(double value) { return 1.0 / value; }
inline double __dsqrt_rn(double value) { return __builtin_sqrt(value); }
inline double __fma_rn(double left, double right, double more) { return __builtin_fma(left, right, more); }

// Loads and stores with a hint for the caches, which mean nothing here.
template <typename T> inline T __ldg(const T *place) { return *place; }
template <typename T> inline T __ldcg(const T *place) { return *place; }
template <typename T> inline T __ldca(const T *place) { return *place; }
template <typename T> inline T __ldcs(const T *place) { return *place; }
template <typename T> inline void __stcg(T *place, T value) { *place = value; }
template <typename T> inline void __stcs(T *place, T value) { *place = value; }
template <typename T> inline void __stwb(T *place, T value) { *place = value; }
