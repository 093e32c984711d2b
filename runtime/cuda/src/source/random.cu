// Blocks of counter-based generators, low words first.

static __device__ __forceinline__ void threefry(u64 key, u64 counter, u32* words) {
    const u32 keys[3] = {(u32)key, (u32)(key >> 32), (u32)key ^ (u32)(key >> 32) ^ 0x1bd11bdau};
    const u32 rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
    u32 x = (u32)counter + keys[0], y = (u32)(counter >> 32) + keys[1];
    #pragma unroll
    for (u32 group = 0; group < 5; ++group) {
        #pragma unroll
        for (u32 round = 0; round < 4; ++round) {
            const u32 rotation = rotations[group % 2][round];
            x += y;
            y = (y << rotation | y >> (32 - rotation)) ^ x;
        }
        x += keys[(group + 1) % 3];
        y += keys[(group + 2) % 3] + group + 1;
    }
    words[0] = x;
    words[1] = y;
}

static __device__ __forceinline__ void philox(u64 key, u64 low, u64 high, u32* words) {
    u32 first = (u32)key, second = (u32)(key >> 32);
    u32 x = (u32)low, y = (u32)(low >> 32), z = (u32)high, w = (u32)(high >> 32);
    #pragma unroll
    for (u32 round = 0; round < 10; ++round) {
        const u64 even = 0xd2511f53ull * x, odd = 0xcd9e8d57ull * z;
        x = (u32)(odd >> 32) ^ y ^ first;
        y = (u32)odd;
        z = (u32)(even >> 32) ^ w ^ second;
        w = (u32)even;
        first += 0x9e3779b9u;
        second += 0xbb67ae85u;
    }
    words[0] = x;
    words[1] = y;
    words[2] = z;
    words[3] = w;
}
