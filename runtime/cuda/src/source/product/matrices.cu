// Matrices of 16-bit floats, which a warp multiplies. Sums are floats.
#if defined(CHORAL_STAND_IN) || __CUDA_ARCH__ >= 800

// Four matrices of 8 x 8 from shared memory: lane 8 i + r says where row r of matrix i begins, and gets of each matrix
// elements 2 (lane % 4) and the next one of row lane / 4.
static __device__ __forceinline__ void load_matrices(u32 (&all)[4], const u16* row) {
#ifdef CHORAL_STAND_IN
    choral_stand_in::load_matrices(all, row, false);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(all[0]), "=r"(all[1]), "=r"(all[2]), "=r"(all[3])
                 : "r"((u32)__cvta_generic_to_shared(row)) : "memory");
#endif
}

// As above, but of each matrix the elements of column lane / 4 in rows 2 (lane % 4) and the next one.
static __device__ __forceinline__ void load_matrices_turned(u32 (&all)[4], const u16* row) {
#ifdef CHORAL_STAND_IN
    choral_stand_in::load_matrices(all, row, true);
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(all[0]), "=r"(all[1]), "=r"(all[2]), "=r"(all[3])
                 : "r"((u32)__cvta_generic_to_shared(row)) : "memory");
#endif
}

// Adds the product of matrices of 16 x 16 and 16 x 8 to one of 16 x 8. A lane has of the left one, rows lane / 4 and 8
// further, terms 2 (lane % 4) and the next one, then the same 8 terms further; of the right one these terms of column
// lane / 4; and of the sums columns 2 (lane % 4) and the next one of its rows.
static __device__ __forceinline__ void multiply_bf16(float (&sums)[4], const u32 (&left)[4], const u32 (&right)[2]) {
#ifdef CHORAL_STAND_IN
    choral_stand_in::multiply_matrices(sums, left, right, of_bf16);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
#endif
}

static __device__ __forceinline__ void multiply_f16(float (&sums)[4], const u32 (&left)[4], const u32 (&right)[2]) {
#ifdef CHORAL_STAND_IN
    choral_stand_in::multiply_matrices(sums, left, right, of_f16);
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(left[0]), "r"(left[1]), "r"(left[2]), "r"(left[3]), "r"(right[0]), "r"(right[1]));
#endif
}

#endif
