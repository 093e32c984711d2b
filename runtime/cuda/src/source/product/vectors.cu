// Elements that lie side by side, which one access takes at once.
template <class T, u32 COUNT> struct alignas(sizeof(T) * COUNT < 16 ? sizeof(T) * COUNT : 16) Together {
    T elements[COUNT];
};

// Those from a place on: at once, where memory is aligned for that.
template <class T, u32 COUNT>
static __device__ __forceinline__ Together<T, COUNT> loaded(const T* from, bool is_aligned) {
    if (is_aligned) return *(const Together<T, COUNT>*)from;
    Together<T, COUNT> all;
#pragma unroll
    for (u32 at = 0; at < COUNT; ++at) all.elements[at] = from[at];
    return all;
}

template <class T, u32 COUNT>
static __device__ __forceinline__ void put(T* to, const Together<T, COUNT>& all, bool is_aligned) {
    if (is_aligned) {
        *(Together<T, COUNT>*)to = all;
        return;
    }
#pragma unroll
    for (u32 at = 0; at < COUNT; ++at) to[at] = all.elements[at];
}

// As above, to shared memory that is aligned: the compiler would take elements one by one.
template <class T, u32 COUNT>
static __device__ __forceinline__ void put_shared(T* to, const Together<T, COUNT>& all) {
#ifndef CHORAL_STAND_IN
    if constexpr (sizeof(all) % 16 == 0) {
#pragma unroll
        for (u32 at = 0; at < sizeof(all) / 16; ++at) {
            const uint4 words = ((const uint4*)&all)[at];
            const u32 place = (u32)__cvta_generic_to_shared((uint4*)to + at);
            asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
                         :
                         : "r"(place), "r"(words.x), "r"(words.y), "r"(words.z), "r"(words.w)
                         : "memory");
        }
        return;
    }
#endif
    *(Together<T, COUNT>*)to = all;
}

template <class T, u32 COUNT> static __device__ __forceinline__ Together<T, COUNT> all_of(T value) {
    Together<T, COUNT> all;
#pragma unroll
    for (u32 at = 0; at < COUNT; ++at) all.elements[at] = value;
    return all;
}
