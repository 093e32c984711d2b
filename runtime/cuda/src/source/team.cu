// The threads that run kernels together: all of a launch, or those of a block.
struct Team {
    // This block, and how many there are.
    u32 block, blocks;
    // What blocks count their arrivals in, and how often all have come; of a team of one block, nothing.
    u64* arrivals;

    __device__ __forceinline__ u32 thread() const { return block * blockDim.x + threadIdx.x; }
    __device__ __forceinline__ u32 threads() const { return blocks * blockDim.x; }
    __device__ __forceinline__ u32 warp() const { return thread() / 32; }
    // As above, but so that neighbours are in different blocks.
    __device__ __forceinline__ u32 spread_warp() const { return threadIdx.x / 32 * blocks + block; }
    __device__ __forceinline__ u32 warps() const { return threads() / 32; }
    __device__ __forceinline__ u32 lane() const { return threadIdx.x % 32; }

    // Waits until all have come here, and sees what they have written.
    __device__ void wait() const {
        __syncthreads();
        if (blocks == 1) return;
        if (threadIdx.x == 0) {
            __threadfence();
            // Launches of other sizes count in the same place: it is 0 again whenever all have come.
            volatile u64* const turns = arrivals + 1;
            const u64 turn = *turns;
            if (atomicAdd(arrivals, 1ull) == blocks - 1) {
                *(volatile u64*)arrivals = 0;
                __threadfence();
                *turns = turn + 1;
            } else {
                while (*turns == turn) __nanosleep(32);
            }
            __threadfence();
        }
        __syncthreads();
    }
};

// Bytes that lie in two places, 16 at a time where they do in both.
static __device__ void copy_bytes(const Team& team, u8* to, const u8* from, u64 bytes) {
    if (to == from) return;
    const bool is_aligned = ((u64)to | (u64)from) % 16 == 0;
    const u64 whole = is_aligned ? bytes / 16 : 0;
    for (u64 at = team.thread(); at < whole; at += team.threads()) ((uint4*)to)[at] = ((const uint4*)from)[at];
    for (u64 at = whole * 16 + team.thread(); at < bytes; at += team.threads()) to[at] = from[at];
}

// Shared memory: one piece, which each kernel divides as it likes.
#ifdef CHORAL_STAND_IN
#define SHARED (choral_stand_in::shared())
#else
extern __shared__ __align__(16) unsigned char choral_arena[];
#define SHARED choral_arena
#endif
