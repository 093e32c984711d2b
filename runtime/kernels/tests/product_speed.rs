//! Speeds of matrix products, printed:
//! `cargo test --release -p choral-kernels --test kernels product_speed -- --ignored --nocapture`.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Instant;

use choral_kernels::cpu::product::{Operands, Schedule, Setting, Sliding};
use choral_kernels::product::Operand;
use choral_kernels::product::convolution::{Convolution, Window};
use choral_kernels::product::{Dim, Epilogue, Product};
use choral_kernels::{Level, Number};

/// Whether an operand lies in the order of the product or has its last two dimensions swapped.
#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Plain,
    Turned,
}

/// A batch of products in the order of the extents.
fn product(number: [Number; 2], [b, m, n, k]: [isize; 4], rhs: Layout) -> Product {
    let (kn, kk) = if rhs == Layout::Plain { (1, n) } else { (k, 1) };
    let dim = |size: isize| size as usize;
    Product {
        lhs: number[0],
        rhs: number[0],
        out: number[1],
        offsets: [0; 4],
        batch: vec![Dim::new(dim(b), [m * k, k * n, m * n, 0])],
        m: vec![Dim::new(dim(m), [k, n, 0])],
        n: vec![Dim::new(dim(n), [kn, 1, 0])],
        k: vec![Dim::new(dim(k), [1, kk])],
        epilogue: Epilogue::default(),
    }
}

/// Buffers are aligned as those of plans.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _words: [u64; 8],
}

/// The least seconds that one call took, over about a fifth of a second.
fn least(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut least = f64::INFINITY;
    while start.elapsed().as_secs_f64() < 0.2 {
        let before = Instant::now();
        call();
        least = least.min(before.elapsed().as_secs_f64());
    }
    least
}

/// Seconds of a product on one thread.
fn seconds(product: &Product, packed: Option<Operand>) -> f64 {
    let schedule = Schedule::new(product, Setting { level: Level::best(), threads: 1, packed }).unwrap();
    let room = |operand: usize| product.reach()[operand].map_or(0, |(_, last)| last as usize + 1);
    let bytes = [product.lhs.bytes(), product.rhs.bytes(), product.out.bytes(), product.out.bytes()];
    // Small numbers in every type; untouched zeros would all be one page.
    let buffers: [Vec<Line>; 4] = std::array::from_fn(|at| {
        vec![Line { _words: [0x0101_0101_0101_0101; 8] }; (room(at) * bytes[at]).div_ceil(64) + 1]
    });
    let mut scratch = vec![MaybeUninit::new(0u8); schedule.scratch()];
    let mut kept = vec![MaybeUninit::new(0u8); schedule.packed().unwrap_or(0) + 64];
    let at = kept.as_ptr().align_offset(64);
    let [lhs, rhs, mut out, addend] = buffers;
    let places = |operand: Operand, buffer: &Vec<Line>| match packed {
        Some(packed) if packed == operand => kept[at..].as_ptr().cast(),
        Some(_) | None => buffer.as_ptr().cast::<u8>(),
    };
    let operands = Operands {
        lhs: places(Operand::Lhs, &lhs),
        rhs: places(Operand::Rhs, &rhs),
        addend: addend.as_ptr().cast(),
        out: out.as_mut_ptr().cast(),
    };
    if let Some(length) = schedule.packed() {
        let from = if packed == Some(Operand::Lhs) { &lhs } else { &rhs };
        // SAFETY: the buffers have all that the product reaches.
        unsafe {
            schedule.pack(
                from.as_ptr().cast(),
                kept[at..][..length].as_mut_ptr().cast(),
                0..schedule.pack_parts(),
            )
        };
    }
    // SAFETY: as above.
    least(|| unsafe { schedule.run(operands, &mut scratch, 0..schedule.tiles(), &mut |_| {}) })
}

