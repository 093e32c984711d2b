//! Convolutions as products have the bits of an obvious loop: in every layout, with padding, dilation and
//! groups.

use choral_kernels::{Level, Number};
use std::mem::MaybeUninit;

use choral_kernels::cpu::product::{Operands, Setting, Sliding};
use choral_kernels::product::convolution::{Convolution, Window};
use choral_kernels::product::{Dim, Epilogue, space};

use crate::product::{Buffer, Draws, Scalar, got, levels, strides, sum};

/// The input's index under an element of the kernel.
fn under(window: &Window, place: usize, element: usize) -> Option<isize> {
    let element = if window.is_reversed { window.sizes[1] - 1 - element } else { element };
    let at = (place * window.step + element * window.kernel_dilation) as isize - window.padding;
    let dilation = window.input_dilation as isize;
    let index = at.div_euclid(dilation);
    (at.rem_euclid(dilation) == 0 && (0..window.sizes[0] as isize).contains(&index)).then_some(index)
}

/// All indices of a shape, row-major.
fn indices(sizes: &[usize]) -> Vec<Vec<usize>> {
    sizes.iter().fold(vec![Vec::new()], |all, &size| {
        all.iter().flat_map(|index| (0..size).map(move |at| [index.as_slice(), &[at]].concat())).collect()
    })
}

/// The result by definition.
fn expected(op: &Convolution, [input, kernel]: [&Buffer; 2], mut out: Buffer) -> Buffer {
    let sizes = |which: usize| op.windows.iter().map(|window| window.sizes[which]).collect::<Vec<_>>();
    let at = |offset: isize| usize::try_from(offset).unwrap();
    for batch in 0..space::size(&op.batch) {
        let b = space::offsets(&op.batch, batch);
        for feature in 0..space::size(&op.features) {
            let f = space::offsets(&op.features, feature);
            for place in indices(&sizes(2)) {
                let mut terms = Vec::new();
                for element in indices(&sizes(1)) {
                    let each = op.windows.iter().zip(place.iter().zip(&element));
                    let inside: Option<Vec<isize>> =
                        each.map(|(window, (&place, &element))| under(window, place, element)).collect();
                    let Some(inside) = inside else { continue };
                    let by = |which: usize, index: &[isize]| -> isize {
                        op.windows.iter().zip(index).map(|(window, at)| window.strides[which] * at).sum()
                    };
                    let element: Vec<isize> = element.iter().map(|&at| at as isize).collect();
                    for taken in 0..op.taken.size as isize {
                        let left = op.offsets[0] + b[0] + by(0, &inside) + taken * op.taken.strides[0];
                        let right =
                            op.offsets[1] + b[1] + f[0] + by(1, &element) + taken * op.taken.strides[1];
                        terms.push((input.get(at(left)), kernel.get(at(right))));
                    }
                }
                let by_place: isize =
                    op.windows.iter().zip(&place).map(|(window, &at)| window.strides[2] * at as isize).sum();
                out.put(at(op.offsets[2] + b[2] + f[1] + by_place), sum(op.numbers[2], &terms));
            }
        }
    }
    out
}

fn window(draws: &mut Draws) -> Window {
    let kernel = 1 + draws.below(4);
    let window = Window {
        sizes: [1 + draws.below(9), kernel, 0],
        strides: [0; 3],
        step: 1 + draws.below(3),
        padding: draws.below(4) as isize - 1,
        input_dilation: draws.one_of(&[1, 1, 2, 3]),
        kernel_dilation: draws.one_of(&[1, 1, 2, 3]),
        is_reversed: draws.below(3) == 0,
    };
    // As many places as fit, with as much padding behind as before, or fewer.
    let line = (window.sizes[0] - 1) * window.input_dilation + 1;
    let dilated = (kernel - 1) * window.kernel_dilation + 1;
    let room = line as isize + 2 * window.padding - dilated as isize;
    let places = if room < 0 { 0 } else { room as usize / window.step + 1 };
    Window { sizes: [window.sizes[0], kernel, places], ..window }
}

/// The result of the loops for convolutions as a whole, its tiles computed in several runs.
fn slid(sliding: &Sliding, [input, kernel, addend]: [&Buffer; 3], mut out: Buffer) -> Buffer {
    let mut scratch = vec![MaybeUninit::new(0xA5u8); sliding.scratch()];
    let operands = Operands {
        lhs: kernel.bytes().as_ptr(),
        rhs: input.bytes().as_ptr(),
        addend: addend.bytes().as_ptr(),
        out: out.pointer(),
    };
    for part in (0..2).rev() {
        let tiles = sliding.tiles() * part / 2..sliding.tiles() * (part + 1) / 2;
        // SAFETY: the operands have all elements of the convolution, and the level is available.
        unsafe { sliding.run(operands, &mut scratch, tiles) };
    }
    out
}

