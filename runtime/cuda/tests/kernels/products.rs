//! Products: every tile, layouts that are aligned and that are not, sums that are cut, convolutions, 16-bit floats.

use choral_kernels::kernel::Products;
use choral_kernels::product::convolution::{Convolution, Window};
use choral_kernels::product::{Compute, Dim, Epilogue, Product, order, space};
use choral_kernels::{Kernel, Number};

use super::bits::{integer, narrowed, numbers, widened};
use super::{UNWRITTEN, run, run_changed};

/// Row-major strides of dimensions in the order of `layout`, of which the last lies innermost.
fn strides<const N: usize>(sizes: [usize; N], layout: [usize; N]) -> [isize; N] {
    let (mut strides, mut next) = ([0; N], 1);
    for &dim in layout.iter().rev() {
        strides[dim] = next;
        next *= sizes[dim] as isize;
    }
    strides
}

/// A product of members, rows, columns and terms, with the innermost dimension of lhs and rhs that is asked for.
fn product(number: Number, out: Number, [b, m, n, k]: [usize; 4], terms_inside: [bool; 2]) -> Product {
    let layout = |inside: bool| if inside { [0, 1, 2] } else { [0, 2, 1] };
    let lhs = strides([b, m, k], layout(terms_inside[0]));
    let rhs = strides([b, n, k], layout(terms_inside[1]));
    let result = strides([b, m, n], [0, 1, 2]);
    Product {
        lhs: number,
        rhs: number,
        out,
        offsets: [0; 4],
        batch: vec![Dim::new(b, [lhs[0], rhs[0], result[0], 0])],
        m: vec![Dim::new(m, [lhs[1], result[1], 0])],
        n: vec![Dim::new(n, [rhs[1], result[2], 1])],
        k: vec![Dim::new(k, [lhs[2], rhs[2]])],
        epilogue: Epilogue::default(),
    }
}

/// One sum, by the order of sums.
fn sum(product: &Product, [lhs, rhs]: [&[u8]; 2], at: [isize; 2]) -> Vec<u8> {
    let terms = product.sizes()[3];
    let place = |term: usize| {
        let along = space::offsets(&product.k, term);
        [0, 1].map(|operand| (at[operand] + along[operand]) as usize)
    };
    let compute = product.compute();
    if !compute.is_float() {
        let pairs = (0..terms).map(|term| {
            let [left, right] = place(term);
            (integer(product.lhs, lhs, left), integer(product.rhs, rhs, right))
        });
        let sum = match compute {
            Compute::Truth => pairs.fold(0, |sum, (x, y)| sum | (x & y)),
            _ => pairs.fold(0u64, |sum, (x, y)| sum.wrapping_add(x.wrapping_mul(y))),
        };
        return sum.to_le_bytes()[..product.out.bytes()].to_vec();
    }
    let (mut kept, mut sum): (Vec<f64>, f64) = (Vec::new(), 0.0);
    let is_double = compute == Compute::F64;
    let rounded = |value: f64| if is_double { value } else { f64::from(value as f32) };
    for chunk in order::chunks(terms, terms.max(1), true) {
        if chunk.begins {
            sum = 0.0;
        }
        for term in chunk.terms {
            let [left, right] = place(term);
            let (x, y) = (widened(product.lhs, lhs, left), widened(product.rhs, rhs, right));
            sum = match is_double {
                true => x.mul_add(y, sum),
                false => f64::from((x as f32).mul_add(y as f32, sum as f32)),
            };
        }
        for _ in 0..chunk.merges.unwrap_or(0) {
            sum = rounded(kept.pop().unwrap() + sum);
        }
        kept.push(sum);
    }
    if is_double { sum.to_le_bytes().to_vec() } else { narrowed(product.out, sum as f32) }
}

/// What a product writes.
fn expect(product: &Product, [lhs, rhs, addend]: [&[u8]; 3], out: &mut [u8]) {
    let [members, rows, columns, _] = product.sizes();
    for (member, row, column) in
        (0..members * rows * columns).map(|at| (at / columns / rows, at / columns % rows, at % columns))
    {
        let [b, m, n] = [
            space::offsets(&product.batch, member).to_vec(),
            space::offsets(&product.m, row).to_vec(),
            space::offsets(&product.n, column).to_vec(),
        ];
        let [left, right, to, added] = product.offsets;
        let mut made = sum(product, [lhs, rhs], [left + b[0] + m[0], right + b[1] + n[0]]);
        let with = |made: &[u8], change: &dyn Fn(f64) -> f64| {
            let value = change(widened(product.out, made, 0));
            if product.out == Number::F64 {
                value.to_le_bytes().to_vec()
            } else {
                (value as f32).to_le_bytes().to_vec()
            }
        };
        if product.epilogue.add {
            let other = widened(product.out, addend, (added + b[3] + m[2] + n[2]) as usize);
            made = with(&made, &|value| value + other);
        }
        if product.epilogue.relu {
            made = with(&made, &|value| if value <= 0.0 { 0.0 } else { value });
        }
        let to = (to + b[2] + m[1] + n[1]) as usize * made.len();
        out[to..][..made.len()].copy_from_slice(&made);
    }
}

