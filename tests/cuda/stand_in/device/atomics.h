// Atomic operations and fences. All CUDA threads of a launch run on one thread of the machine, so an operation
// is atomic as it is; only the compiler must be kept from moving memory accesses across it.
#pragma once

namespace choral_stand_in {

inline void fence() { asm volatile("" ::: "memory"); }

// Lets others run once in a while: who spins on an atomic waits for what they write.
inline void breathe() {
    if (--runtime->patience <= 0) runtime->yield();
}

}  // namespace choral_stand_in

inline void __threadfence() {
    choral_stand_in::breathe();
    choral_stand_in::fence();
}
inline void __threadfence_block() { __threadfence(); }
inline void __threadfence_system() { __threadfence(); }

// One function of two arguments: the place, and what `AFTER` makes the new value of with what was there.
#define CHORAL_STAND_IN_ATOMIC(NAME, T, AFTER)  \
    inline T NAME(T *place, T value) {          \
        choral_stand_in::breathe();             \
        choral_stand_in::fence();               \
        T before = *place;                      \
        *place = AFTER;                         \
        choral_stand_in::fence();               \
        return before;                          \
    }

// Sums of integers wrap around, so they are taken of unsigned numbers.
#define CHORAL_STAND_IN_INTEGER(T, U)                                                    \
    CHORAL_STAND_IN_ATOMIC(atomicAdd, T, (T)((U)before + (U)value))                      \
    CHORAL_STAND_IN_ATOMIC(atomicSub, T, (T)((U)before - (U)value))                      \
    CHORAL_STAND_IN_ATOMIC(atomicMax, T, before < value ? value : before)                \
    CHORAL_STAND_IN_ATOMIC(atomicMin, T, value < before ? value : before)                \
    CHORAL_STAND_IN_ATOMIC(atomicAnd, T, before & value)                                 \
    CHORAL_STAND_IN_ATOMIC(atomicOr, T, before | value)                                  \
    CHORAL_STAND_IN_ATOMIC(atomicXor, T, before ^ value)                                 \
    CHORAL_STAND_IN_ATOMIC(atomicExch, T, value)                                         \
    inline T atomicCAS(T *place, T expected, T value) {                                  \
        choral_stand_in::breathe();                                                      \
        choral_stand_in::fence();                                                        \
        T before = *place;                                                               \
        if (before == expected) *place = value;                                          \
        choral_stand_in::fence();                                                        \
        return before;                                                                   \
    }

CHORAL_STAND_IN_INTEGER(int, unsigned)
CHORAL_STAND_IN_INTEGER(unsigned, unsigned)
CHORAL_STAND_IN_INTEGER(long long, unsigned long long)
CHORAL_STAND_IN_INTEGER(unsigned long long, unsigned long long)
CHORAL_STAND_IN_ATOMIC(atomicAdd, float, before + value)
CHORAL_STAND_IN_ATOMIC(atomicAdd, double, before + value)
CHORAL_STAND_IN_ATOMIC(atomicExch, float, value)
#undef CHORAL_STAND_IN_INTEGER
#undef CHORAL_STAND_IN_ATOMIC