/// Multiply-adds in `f32` a second that registers alone allow.
#[cfg(target_arch = "x86_64")]
fn peak() -> f64 {
    use std::arch::x86_64::*;

    const ROUNDS: usize = 100_000;
    #[target_feature(enable = "avx2,fma")]
    fn loops() -> f32 {
        let mut sums = [_mm256_set1_ps(black_box(0.5)); 12];
        let factor = _mm256_set1_ps(black_box(0.25));
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(factor, factor, *sum);
            }
        }
        let mut total = sums[0];
        for sum in sums {
            total = _mm256_add_ps(total, sum);
        }
        _mm256_cvtss_f32(total)
    }
    if !Level::Avx2.is_available() {
        return f64::NAN;
    }
    // SAFETY: the processor has the set.
    let seconds = least(|| _ = black_box(unsafe { loops() }));
    (ROUNDS * 12 * 8) as f64 / seconds
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> f64 {
    f64::NAN
}

#[test]
#[ignore = "prints speeds"]
fn speeds() {
    let peak = peak();
    println!("peak of one core: {:.1} GFLOP/s", 2.0 * peak / 1e9);
    let single = [Number::F32; 2];
    let rows: [(&str, [isize; 4]); 10] = [
        ("10 x 64x784x128", [10, 64, 128, 784]),
        ("10 x 64x128x128", [10, 64, 128, 128]),
        ("32 x 32x17x256", [32, 32, 256, 17]),
        ("32x17x256", [1, 32, 256, 17]),
        ("256x1024x4096", [1, 256, 4096, 1024]),
        ("512x64x64", [1, 512, 64, 64]),
        ("256^3", [1, 256, 256, 256]),
        ("1024^3", [1, 1024, 1024, 1024]),
        ("512 x 4x6x32", [512, 4, 32, 6]),
        ("512 x 4x32x32", [512, 4, 32, 32]),
    ];
    for (name, sizes) in rows {
        let work = sizes.iter().product::<isize>() as f64;
        let told = |product: Product, packed| {
            let seconds = seconds(&product, packed);
            format!("{:5.1} % {:9.2} us", 100.0 * work / seconds / peak, seconds * 1e6)
        };
        println!(
            "{name:16} [k,n] {}   [n,k] {}   packed {}",
            told(product(single, sizes, Layout::Plain), None),
            told(product(single, sizes, Layout::Turned), None),
            told(product(single, sizes, Layout::Plain), Some(Operand::Rhs)),
        );
    }
    for members in [1, 10, 100, 1000] {
        let sizes = [members, 1, 256, 256];
        let bytes = (members * 256 * 256 * 4) as f64;
        let told = |layout, packed| bytes / seconds(&product(single, sizes, layout), packed) / 1e9;
        println!(
            "{members:4} rows of 256 x 256x256: packed {:5.1}, [in,out] {:5.1}, [out,in] {:5.1} GB/s",
            told(Layout::Plain, Some(Operand::Rhs)),
            told(Layout::Plain, None),
            told(Layout::Turned, None),
        );
    }
    let types = [
        [Number::F64; 2],
        [Number::Bf16; 2],
        [Number::F16; 2],
        [Number::I8, Number::I32],
        [Number::I8; 2],
        [Number::I16; 2],
        [Number::I32; 2],
        [Number::I64; 2],
        [Number::I1; 2],
    ];
    for types in types {
        let seconds = seconds(&product(types, [1, 256, 256, 256], Layout::Plain), None);
        let share = 100.0 * 256f64.powi(3) / seconds / peak;
        println!("256^3 {types:?}: {:.0} us, {share:.0} % of the f32 peak", seconds * 1e6);
    }
}

/// With a bias of each member along the columns.
fn with_bias(mut product: Product) -> Product {
    let columns = product.n[0].size as isize;
    product.epilogue.add = true;
    product.batch[0].strides[3] = columns;
    product.n[0].strides[2] = 1;
    product
}