/// A kernel of products, and buffers for it of so many further elements.
fn made(products: &[Product], further: usize) -> (Kernel, Vec<Vec<u8>>) {
    let first = products[0].clone();
    let reach = |operand: usize| {
        let reaches = products.iter().filter_map(|product| product.reach()[operand]);
        reaches.map(|(_, last)| last as usize + 1).max().unwrap_or(1) + further + 5
    };
    let elements = [(first.lhs, reach(0)), (first.rhs, reach(1)), (first.out, reach(3))];
    let mut buffers: Vec<Vec<u8>> =
        elements.iter().enumerate().map(|(at, &(number, count))| numbers(number, count, at as u64)).collect();
    buffers.push(vec![UNWRITTEN; reach(2) * first.out.bytes()]);
    let kernel = Products {
        products: products.to_vec(),
        convolution: None,
        lhs: 0,
        rhs: 1,
        addend: first.epilogue.add.then_some(2),
        out: 3,
        packed: None,
    };
    (Kernel::Products(kernel), buffers)
}

/// Runs products, in rounds if that is asked for, and compares all of their buffers.
fn check(products: Vec<Product>, rounds: Option<(usize, usize)>) {
    let (count, step) = rounds.unwrap_or((1, 0));
    let (kernel, buffers) = made(&products, (count - 1) * step);
    let first = &products[0];
    let bytes = first.out.bytes();
    let further = rounds.map(|(count, step)| (count, (step * bytes) as isize));
    let Some(got) = run(kernel, &buffers, further) else { return };
    let mut expected = buffers[3].clone();
    for round in 0..count {
        let skip = round * step * bytes;
        let [lhs, rhs, addend] = [&buffers[0][skip..], &buffers[1][skip..], &buffers[2][skip..]];
        products.iter().for_each(|product| expect(product, [lhs, rhs, addend], &mut expected[skip..]));
    }
    assert!(got[..3] == buffers[..3], "operands have changed: {first:?}");
    let differing =
        got[3].chunks(bytes).zip(expected.chunks(bytes)).position(|(got, expected)| got != expected);
    assert_eq!(differing, None, "{} products, the first is {first:?}", products.len());
}

const LAYOUTS: [[bool; 2]; 4] = [[true, false], [true, true], [false, false], [false, true]];

#[test]
fn tiles_of_every_shape_have_edges() {
    let shapes = [
        [132, 121, 125, 8],
        [1, 300, 260, 20],
        [40, 130, 140, 9],
        [1, 65, 66, 33],
        [3, 33, 70, 40],
        [2, 16, 200, 24],
        [2, 7, 140, 17],
        [1, 4, 300, 65],
        [1, 3, 65, 40],
        [1, 2, 64, 64],
        [1, 1, 70, 130],
        [5, 70, 1, 40],
        [2, 260, 3, 16],
        [1, 1, 1, 1],
        [1, 5, 6, 0],
    ];
    for (at, shape) in shapes.into_iter().enumerate() {
        check(vec![product(Number::F32, Number::F32, shape, LAYOUTS[at % 4])], None);
    }
}

#[test]
fn sides_by_side_come_together() {
    for inside in LAYOUTS {
        for shape in [[2, 64, 128, 32], [1, 132, 136, 48], [1, 4, 260, 64], [2, 1, 128, 64]] {
            check(vec![product(Number::F32, Number::F32, shape, inside)], None);
        }
        // Where the rule of alignment does not hold, by an offset or by a stride.
        let mut shifted = product(Number::F32, Number::F32, [1, 64, 64, 32], inside);
        shifted.offsets = [4, 2, 1, 0];
        check(vec![shifted], None);
    }
}

