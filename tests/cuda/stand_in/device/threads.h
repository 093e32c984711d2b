// Where a CUDA thread stands in its block and grid, and how it waits for others. Each of these that waits
// hands control to the scheduler, which runs other threads until the wait is over.
#pragma once

namespace choral_stand_in {

// Set when the program is loaded.
static Runtime *runtime;

// The dynamic shared memory of the block, exactly as large as the launch asked for.
inline unsigned char *shared() { return runtime->now->shared; }

template <typename T>
inline unsigned long long to_bits(T value) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "lanes exchange values of four or eight bytes");
    unsigned long long bits = 0;
    __builtin_memcpy(&bits, &value, sizeof(T));
    return bits;
}

template <typename T>
inline T from_bits(unsigned long long bits) {
    T value;
    __builtin_memcpy(&value, &bits, sizeof(T));
    return value;
}

template <typename T>
inline T shuffle(Exchange what, unsigned mask, T value, unsigned argument, int width) {
    return from_bits<T>(runtime->exchange(what, mask, to_bits(value), argument, (unsigned)width));
}

}  // namespace choral_stand_in

#define threadIdx (choral_stand_in::runtime->now->thread)
#define blockIdx (choral_stand_in::runtime->now->block)
#define blockDim (choral_stand_in::runtime->block_size)
#define gridDim (choral_stand_in::runtime->grid_size)
constexpr int warpSize = 32;

inline void __syncthreads() { choral_stand_in::runtime->barrier(); }
inline void __nanosleep(unsigned) { choral_stand_in::runtime->yield(); }
inline void __trap() { choral_stand_in::runtime->trap("__trap() was called"); }

inline void __syncwarp(unsigned mask = 0xffffffffu) {
    choral_stand_in::runtime->exchange(choral_stand_in::Exchange::Wait, mask, 0, 0, 32);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return (unsigned)choral_stand_in::runtime->exchange(choral_stand_in::Exchange::Ballot, mask, predicate != 0, 0,
                                                        32);
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
    return choral_stand_in::shuffle(choral_stand_in::Exchange::Index, mask, value, (unsigned)lane, width);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance, int width = 32) {
    return choral_stand_in::shuffle(choral_stand_in::Exchange::Up, mask, value, distance, width);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32) {
    return choral_stand_in::shuffle(choral_stand_in::Exchange::Down, mask, value, distance, width);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
    return choral_stand_in::shuffle(choral_stand_in::Exchange::Xor, mask, value, (unsigned)bits, width);
}