/// Scores of attention (places by places), or what values they take (places by features): queries, keys and
/// values are parts of one projection, 3 x heads x features wide.
fn attention([sequences, heads, places, features]: [isize; 4], is_scores: bool) -> Product {
    let [s, h, p, f] = [sequences, heads, places, features].map(|size| size as usize);
    let wide = 3 * heads * features;
    let scores = places * places;
    let (lhs, rhs, out) = match is_scores {
        true => ([places * wide, features], [places * wide, features], [heads * scores, scores]),
        false => ([heads * scores, scores], [places * wide, features], [places * heads * features, features]),
    };
    let dims = |at: usize| [lhs[at], rhs[at], out[at], 0];
    Product {
        batch: vec![Dim::new(s, dims(0)), Dim::new(h, dims(1))],
        m: vec![Dim::new(p, if is_scores { [wide, places, 0] } else { [places, heads * features, 0] })],
        n: vec![if is_scores { Dim::new(p, [wide, 1, 0]) } else { Dim::new(f, [1, 1, 0]) }],
        k: vec![if is_scores { Dim::new(f, [1, 1]) } else { Dim::new(p, [1, wide]) }],
        ..product([Number::F32; 2], [1; 4], Layout::Plain)
    }
}

#[test]
#[ignore = "prints speeds"]
fn speeds_of_skinny_and_small_shapes() {
    let single = [Number::F32; 2];
    let tell = |name: String, product: &Product, packed: &[Option<Operand>]| {
        let work = 2.0 * product.sizes().iter().product::<usize>() as f64;
        let told = packed.iter().map(|&packed| {
            let seconds = seconds(product, packed);
            format!("{:9.2} us {:5.1} GFLOP/s", seconds * 1e6, work / seconds / 1e9)
        });
        println!("{name:32} {}", told.collect::<Vec<_>>().join(", packed "));
    };
    let both = [None, Some(Operand::Rhs)];
    let shapes: [[isize; 4]; 21] = [
        [32, 1024, 3, 64],
        [32, 1024, 10, 64],
        [1, 1024, 3, 64],
        [16, 1, 256, 64],
        [64, 1, 256, 256],
        [8, 1, 512, 512],
        [64, 784, 128, 1],
        [64, 128, 784, 1],
        [64, 128, 128, 1],
        [1, 64, 64, 64],
        [512, 4, 32, 6],
        [512, 4, 32, 32],
        [5, 64, 3, 3],
        [10, 64, 128, 784],
        [10, 64, 128, 128],
        [64, 32, 256, 256],
        [4, 512, 1024, 256],
        [1, 512, 1024, 256],
        [1, 256, 1024, 4096],
        [1, 256, 4096, 1024],
        [1, 768, 768, 768],
    ];
    for sizes in shapes {
        let [b, m, n, k] = sizes;
        let name = format!("{b} x {m}x{k}x{n}");
        tell(format!("{name} [k,n]"), &product(single, sizes, Layout::Plain), &both);
        tell(format!("{name} [n,k]"), &product(single, sizes, Layout::Turned), &both);
        if b * m * n * k < 1 << 24 {
            tell(format!("{name} [n,k] + bias"), &with_bias(product(single, sizes, Layout::Turned)), &both);
        }
    }
    for is_scores in [true, false] {
        let name = if is_scores { "scores 256 x 64x32x64" } else { "values 256 x 64x64x32" };
        tell(name.into(), &attention([32, 8, 64, 32], is_scores), &[None]);
    }
}

/// A convolution of square images: images, input and output features, extents of images and kernel, and padding.
fn convolution([images, taken, made, size, kernel, padding]: [usize; 6], channels_last: bool) -> Convolution {
    let out = size + 2 * padding - kernel + 1;
    let [s, k, o] = [size, kernel, out].map(|size| size as isize);
    let (t, m) = (taken as isize, made as isize);
    // Distances of rows, columns, features and images.
    let of = |extent: isize, features: isize| match channels_last {
        true => [extent * features, features, 1, extent * extent * features],
        false => [extent, 1, extent * extent, extent * extent * features],
    };
    let (input, result) = (of(s, t), of(o, m));
    let weights = if channels_last { [k * t * m, t * m, m, 1] } else { [k, 1, k * k, k * k * t] };
    let window = |at: usize| Window {
        sizes: [size, kernel, out],
        strides: [input[at], weights[at], result[at]],
        step: 1,
        padding: padding as isize,
        input_dilation: 1,
        kernel_dilation: 1,
        is_reversed: false,
    };
    Convolution {
        numbers: [Number::F32; 3],
        offsets: [0; 4],
        batch: vec![Dim::new(images, [input[3], 0, result[3], 0])],
        features: vec![Dim::new(made, [weights[3], result[2], 0])],
        taken: Dim::new(taken, [input[2], weights[2]]),
        windows: vec![window(0), window(1)],
        epilogue: Epilogue::default(),
    }
}