#[test]
fn slices_are_not_aligned() {
    for (number, inside) in [(Number::F32, LAYOUTS[0]), (Number::F32, LAYOUTS[3]), (Number::Bf16, LAYOUTS[1])]
    {
        let mut product = product(number, number, [1, 20, 24, 16], inside);
        product.epilogue.add = number == Number::F32;
        check(vec![product], Some((5, 1)));
    }
}

#[test]
fn all_types_multiply() {
    use Number::{Bf16, F16, F32, F64, I1, I8, I16, I32, I64, U8, U16, U32, U64};
    for number in [F64, I1, I8, I16, I32, I64, U8, U16, U32, U64] {
        check(vec![product(number, number, [2, 20, 36, 24], [true, false])], None);
        check(vec![product(number, number, [1, 140, 130, 7], [false, true])], None);
    }
    for (number, out) in [(F32, F64), (F16, F64), (I8, I32), (F16, F32), (Bf16, F32), (Bf16, F64), (I16, I64)]
    {
        check(vec![product(number, out, [2, 18, 40, 24], [true, true])], None);
    }
    let mut mixed = product(Bf16, F32, [1, 20, 40, 16], [true, false]);
    mixed.rhs = F32;
    check(vec![mixed], None);
}

#[test]
fn warps_multiply_small_floats() {
    for number in [Number::F16, Number::Bf16] {
        for inside in LAYOUTS {
            for shape in [[1, 16, 16, 16], [1, 50, 70, 40], [2, 3, 130, 33], [1, 200, 5, 72], [1, 1, 1, 5]] {
                check(vec![product(number, number, shape, inside)], None);
            }
        }
        check(vec![product(number, Number::F32, [1, 136, 264, 32], [true, false])], None);
    }
    // Tiles of 128 x 128.
    check(vec![product(Number::Bf16, Number::F32, [132, 124, 121, 16], [false, false])], None);
}

#[test]
fn what_lies_beyond_the_last_term_leaves_signs_of_zeros() {
    for (number, tiny) in [(Number::F32, 1e-30f32), (Number::Bf16, 1e-30), (Number::F16, 0.0)] {
        let product = product(number, Number::F32, [1, 9, 10, 5], [true, false]);
        let (kernel, mut buffers) = made(std::slice::from_ref(&product), 0);
        for (buffer, value) in [(0, -tiny), (1, tiny)] {
            buffers[buffer] = narrowed(number, value).repeat(buffers[buffer].len() / number.bytes());
        }
        let Some(got) = run(kernel, &buffers, None) else { return };
        let mut expected = buffers[3].clone();
        expect(&product, [&buffers[0], &buffers[1], &buffers[2]], &mut expected);
        assert!(tiny == 0.0 || expected[..4] == (-0.0f32).to_le_bytes());
        assert!(got[3] == expected, "{number}");
    }
}

/// Bugs in the source are seen: each of these changes what comes out.
#[test]
fn planted_bugs_are_seen() {
    if std::env::var_os("CHORAL_NVRTC").is_some() {
        return;
    }
    let f32 = Number::F32;
    let plain = [product(f32, f32, [1, 64, 64, 80], [true, false])];
    let cut = [product(f32, f32, [1, 5, 6, 9000], [true, false])];
    let of_halves = |inside| [product(Number::Bf16, f32, [1, 40, 40, 80], inside)];
    let (rows, columns) = (of_halves([true, true]), of_halves([false, false]));
    let convolved = convolution([40, 12], vec![window([9, 3], 1, 1, [1, 1])], 3, f32, false).products();
    let planted: [(&[Product], [&str; 2]); 12] = [
        (&plain, ["__syncthreads();\n            }\n", "}\n"]),
        (&plain, ["right + (stage - 1) % 2", "right + stage % 2"]),
        (&plain, ["down < 64", "down < 63"]),
        (&cut, ["team.wait();\n", "\n"]),
        (&cut, ["kept[depth][r][c] + sums[r][c]", "kept[0][r][c] + sums[r][c]"]),
        (&cut, ["begin + 2048 :", "begin + 2047 :"]),
        (&rows, ["y[c / 2][c % 2 * 2 + 1]}", "y[c / 2][c % 2 * 2]}"]),
        (&rows, ["lane / 8 % 2 * 8", "lane / 4 % 2 * 8"]),
        (&columns, ["load_matrices_turned(x", "load_matrices(x"]),
        (&columns, ["c / 2 * 8", "c % 2 * 8"]),
        (&convolved, ["distances[stage % 2][1]", "distances[0][1]"]),
        (&convolved, ["first + term < end", "first + term <= end"]),
    ];
    for (products, change) in planted {
        let (kernel, buffers) = made(products, 0);
        let Some(right) = run(kernel.clone(), &buffers, None) else { return };
        let wrong = run_changed(kernel, &buffers, change);
        assert!(wrong.is_some_and(|wrong| wrong != right), "not seen: {change:?}");
    }
}

