//! Methods of traced values: what they compute, for one and for many, and what they refuse.

use choral::Error;
use choral::prelude::*;
use insta::assert_snapshot;

type TestResult = Result<(), Error>;

const NAN: f32 = f32::NAN;

/// What a function makes of a tensor, the same on both devices, and as a member among others.
#[track_caller]
fn of<const N: usize>(x: &Tensor, f: impl Fn(Var) -> [Var; N] + Clone) -> [Tensor; N] {
    let results = jit(f.clone()).on(Device::Reference).call(x).expect("a result");
    let close = |got: &Tensor, expected: &Tensor| {
        let pairs = got.to_f64_vec().into_iter().zip(expected.to_f64_vec());
        let near = |(x, y): (f64, f64)| {
            x == y || (x - y).abs() <= 1e-5 * y.abs().max(1.0) || x.is_nan() && y.is_nan()
        };
        got.ty() == expected.ty() && pairs.into_iter().all(near)
    };
    for (got, expected) in jit(f.clone()).call(x).expect("a result").iter().zip(&results) {
        assert!(close(got, expected), "on the CPU {got}, by definition {expected}");
    }
    let members = Tensor::stack(&[x.clone(), x.clone()]).expect("two members");
    for (got, expected) in vmap(f, 0).call(&members).expect("a mapped result").iter().zip(&results) {
        let own = got.index(1).expect("a member");
        assert!(close(&own, expected), "a member gives {own}, alone it gives {expected}");
    }
    results
}

#[track_caller]
fn check(got: &Tensor, expected: impl Into<Tensor>) {
    let expected = expected.into();
    let near = |(x, y): (f64, f64)| x == y || (x - y).abs() <= 1e-5 || x.is_nan() && y.is_nan();
    let same = got.to_f64_vec().into_iter().zip(expected.to_f64_vec()).all(near);
    assert!(got.ty() == expected.ty() && same, "got {got}, expected {expected}");
}

#[test]
fn sorting() {
    let x = Tensor::from([[3.0f32, NAN, 1.0, 3.0], [-0.0, 2.0, f32::NEG_INFINITY, 0.0]]);
    let [values, places] = of(&x, |x| x.sort(-1, false).into());
    check(&values, [[1.0f32, 3.0, 3.0, NAN], [f32::NEG_INFINITY, -0.0, 0.0, 2.0]]);
    check(&places, [[2i64, 0, 3, 1], [2, 0, 3, 1]]);
    let [values, places] = of(&x, |x| x.sort(1, true).into());
    check(&values, [[NAN, 3.0f32, 3.0, 1.0], [2.0, -0.0, 0.0, f32::NEG_INFINITY]]);
    check(&places, [[1i64, 0, 3, 2], [1, 0, 3, 2]]);
    let [columns] = of(&Tensor::from([[2, 1], [0, 3], [1, 2]]), |x| [x.argsort(0, false)]);
    check(&columns, [[1i64, 0], [2, 2], [0, 1]]);
    let [values, places] = of(&x, |x| x.topk(2).into());
    check(&values, [[NAN, 3.0f32], [2.0, 0.0]]);
    assert_eq!(places.as_slice::<i64>().expect("indices")[..2], [1, 0]);
}

#[test]
fn running_folds() {
    let x = Tensor::from([[1.0f32, -2.0, 3.0], [4.0, 5.0, -6.0]]);
    let [sums, products, greatest, least] =
        of(&x, |x| [x.cumsum(1), x.cumprod(-1), x.cummax(0), x.cummin(1)]);
    check(&sums, [[1.0f32, -1.0, 2.0], [4.0, 9.0, 3.0]]);
    check(&products, [[1.0f32, -2.0, -6.0], [4.0, 20.0, -120.0]]);
    check(&greatest, [[1.0f32, -2.0, 3.0], [4.0, 5.0, 3.0]]);
    check(&least, [[1.0f32, -2.0, -2.0], [4.0, 4.0, -6.0]]);
    let [nothing] = of(&Tensor::randn([2, 0], Key::new(0)), |x| [x.cumsum(1)]);
    assert_eq!(nothing.shape(), [2, 0]);
}

