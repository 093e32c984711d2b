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

template <class T, u32 COUNT> static __device__ __forceinline__ Together<T, COUNT> all_of(T value) {
    Together<T, COUNT> all;
#pragma unroll
    for (u32 at = 0; at < COUNT; ++at) all.elements[at] = value;
    return all;
}