/// Runs the products of a convolution at every level, and it as a whole where there are loops for that; says at how
/// many levels there are.
fn check(op: &Convolution, lengths: [usize; 3], draws: &mut Draws) -> usize {
    let input = Buffer::drawn(op.numbers[0], lengths[0], draws);
    let kernel = Buffer::drawn(op.numbers[1], lengths[1], draws);
    let out = Buffer::new(op.numbers[2], lengths[2]);
    let right = expected(op, [&input, &kernel], out.clone());
    let operands = [kernel.clone(), input.clone(), Buffer::new(op.numbers[2], 0)];
    let mut whole = 0;
    for level in levels() {
        let setting = Setting { level, threads: draws.one_of(&[1, 8]), packed: None };
        let run = |out, product| got(&product, &operands, out, setting, 2);
        let result = op.products().into_iter().fold(out.clone(), run);
        assert_eq!(result.bytes(), right.bytes(), "{level:?} {op:#?}");
        if let Some(sliding) = Sliding::new(op, level, setting.threads) {
            let result = slid(&sliding, [&input, &kernel, &operands[2]], out.clone());
            assert_eq!(result.bytes(), right.bytes(), "as a whole, {level:?} {op:#?}");
            whole += 1;
        }
    }
    whole
}

fn drawn(numbers: [Number; 3], spatial: usize, draws: &mut Draws) -> (Convolution, [usize; 3]) {
    let (members, images, groups) = (1 + draws.below(2), draws.below(3), 1 + draws.below(2));
    let (features, taken) = (1 + draws.below(7), draws.below(4));
    let mut windows: Vec<Window> = (0..spatial).map(|_| window(draws)).collect();
    let extents = |which: usize| windows.iter().map(|window| window.sizes[which]).collect::<Vec<_>>();
    let all = [
        [vec![members, images, groups, taken], extents(0)].concat(),
        [vec![members, groups, features, taken], extents(1)].concat(),
        [vec![members, images, groups, features], extents(2)].concat(),
    ];
    let [(input, input_at), (kernel, kernel_at), (out, out_at)] =
        [0, 1, 2].map(|which| strides(&all[which], which == 2, draws));
    for (at, window) in windows.iter_mut().enumerate() {
        window.strides = [input[4 + at], kernel[4 + at], out[4 + at]];
    }
    let op = Convolution {
        numbers,
        offsets: [input_at, kernel_at, out_at, 0],
        batch: vec![
            Dim::new(members, [input[0], kernel[0], out[0], 0]),
            Dim::new(images, [input[1], 0, out[1], 0]),
            Dim::new(groups, [input[2], kernel[1], out[2], 0]),
        ],
        features: vec![Dim::new(features, [kernel[2], out[3], 0])],
        taken: Dim::new(taken, [input[3], kernel[3]]),
        windows,
        epilogue: Epilogue::default(),
    };
    // Gaps are at most one element wide in each dimension.
    let lengths = all.map(|sizes| sizes.iter().map(|&size| 2 * size.max(1)).product());
    (op, lengths)
}

#[test]
fn every_window_in_every_layout() {
    let draws = &mut Draws(5);
    let types = [
        [Number::F32; 3],
        [Number::F64; 3],
        [Number::Bf16; 3],
        [Number::I8, Number::I8, Number::I32],
        [Number::I1; 3],
    ];
    for numbers in types {
        for _ in 0..if cfg!(miri) { 1 } else { 40 } {
            let spatial = draws.one_of(&[0, 1, 1, 2, 2]);
            let (op, lengths) = drawn(numbers, spatial, draws);
            _ = check(&op, lengths, draws);
        }
    }
}