/// Seconds of a convolution as a whole on one thread, if there are loops for it.
fn seconds_as_a_whole(convolution: &Convolution) -> Option<f64> {
    let sliding = Sliding::new(convolution, Level::best(), 1)?;
    let reach = convolution.products().iter().map(Product::reach).collect::<Vec<_>>();
    let buffer = |operand: usize| {
        let last = reach.iter().filter_map(|reach| reach[operand]).map(|(_, last)| last as usize).max();
        vec![Line { _words: [0x0101_0101_0101_0101; 8] }; last.map_or(0, |last| last / 16) + 1]
    };
    let ([lhs, rhs, mut out], mut scratch) =
        ([0, 1, 2].map(buffer), vec![MaybeUninit::new(0); sliding.scratch()]);
    let operands = Operands {
        lhs: lhs.as_ptr().cast(),
        rhs: rhs.as_ptr().cast(),
        addend: std::ptr::null(),
        out: out.as_mut_ptr().cast(),
    };
    // SAFETY: the buffers have all that the products reach.
    Some(least(|| unsafe { sliding.run(operands, &mut scratch, 0..sliding.tiles()) }))
}

#[test]
#[ignore = "prints speeds"]
fn speeds_of_convolutions() {
    let peak = peak();
    let rows: [(&str, [usize; 6], bool); 12] = [
        ("[8,16,32,32] x [32,16,3,3], padded", [8, 16, 32, 32, 3, 1], false),
        ("[32,1,28,28] x [32,1,3,3]", [32, 1, 32, 28, 3, 0], false),
        ("[32,1,28,28] x [32,1,3,3], padded", [32, 1, 32, 28, 3, 1], false),
        ("[32,8,14,14] x [4,8,3,3]", [32, 8, 4, 14, 3, 0], false),
        ("[1,3,224,224] x [64,3,3,3], padded", [1, 3, 64, 224, 3, 1], false),
        ("[32,32,26,26] x [64,32,3,3]", [32, 32, 64, 26, 3, 0], false),
        ("[2,64,56,56] x [64,64,3,3], padded", [2, 64, 64, 56, 3, 1], false),
        ("[2,128,28,28] x [128,128,3,3], padded", [2, 128, 128, 28, 3, 1], false),
        ("[2,256,14,14] x [256,256,3,3], padded", [2, 256, 256, 14, 3, 1], false),
        ("[8,3,32,32] x [16,3,5,5], padded", [8, 3, 16, 32, 5, 2], false),
        ("[32,26,26,32] x [3,3,32,64]", [32, 32, 64, 26, 3, 0], true),
        ("[32,30,30,3] x [3,3,3,16]", [32, 3, 16, 30, 3, 0], true),
    ];
    for (name, sizes, channels_last) in rows {
        let convolution = convolution(sizes, channels_last);
        let products = convolution.products();
        let work: usize = products.iter().map(|product| product.sizes().iter().product::<usize>()).sum();
        let total = |packed| products.iter().map(|product| seconds(product, packed)).sum::<f64>();
        let (here, ahead) = (total(None), total(Some(Operand::Lhs)));
        let share = |seconds: f64| 100.0 * work as f64 / seconds / peak;
        println!(
            "{name}: {:.1} us, {:.0} % of peak; packed {:.1} us, {:.0} %",
            here * 1e6,
            share(here),
            ahead * 1e6,
            share(ahead)
        );
        if let Some(whole) = seconds_as_a_whole(&convolution) {
            println!("    as a whole {:.1} us, {:.0} %", whole * 1e6, share(whole));
        }
    }
}