#[test]
fn long_sums_are_cut() {
    let f32 = Number::F32;
    for terms in [4096, 4097, 6144, 10_000, 16_384 + 1] {
        check(vec![product(f32, f32, [1, 5, 6, terms], [true, false])], None);
    }
    check(vec![product(f32, f32, [300, 2, 3, 5000], [true, true])], None);
    check(vec![product(Number::F64, Number::F64, [1, 3, 4, 4200], [false, false])], None);
    check(vec![product(Number::I32, Number::I32, [1, 3, 4, 4200], [false, false])], None);
    check(vec![product(Number::Bf16, Number::Bf16, [1, 3, 4, 4200], [true, true])], None);
}

#[test]
fn what_is_added_is_added_last() {
    let mut product = product(Number::F32, Number::F32, [2, 40, 72, 20], [true, false]);
    product.epilogue = Epilogue { add: true, relu: true };
    check(vec![product.clone()], None);
    // Members share rhs, and their rows are rows of one product.
    product.batch[0].strides[1] = 0;
    check(vec![product], None);
}

/// An image of so many features and extents, features first or last.
fn convolution(
    features: [usize; 2],
    windows: Vec<Window>,
    images: usize,
    number: Number,
    is_last: bool,
) -> Convolution {
    let [taken, made] = features;
    let extents = |at: usize| -> Vec<usize> { windows.iter().map(|window| window.sizes[at]).collect() };
    let place = |inner: usize, sizes: &[usize]| {
        let mut next = if is_last { inner } else { 1 };
        let mut strides: Vec<isize> = Vec::new();
        for &size in sizes.iter().rev() {
            strides.insert(0, next as isize);
            next *= size;
        }
        let all: usize = sizes.iter().product();
        (strides, if is_last { 1 } else { all as isize }, (inner * all) as isize)
    };
    let (input, input_by_feature, image) = place(taken, &extents(0));
    let (kernel, kernel_by_taken, kernel_by_made) = place(taken, &extents(1));
    let (out, out_by_feature, result) = place(made, &extents(2));
    let strided = windows
        .iter()
        .enumerate()
        .map(|(at, window)| Window { strides: [input[at], kernel[at], out[at]], ..*window });
    Convolution {
        numbers: [number; 3],
        offsets: [0; 4],
        batch: vec![Dim::new(images, [image, 0, result, 0])],
        features: vec![Dim::new(made, [kernel_by_made, out_by_feature, 1])],
        taken: Dim::new(taken, [input_by_feature, kernel_by_taken]),
        windows: strided.collect(),
        epilogue: Epilogue { add: number == Number::F32, relu: false },
    }
}

fn window(
    [input, kernel]: [usize; 2],
    step: usize,
    padding: isize,
    [input_dilation, kernel_dilation]: [usize; 2],
) -> Window {
    let reach = (kernel - 1) * kernel_dilation + 1;
    let places =
        (((input - 1) * input_dilation + 1) as isize + 2 * padding - reach as isize) as usize / step + 1;
    Window {
        sizes: [input, kernel, places],
        strides: [0; 3],
        step,
        padding,
        input_dilation,
        kernel_dilation,
        is_reversed: false,
    }
}

#[test]
fn convolutions_are_one_loop_of_products() {
    let plain = |input: usize| window([input, 3], 1, 1, [1, 1]);
    for is_last in [false, true] {
        for number in [Number::F32, Number::F16] {
            check(convolution([8, 12], vec![plain(9), plain(10)], 3, number, is_last).products(), None);
        }
        let strided = vec![window([11, 5], 2, 2, [1, 1]), window([12, 3], 3, 1, [1, 2])];
        check(convolution([3, 5], strided, 2, Number::F32, is_last).products(), None);
        let dilated = vec![window([6, 3], 1, 2, [2, 1]), window([7, 4], 2, 1, [3, 1])];
        check(convolution([4, 20], dilated, 2, Number::F32, is_last).products(), None);
        check(convolution([4, 8], vec![plain(40)], 2, Number::I32, is_last).products(), None);
    }
    // Sums inside are cut, and those at the edges are not.
    let deep = vec![plain(5), plain(5)];
    check(convolution([500, 3], deep, 1, Number::F32, true).products(), None);
}