#[test]
fn places_that_are_values() {
    let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let [columns] = of(&x, |x| [x.index_select(1, &x.constant(&Tensor::from([2, 0])))]);
    check(&columns, [[3.0f32, 1.0], [6.0, 4.0]]);
    let [picked] = of(&x, |x| [x.gather(1, &x.constant(&Tensor::from([[0, 0], [2, 1]])))]);
    check(&picked, [[1.0f32, 1.0], [6.0, 5.0]]);
    let added = |x: Var| {
        let places = x.constant(&Tensor::from([[0, 0, 1], [9, 1, 0]]));
        [x.full([2, 3], 0.0).scatter_add(0, &places, &x)]
    };
    let [added] = of(&x, added);
    check(&added, [[1.0f32, 2.0, 6.0], [0.0, 5.0, 3.0]]);
    let slices = |x: Var| {
        let [one, far] = [1.0, 7.0].map(|start| x.full([], start).to(DType::I32));
        let laid = x.dynamic_update_slice(&x.full([1, 2], 0.0), &[&one, &one]);
        [x.dynamic_slice(&[&one, &far], [1, 2]), laid]
    };
    let [slice, laid] = of(&x, slices);
    check(&slice, [[5.0f32, 6.0]]);
    check(&laid, [[1.0f32, 2.0, 3.0], [4.0, 0.0, 0.0]]);
    let [classes] = of(&Tensor::from([2, 0, 5]), |x| [x.one_hot(3)]);
    check(&classes, [[0i64, 0, 1], [1, 0, 0], [0, 0, 0]]);
}

/// Per-member starts, places and classes.
#[test]
fn places_of_each_members_own() -> TestResult {
    let x = Tensor::from([1.0f32, 2.0, 3.0, 4.0]);
    let window = |(x, start): (Var, Var)| x.dynamic_slice(&[&start], [2]);
    check(
        &vmap(window, (None, 0)).call((&x, &Tensor::from([0, 2, 9])))?,
        [[1.0f32, 2.0], [3.0, 4.0], [3.0, 4.0]],
    );
    let pick = |(x, places): (Var, Var)| x.gather(0, &places);
    check(&vmap(pick, (None, 0)).call((&x, &Tensor::from([[0, 3], [1, 1]])))?, [[1.0f32, 4.0], [2.0, 2.0]]);
    Ok(())
}

