// CUDA's built-ins for kernels that g++ compiles to run on the CPU. NVRTC's stand-in puts this file before
// every program; it includes nothing of the system, so that a small kernel compiles in a few milliseconds.
//
// | file | holds |
// |---|---|
// | device/runtime.h | what kernels and the scheduler in libcuda's stand-in share |
// | device/threads.h | indices, barriers, exchanges between the lanes of a warp, shared memory |
// | device/atomics.h | atomic operations and fences |
// | device/vectors.h | float4 and its kin |
// | device/bits.h | bit casts, bit counts, high halves of products, conversions, rounded arithmetic |
// | device/functions.h | the functions of <cmath> |
// | device/matrices.h | loads and products of small matrices by a warp |
// | device/call.h | calls of a kernel with arguments behind pointers |
//
// Must not live here: what is only known when a kernel runs. That is the scheduler's.
#pragma once

#define CHORAL_STAND_IN 1

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(bytes) __attribute__((aligned(bytes)))
// The bound is read from the program's text by NVRTC's stand-in, and checked at each launch.
#define __launch_bounds__(...)
#define __builtin_assume(condition) ((void)0)

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#include "device/runtime.h"
#include "device/vectors.h"
#include "device/threads.h"
#include "device/atomics.h"
#include "device/bits.h"
#include "device/functions.h"
#include "device/matrices.h"
#include "device/call.h"
