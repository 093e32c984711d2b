// The small vectors of CUDA, aligned as on a GPU: an access through a pointer that is not is seen by the
// sanitizer of undefined behaviour.
#pragma once

#define CHORAL_STAND_IN_VECTORS(NAME, T)                                                        \
    struct NAME##1 { T x; };                                                                    \
    struct __attribute__((aligned(2 * sizeof(T)))) NAME##2 { T x, y; };                         \
    struct NAME##3 { T x, y, z; };                                                              \
    struct __attribute__((aligned(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)))) NAME##4 { T x, y, z, w; }; \
    inline NAME##1 make_##NAME##1(T x) { return {x}; }                                          \
    inline NAME##2 make_##NAME##2(T x, T y) { return {x, y}; }                                  \
    inline NAME##3 make_##NAME##3(T x, T y, T z) { return {x, y, z}; }                          \
    inline NAME##4 make_##NAME##4(T x, T y, T z, T w) { return {x, y, z, w}; }

CHORAL_STAND_IN_VECTORS(char, signed char)
CHORAL_STAND_IN_VECTORS(uchar, unsigned char)
CHORAL_STAND_IN_VECTORS(short, short)
CHORAL_STAND_IN_VECTORS(ushort, unsigned short)
CHORAL_STAND_IN_VECTORS(int, int)
CHORAL_STAND_IN_VECTORS(uint, unsigned)
CHORAL_STAND_IN_VECTORS(longlong, long long)
CHORAL_STAND_IN_VECTORS(ulonglong, unsigned long long)
CHORAL_STAND_IN_VECTORS(float, float)
CHORAL_STAND_IN_VECTORS(double, double)
#undef CHORAL_STAND_IN_VECTORS

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