#[test]
fn matrices() {
    let a = Tensor::from([[4.0f32, 2.0], [2.0, 5.0]]);
    let factor = |x: Var| {
        let l = x.cholesky();
        [l.clone(), l.solve_triangular(&x, false), l.transpose(0, 1).solve_triangular(&x, true)]
    };
    let [l, solved, upper] = of(&a, factor);
    check(&l, [[2.0f32, 0.0], [1.0, 2.0]]);
    check(&solved, [[2.0f32, 1.0], [0.0, 2.0]]);
    check(&upper, [[1.5f32, -0.25], [1.0, 2.5]]);
    let x = Tensor::from([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    let [lower, upper] = of(&x, |x| [x.tril(0), x.triu(1)]);
    check(&lower, [[1, 0, 0], [4, 5, 0], [7, 8, 9]]);
    check(&upper, [[0, 2, 3], [0, 0, 6], [0, 0, 0]]);
}

#[test]
fn parts_and_wholes() {
    let x = Tensor::from([[1, 2, 3], [4, 5, 6]]);
    let [stacked, rolled, rows, rest] = of(&x, |x| {
        let [first, second] = [x.select(0, 0), x.unbind(0).remove(1)];
        let parts = x.chunk(2, 1);
        [first.stack(&[&second], -1), x.roll(1, 1), parts[0].clone(), parts[1].clone()]
    });
    check(&stacked, [[1, 4], [2, 5], [3, 6]]);
    check(&rolled, [[3, 1, 2], [6, 4, 5]]);
    check(&rows, [[1, 2], [4, 5]]);
    check(&rest, [[3], [6]]);
}

#[test]
fn folds() {
    let x = Tensor::from([[1.0f32, 0.0, 3.0], [4.0, NAN, -6.0]]);
    let [least, any, all, deviation] =
        of(&x, |x| [x.argmin(1), x.gt(3.5).any(1), x.all(()), x.select(0, 0).std((), 1)]);
    check(&least, [1i64, 1]);
    assert_eq!(any.as_slice::<bool>().expect("truth"), [false, true]);
    assert!(!all.item::<bool>().expect("truth"));
    check(&deviation, 1.527_525_3_f32);
}

/// Against the standard library, far from where they are not defined.
#[test]
fn elementwise() {
    let x = Tensor::from([0.25f32, 0.5, -0.75]);
    let by = |f: fn(f64) -> f64| Tensor::from_fn([3], |at| f(x.to_f64_vec()[at]) as f32);
    let results = of(&x, |x| {
        [
            x.sinh(),
            x.cosh(),
            x.asin(),
            x.acos(),
            x.atan(),
            x.asinh(),
            (&x + 2.0).acosh(),
            x.atanh(),
            x.cbrt(),
            x.square(),
        ]
    });
    let expected: [fn(f64) -> f64; 10] = [
        f64::sinh,
        f64::cosh,
        f64::asin,
        f64::acos,
        f64::atan,
        f64::asinh,
        |x| (x + 2.0).acosh(),
        f64::atanh,
        f64::cbrt,
        |x| x * x,
    ];
    for (got, expected) in results.iter().zip(expected) {
        check(got, by(expected));
    }
    let [inverse, complement, softplus, leaky, elu] =
        of(&x, |x| [x.erf().erfinv(), x.erf() + x.erfc(), x.softplus(), x.leaky_relu(0.1), x.elu(2.0)]);
    check(&inverse, by(|x| x));
    check(&complement, by(|_| 1.0));
    check(&softplus, by(|x| x.exp().ln_1p()));
    check(&leaky, by(|x| if x > 0.0 { x } else { 0.1 * x }));
    check(&elu, by(|x| if x > 0.0 { x } else { 2.0 * x.exp_m1() }));
    // lgamma(5) = ln 24, digamma(1) = -gamma.
    let [gamma, psi] = of(&Tensor::from([5.0f32, 1.0]), |x| [x.lgamma(), x.digamma()]);
    check(&gamma, [24f32.ln(), 0.0]);
    check(&psi, [1.506_117_7_f32, -0.577_215_7]);
    let [odd] = of(&Tensor::from([1.0f32, NAN]), |x| [x.isnan()]);
    assert_eq!(odd.as_slice::<bool>().expect("truth"), [false, true]);
}

fn halves(dtype: DType, shape: impl Into<Vec<usize>>, element: impl Fn(usize) -> f32) -> Tensor {
    Tensor::from_fn(shape, element).to_dtype(dtype)
}

#[track_caller]
fn check_all(got: &Tensor, dtype: DType, expected: f64) {
    assert!(got.dtype() == dtype && got.to_f64_vec().iter().all(|&x| x == expected), "{got} not {expected}");
}

/// What accumulates is not rounded before its end: in `bf16` a sum of ones stops at 256, in `f16` at 2048.
#[test]
fn sums_of_halves_do_not_stop() {
    for dtype in [DType::Bf16, DType::F16] {
        let ones = halves(dtype, [4096], |_| 1.0);
        let many = if dtype == DType::F16 { 2100 } else { 400 };
        let [sum, mean, running, softmax] = of(&ones, move |x| {
            let running = x.narrow(0, 0, many).cumsum(0).select(0, many - 1);
            [x.sum(()), x.mean(0), running, x.softmax(0)]
        });
        check_all(&sum, dtype, 4096.0);
        check_all(&mean, dtype, 1.0);
        check_all(&running, dtype, many as f64);
        check_all(&softmax, dtype, 1.0 / 4096.0);
        let [shares, logs, all] =
            of(&ones, |x| [x.softmax(0).sum(()), x.log_softmax(0).exp().sum(()), x.logsumexp(()).exp()]);
        check_all(&shares, dtype, 1.0);
        assert!(logs.dtype() == dtype && (logs.to_f64_vec()[0] - 1.0).abs() < 0.02, "{logs}");
        assert!((all.to_f64_vec()[0] / (4096.0 * 1f64.exp()) - 1.0).abs() < 0.05, "{all}");
        let waves = halves(dtype, [64, 64], |at| if at % 2 == 0 { 1.0 } else { 3.0 });
        let pooled = |x: Var| {
            let [mean, all] = [x.avg_pool(&[32, 32], &[32, 32], &[0, 0]), x.reshape([4096])];
            let places = x.full([4096], 1.0).to(DType::I64);
            [
                mean,
                all.var((), 0),
                all.std((), 1),
                all.full([3], 0.0).scatter_add(0, &places, &all).select(0, 1),
            ]
        };
        let [pooled, var, std, added] = of(&waves, pooled);
        check_all(&pooled, dtype, 2.0);
        check_all(&var, dtype, 1.0);
        check_all(&std, dtype, 1.0);
        check_all(&added, dtype, 8192.0);
        let [product] = of(&halves(dtype, [400], |_| 1.0078125), |x| [x.cumprod(0).select(0, 399)]);
        let exact = halves(dtype, [], |_| 1.0078125f32.powi(400)).to_f64_vec()[0];
        assert!((product.to_f64_vec()[0] / exact - 1.0).abs() < 0.01, "{product}, not {exact}");
    }
}

/// The gradient of a bias is a sum over the rows of a batch.
#[test]
fn gradients_of_biases_are_sums_of_all_rows() {
    let rows = halves(DType::Bf16, [2048, 4], |at| (at % 7) as f32 * 1e-3 - 3.5e-3);
    let [sum] = of(&rows, |x| [x.sum(0)]);
    let exact = |column: usize| rows.to_f64_vec().iter().skip(column).step_by(4).sum::<f64>() as f32;
    assert_eq!(sum, Tensor::from_fn([4], exact).to_dtype(DType::Bf16));
    assert!(sum.to_f64_vec().iter().all(|sum| (sum + 1.02).abs() < 0.02), "{sum}");
}

/// Booleans are counted: what PyTorch and JAX do, in 32 bits as in JAX.
#[test]
fn sums_of_truth_values_count() {
    let x = Tensor::from_fn([2, 300], |at| at % 3 != 0);
    let [rows, all, running, product, products] =
        of(&x, |x| [x.sum(1), x.sum(()), x.cumsum(1).select(1, 299), x.prod(0), x.cumprod(1).select(1, 0)]);
    check(&rows, [200, 200]);
    check(&all, 400);
    check(&running, [200, 200]);
    assert_eq!(product, Tensor::from_fn([300], |at| i32::from(at % 3 != 0)));
    check(&products, [0, 0]);
    let [share, shares, pooled] =
        of(&x, |x| [x.mean(()), x.mean(1), x.avg_pool(&[300], &[300], &[0]).reshape([2])]);
    check(&share, 2.0f32 / 3.0);
    check(&shares, [2.0f32 / 3.0; 2]);
    check(&pooled, [2.0f32 / 3.0; 2]);
    let [most, least] = of(&x, |x| [x.amax(1), x.amin(1)]);
    check(&most, [true, true]);
    check(&least, [false, false]);
}

#[test]
fn logsumexp_at_the_edges() {
    const INF: f32 = f32::INFINITY;
    let rows = Tensor::from([
        [-INF, -INF, -INF],
        [-INF, 1.0, INF],
        [INF, -INF, INF],
        [NAN, INF, 0.0],
        [-INF, 2.0, -INF],
    ]);
    let shares = [[NAN; 3], [NAN; 3], [NAN; 3], [NAN; 3], [0.0, 1.0, 0.0]];
    for dtype in [DType::F16, DType::Bf16, DType::F32, DType::F64] {
        let typed = |expected: Tensor| expected.to_dtype(dtype);
        let [along, across, of_all, softmax, logs] = of(&typed(rows.clone()), |x| {
            let turned = x.transpose(0, 1);
            let of_all = x.unsqueeze(1).logsumexp([1, -1]);
            [x.logsumexp(-1), turned.logsumexp(0), of_all, x.softmax(1), x.log_softmax(1)]
        });
        for result in [along, across, of_all] {
            check(&result, typed(Tensor::from([-INF, INF, INF, NAN, 2.0])));
        }
        check(&softmax, typed(Tensor::from(shares)));
        check(&logs.index(4).expect("a row"), typed(Tensor::from([-INF, 0.0, -INF])));
        let [every, none, nothing] = of(&typed(Tensor::from([[-INF, 3.0], [-INF, 1.0]])), |x| {
            [x.logsumexp([]), x.logsumexp(()), x.narrow(1, 0, 0).logsumexp(1)]
        });
        check(&every, typed(Tensor::from([[-INF, 3.0], [-INF, 1.0]])));
        assert!((none.to_f64_vec()[0] - 3.126_928).abs() < 0.02, "{none}");
        check(&nothing, typed(Tensor::from([-INF, -INF])));
    }
}

#[test]
fn variances_at_the_edges() {
    for dtype in [DType::F16, DType::Bf16, DType::F32, DType::F64] {
        let x = Tensor::from([[5.0f32, f32::INFINITY], [5.0, 1.0]]).to_dtype(dtype);
        let [one, alone, none, infinite, beyond] = of(&x, |x| {
            let rows = x.narrow(0, 0, 1);
            let none = x.narrow(0, 0, 0);
            [rows.var(0, 1), rows.var(0, 0), none.var(0, 0), x.var(0, 0), x.var(0, 3)]
        });
        check(&one, Tensor::from([NAN, NAN]).to_dtype(dtype));
        check(&alone, Tensor::from([0.0, NAN]).to_dtype(dtype));
        check(&none, Tensor::from([NAN, NAN]).to_dtype(dtype));
        check(&infinite, Tensor::from([0.0, NAN]).to_dtype(dtype));
        check(&beyond, Tensor::from([NAN, NAN]).to_dtype(dtype));
    }
    // The mean of the squares less the square of the mean would be nothing but rounding.
    let [far] = of(&Tensor::from_fn([1024], |at| 1e4 + [-0.25f32, 0.25][at % 2]), |x| [x.var((), 0)]);
    check(&far, 0.0625f32);
    let [far] = of(&halves(DType::F16, [1024], |at| 1e3 + [-0.5, 0.5][at % 2]), |x| [x.var((), 0)]);
    check_all(&far, DType::F16, 0.25);
}

/// As sums written out, over operands of one, two and three dimensions.
#[test]
fn einsums() {
    let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let [sums, transposed, gram, outer, total] = of(&x, |x| {
        [
            einsum("ij->i", &[&x]),
            einsum("ij->ji", &[&x]),
            einsum("ik, jk", &[&x, &x]),
            einsum("i,j->ji", &[&x.select(0, 0), &x.select(0, 1)]),
            einsum("ij,ij,ij->", &[&x, &x, &x]),
        ]
    });
    check(&sums, [6.0f32, 15.0]);
    check(&transposed, [[1.0f32, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    check(&gram, [[14.0f32, 32.0], [32.0, 77.0]]);
    check(&outer, [[4.0f32, 8.0, 12.0], [5.0, 10.0, 15.0], [6.0, 12.0, 18.0]]);
    check(&total, 441.0f32);
    let heads = Tensor::randn([2, 4, 3, 5], Key::new(1));
    let [scores, by_hand] = of(&heads, |x| {
        let hand = x.permute([0, 2, 1, 3]).matmul(&x.permute([0, 2, 3, 1]));
        [einsum("bqhd,bkhd->bhqk", &[&x, &x]), hand]
    });
    check(&scores, by_hand);
}

#[test]
fn what_does_not_fit_is_told() {
    let faults = |f: &dyn Fn(Var) -> Vec<Var>| {
        let error = jit(|x: Var| f(x)).call(&Tensor::randn([2, 3], Key::new(0))).expect_err("faults");
        error.to_string().lines().filter(|line| !line.starts_with("  at ")).collect::<Vec<_>>().join("\n")
    };
    let sums = faults(&|x| {
        ["ij,jk->ik", "ijk->i", "ii->i", "ij->ik", "i1->i"].map(|equation| einsum(equation, &[&x])).into()
    });
    assert_snapshot!(sums, @"
    einsum: ij,jk->ik: 2 operands are named, 1 given
    einsum: ijk->i: `ijk` names 3 dimensions of tensor<2x3xf32>
    einsum: ii->i: `i` names two dimensions of one value
    einsum: ij->ik: the result's `k` is in no operand
    einsum: i1->i: `1` is not a letter
    ");
    let two = faults(&|x| vec![einsum("ij,jk", &[&x, &x]), einsum("", &[])]);
    assert_snapshot!(two, @"
    einsum: ij,jk: `j` is both 3 and 2
    einsum: expected operands, got none
    ");
    let means = faults(&|x| {
        let (truth, integers) = (x.gt(0.0), x.to(DType::I32));
        vec![truth.var((), 0), integers.mean(0), integers.avg_pool(&[2], &[1], &[0]), integers.std(1, 0)]
    });
    assert_snapshot!(means, @"
    var: tensor<2x3xi1> does not hold floats, and its mean would be truncated; convert it first: x.to(DType::F32)
    mean: tensor<2x3xi32> does not hold floats, and its mean would be truncated; convert it first: x.to(DType::F32)
    avg_pool: tensor<2x3xi32> does not hold floats, and its mean would be truncated; convert it first: x.to(DType::F32)
    std: tensor<2x3xi32> does not hold floats, and its mean would be truncated; convert it first: x.to(DType::F32)
    ");
    let others = faults(&|x| {
        let (places, vector) = (x.full([2, 2], 0.0).to(DType::I32), x.select(0, 0));
        let (values, indices) = x.sort(2, false);
        vec![
            values,
            indices,
            x.topk(4).0,
            x.cumsum(-3),
            x.gather(0, &places),
            x.index_select(0, &places),
            x.stack(&[&x], 3),
            vector.tril(0),
            vector.cholesky(),
            x.dynamic_slice(&[&x.full([], 0.0).to(DType::I32)], [1, 1]),
            x.argmin(5),
        ]
    });
    assert_snapshot!(others, @"
    dimension 2 is out of range: tensor<2x3xf32> takes -2 to 1
    chlo.top_k: the last dimension of tensor<2x3xf32> does not hold 4 elements (C1)
      operand 0: %arg : tensor<2x3xf32>
    dimension -3 is out of range: tensor<2x3xf32> takes -2 to 1
    gather: tensor<2x2xi32> may differ from tensor<2x3xf32> only in dimension 0
    index_select: expected a vector of indices, got tensor<2x2xi32>
    stack: a new dimension 3 is out of range for tensor<2x3xf32>
    tril: expected matrices, got tensor<3xf32>
    stablehlo.cholesky: expected matrices in the last two dimensions, got tensor<3xf32> (C2)
      operand 0: %reshape : tensor<3xf32>
    stablehlo.dynamic_slice: expected 2 start indices, got 1 (C2)
      operand 0: %arg : tensor<2x3xf32>
      operand 1: %convert : tensor<i32>
    dimension 5 is out of range: tensor<2x3xf32> takes -2 to 1
    ");
}

/// What tracing a function of integers of this type says of the number in it.
#[track_caller]
fn refusal(dtype: DType, f: impl Fn(Var) -> Var) -> String {
    let traced = choral::trace(&f, &TensorType::new([2], dtype));
    let message = traced.expect_err("a refusal").to_string();
    assert!(message.contains("\n  at tests/methods.rs:"), "{message}");
    message.lines().next().expect("a line").to_owned()
}

#[test]
fn numbers_that_are_no_elements() {
    let messages = [
        refusal(DType::Ui32, |x| x + -1),
        refusal(DType::I8, |x| x + 200),
        refusal(DType::I8, |x| x.clamp(-129, 0)),
        refusal(DType::I32, |x| x * 0.5),
        refusal(DType::I64, |x| x + 2f64.powi(63)),
        refusal(DType::I32, |x| x.maximum(f64::NEG_INFINITY)),
        refusal(DType::I1, |x| x.logical_or(2)),
        refusal(DType::Ui8, |x| x.where_(&x.gt(3), 256)),
        refusal(DType::Ui8, |x| x.pad([(1, 1)], -1.0)),
    ];
    assert_snapshot!(messages.join("\n"));
}

/// Numbers count as what they are: 1e10 is above every `i32`, 2.5 between 2 and 3.
#[test]
fn comparisons_with_any_number() {
    let x = Tensor::from([i32::MIN, 2, 3, i32::MAX]);
    let [below, above, equal, different] =
        of(&x, |x| [x.lt(1e10), x.ge(1e10), x.eq(-1e10), x.ne(f64::INFINITY)]);
    check(&below, [true; 4]);
    check(&above, [false; 4]);
    check(&equal, [false; 4]);
    check(&different, [true; 4]);
    let [at_most, more, half] = of(&x, |x| [x.le(2.5), x.gt(2.5), x.eq(2.5)]);
    check(&at_most, [true, true, false, false]);
    check(&more, [false, false, true, true]);
    check(&half, [false; 4]);
    let halves = Tensor::from([f32::NEG_INFINITY, 65504.0, f32::INFINITY, NAN]).to_dtype(DType::F16);
    let [below, above, equal] = of(&halves, |x| [x.le(1e10), x.gt(1e10), x.eq(1e10)]);
    check(&below, [true, true, false, false]);
    check(&above, [false, false, true, false]);
    check(&equal, [false; 4]);
}
