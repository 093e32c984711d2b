// What warps do with matrices of 8 x 8 elements of 16 bits: loads from shared memory (PTX: ldmatrix .x4, .trans) and
// products (PTX: mma.sync .m16n8k16 of 16-bit floats with sums in float), with the fragments of the PTX ISA.
//
// A product adds its terms in order, by fused multiply-adds; a GPU may do otherwise. Must not live here: 16-bit floats.
#pragma once

namespace choral_stand_in {

inline unsigned lane() { return threadIdx.x % 32; }

inline void load_matrices(unsigned (&all)[4], const unsigned short *row, bool is_turned) {
    if ((unsigned long long)row % 16 != 0) runtime->trap("a row of a matrix is not aligned to 16 bytes");
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
        unsigned long long bits = 0;
        for (unsigned half = 0; half < 2; ++half) {
            const unsigned along = 2 * (lane() % 4) + half, across = lane() / 4;
            const unsigned from = 8 * matrix + (is_turned ? along : across);
            const auto begins = (const unsigned short *)__shfl_sync(0xffffffffu, (unsigned long long)row, (int)from);
            bits |= (unsigned long long)begins[is_turned ? across : along] << (16 * half);
        }
        all[matrix] = (unsigned)bits;
    }
}

template <typename Widen>
inline void multiply_matrices(float (&sums)[4], const unsigned (&left)[4], const unsigned (&right)[2], Widen widen) {
    const unsigned group = lane() / 4, in_group = lane() % 4;
    const auto half = [](unsigned both, unsigned which) { return (unsigned short)(both >> (16 * which)); };
    float x[2][16], y[2][16];
    for (unsigned quad = 0; quad < 4; ++quad) {
        for (unsigned upper = 0; upper < 2; ++upper) {
            // Registers 0 and 2 have the lane's first row, 1 and 3 the one 8 further.
            for (unsigned row = 0; row < 2; ++row) {
                const unsigned both = __shfl_sync(0xffffffffu, left[2 * upper + row], (int)(4 * group + quad));
                for (unsigned which = 0; which < 2; ++which) x[row][8 * upper + 2 * quad + which] = widen(half(both, which));
            }
            for (unsigned column = 0; column < 2; ++column) {
                const int from = (int)(4 * (2 * in_group + column) + quad);
                const unsigned both = __shfl_sync(0xffffffffu, right[upper], from);
                for (unsigned which = 0; which < 2; ++which) y[column][8 * upper + 2 * quad + which] = widen(half(both, which));
            }
        }
    }
    for (unsigned row = 0; row < 2; ++row) {
        for (unsigned column = 0; column < 2; ++column) {
            float &sum = sums[2 * row + column];
            for (unsigned term = 0; term < 16; ++term) sum = fmaf(x[row][term], y[column][term], sum);
        }
    }
}

}  // namespace choral_stand_in