/// A convolution of images whose places lie side by side, wide enough for vectors of them.
fn wide(numbers: [Number; 3], draws: &mut Draws) -> (Convolution, [usize; 3]) {
    let (members, images, groups) = (1 + draws.below(2), 1 + draws.below(2), 1 + draws.below(2));
    let (features, taken) = (3 + draws.below(12), draws.one_of(&[1, 1, 2, 3, 5]));
    let along = |least: usize, step: usize, draws: &mut Draws| {
        let (kernel, kernel_dilation) = (1 + draws.below(4), 1 + draws.below(2));
        let padding = draws.below(5) as isize - 1;
        let places = least + draws.below(14);
        let dilated = (kernel - 1) * kernel_dilation + 1;
        let behind = draws.below(3) as isize - 1;
        let input = ((places - 1) * step + dilated) as isize - padding - behind;
        let input = input.max(1) as usize;
        let is_reversed = draws.below(3) == 0;
        let strides = [0; 3];
        Window {
            sizes: [input, kernel, places],
            strides,
            step,
            padding,
            input_dilation: 1,
            kernel_dilation,
            is_reversed,
        }
    };
    let step = 1 + draws.below(2);
    let mut windows = vec![along(1, step, draws), along(12, 1, draws)];
    if draws.below(4) == 0 {
        windows.remove(0);
    }
    let mut lengths = [1; 3];
    let mut step = |which: usize, size: usize| {
        let stride = lengths[which];
        lengths[which] *= size;
        stride as isize
    };
    for window in windows.iter_mut().rev() {
        window.strides = [0, 1, 2].map(|which| step(which, window.sizes[which]));
    }
    let taken = Dim::new(taken, [0, 1].map(|which| step(which, taken)));
    let features = Dim::new(features, [step(1, features), step(2, features), 0]);
    let by_group = [step(0, groups), step(1, groups), step(2, groups), 0];
    let image = [step(0, images), 0, step(2, images), 0];
    let member = [step(0, members), step(1, members), step(2, members), 0];
    let batch = vec![Dim::new(members, member), Dim::new(images, image), Dim::new(groups, by_group)];
    let op = Convolution {
        numbers,
        offsets: [0; 4],
        batch,
        features: vec![features],
        taken,
        windows,
        epilogue: Epilogue::default(),
    };
    (op, lengths)
}

#[test]
fn wide_images_are_convolved_as_a_whole() {
    let draws = &mut Draws(11);
    for numbers in [[Number::F32; 3], [Number::Bf16; 3], [Number::F16, Number::F32, Number::F32]] {
        let whole: usize = (0..if cfg!(miri) { 2 } else { 60 })
            .map(|_| {
                let (op, lengths) = wide(numbers, draws);
                check(&op, lengths, draws)
            })
            .sum();
        assert!(whole > 0, "{numbers:?}");
    }
}

#[test]
fn sums_as_a_whole_get_their_bias_and_rectifier() {
    let draws = &mut Draws(12);
    for _ in 0..if cfg!(miri) { 1 } else { 10 } {
        let (plain, lengths) = wide([Number::F32; 3], draws);
        let features = plain.features[0];
        let [input, kernel] = [0, 1].map(|which| Buffer::drawn(Number::F32, lengths[which], draws));
        let biases = Buffer::drawn(Number::F32, features.size, draws);
        let mut op = Convolution { epilogue: Epilogue { add: true, relu: true }, ..plain.clone() };
        op.features[0].strides[2] = 1;
        let Some(sliding) = Sliding::new(&plain, Level::best(), 1) else { continue };
        let (out, operands) = (Buffer::new(Number::F32, lengths[2]), [&input, &kernel, &biases]);
        let sums = slid(&sliding, operands, out.clone());
        let finished = slid(&Sliding::new(&op, Level::best(), 1).unwrap(), operands, out);
        for place in 0..lengths[2] {
            let feature = place / features.strides[1] as usize % features.size;
            let [Scalar::Single(sum), Scalar::Single(bias)] = [sums.get(place), biases.get(feature)] else {
                panic!("not of single precision")
            };
            let right = if sum + bias > 0.0 { sum + bias } else { 0.0 };
            assert_eq!(finished.get(place), Scalar::Single(right));
        }
    }
}

#[test]
fn padding_makes_a_few_products() {
    let window = Window {
        sizes: [26, 3, 26],
        strides: [1, 1, 1],
        step: 1,
        padding: 1,
        input_dilation: 1,
        kernel_dilation: 1,
        is_reversed: false,
    };
    let op = Convolution {
        numbers: [Number::F32; 3],
        offsets: [0; 4],
        batch: vec![],
        features: vec![],
        taken: Dim::new(1, [1, 1]),
        windows: vec![window],
        epilogue: Epilogue::default(),
    };
    let shape = |op: &Convolution| -> Vec<[usize; 4]> {
        op.products().iter().map(choral_kernels::product::Product::sizes).collect()
    };
    assert_eq!(shape(&op), [[1, 1, 1, 2], [1, 1, 24, 3], [1, 1, 1, 2]]);
    // Every other place of a transposed convolution sees other elements of the kernel.
    let transposed = Window { sizes: [4, 2, 7], padding: 0, input_dilation: 2, ..window };
    assert_eq!(shape(&Convolution { windows: vec![transposed], ..op }), [[1, 1, 4, 1], [1, 1, 3, 1]]);
}
