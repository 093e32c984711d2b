//! Collectives along several axes, which count as one: against loops over all members.

use choral::prelude::*;
use insta::assert_snapshot;

/// Sizes along the outer axis, `a`, and the inner one, `b`.
const SIZES: [[usize; 2]; 6] = [[2, 3], [3, 2], [1, 3], [2, 1], [0, 2], [2, 0]];

/// What each member holds, in order.
type Members = Vec<Vec<f32>>;

/// The elements at an index of two dimensions, in order.
fn elements(x: &Tensor, dims: [usize; 2], at: [usize; 2]) -> Vec<f32> {
    let strides = x.ty().strides();
    let index = |flat: usize, dim: usize| flat / strides[dim] % x.shape()[dim];
    let values = x.as_slice::<f32>().expect("floats").iter().enumerate();
    values.filter(|(flat, _)| dims.map(|dim| index(*flat, dim)) == at).map(|(_, value)| *value).collect()
}

/// What all members hold, in the order in which these names number them.
fn members(x: &Tensor, dims: [usize; 2], sizes: [usize; 2], names: [&str; 2]) -> Members {
    let at = |a: usize, b: usize| elements(x, dims, [a, b]);
    match names {
        ["a", "b"] => (0..sizes[0]).flat_map(|a| (0..sizes[1]).map(move |b| at(a, b))).collect(),
        _ => (0..sizes[1]).flat_map(|b| (0..sizes[0]).map(move |a| at(a, b))).collect(),
    }
}

/// Runs `f` for members of shape `[2, all]` along both axes, in either order of their names, and
/// holds it against what `expected` says of all members.
#[track_caller]
fn check(
    f: impl Fn(Var, [&'static str; 2]) -> Var + Copy,
    expected: impl Fn(&Members, [usize; 2]) -> Members,
) {
    for ([a, b], names) in SIZES.iter().flat_map(|sizes| [(*sizes, ["a", "b"]), (*sizes, ["b", "a"])]) {
        let sizes = if names == ["a", "b"] { [a, b] } else { [b, a] };
        for (shape, [outer, inner]) in [([a, b, 2, a * b], [0, 0]), ([2, b, a * b, a], [-1, 1])] {
            let x = Tensor::randn(shape, Key::new(1));
            let place = |x: &Tensor| if outer == 0 { [0, 1] } else { [x.shape().len() - 1, 1] };
            let wanted = expected(&members(&x, place(&x), [a, b], names), sizes);
            for device in [Device::Reference, Device::Cpu] {
                let mapped = vmap(move |x: Var| f(x, names), inner).axis_name("b").out_dims(inner);
                let mapped = vmap(mapped, outer).axis_name("a").out_dims(outer).on(device);
                let got = mapped.call(&x).expect("a run");
                let got = members(&got, place(&got), [a, b], names);
                assert_eq!(got, wanted, "{names:?} of {a} and {b} members, mapped at {outer} and {inner}");
            }
        }
    }
}

/// What each member makes of all, by its number.
fn each(all: &Members, of: impl Fn(usize) -> Vec<f32>) -> Members {
    (0..all.len()).map(of).collect()
}

#[test]
fn numbers_and_sizes() {
    let f = |x: Var, names| (&x + x.axis_index(names).to(DType::F32)) * x.axis_size(names) as f64;
    check(f, |all, _| {
        let count = all.len() as f32;
        each(all, |own| all[own].iter().map(|x| (x + own as f32) * count).collect())
    });
    let apart = |x: Var, [first, last]: [&'static str; 2]| {
        let number = x.axis_index(first) * x.axis_size(last) as f64 + x.axis_index([last]);
        &x + (number - x.axis_index([first, last])).to(DType::F32)
    };
    check(apart, |all, _| all.clone());
}

/// What members share along one axis, or along both, counts once for each of them.
#[test]
fn reductions_of_what_is_shared() -> Result<(), choral::Error> {
    let all = Tensor::scalar(5.0f32);
    let (along_a, along_b) = (Tensor::from([10.0f32, 20.0]), Tensor::from([1.0f32, 2.0, 4.0]));
    for (names, device) in [["a", "b"], ["b", "a"]]
        .into_iter()
        .flat_map(|names| [(names, Device::Reference), (names, Device::Cpu)])
    {
        let of = move |x: Var| [x.psum(names), x.pmean(names), x.pmax(names), x.pmin(names)];
        let f = move |(all, a, b, _): (Var, Var, Var, Var)| [of(all), of(a), of(b)].concat();
        let inner = vmap(f, (None, None, 0, 0)).axis_name("b").out_dims(None);
        let mapped = vmap(inner, (None, 0, None, 0)).axis_name("a").out_dims(None).on(device);
        let got = mapped.call((&all, &along_a, &along_b, &Tensor::randn([2, 3], Key::new(1))))?;
        let got: Vec<f64> = got.iter().flat_map(Tensor::to_f64_vec).collect();
        let expected = [[30.0, 5.0, 5.0, 5.0], [90.0, 15.0, 20.0, 10.0], [14.0, 7.0 / 3.0, 4.0, 1.0]];
        let is_close = got.iter().zip(expected.iter().flatten()).all(|(x, y)| (x - y).abs() < 1e-5);
        assert!(got.len() == 12 && is_close, "{names:?} on {device:?}: {got:?}");
    }
    Ok(())
}

/// A new dimension before, between and behind those that members have.
#[test]
fn gathers() {
    check(|x, names| x.all_gather(names, 0), |all, _| each(all, |_| all.concat()));
    check(
        |x, names| x.all_gather(names, 1),
        |all, _| {
            let row = |row: usize| all.iter().flat_map(move |x| &x[row * all.len()..][..all.len()]);
            each(all, |_| (0..2).flat_map(row).copied().collect())
        },
    );
    check(
        |x, names| x.all_gather(names, -1),
        |all, _| each(all, |_| (0..2 * all.len()).flat_map(|at| all.iter().map(move |x| x[at])).collect()),
    );
}

/// A ring through all members, and pairs that leave every other one out.
#[test]
fn permutations() {
    let ring = |x: Var, names| {
        let count = x.axis_size(names);
        let next: Vec<(usize, usize)> = (0..count).map(|from| (from, (from + 1) % count)).collect();
        x.ppermute(names, &next)
    };
    check(ring, |all, _| each(all, |own| all[(own + all.len() - 1) % all.len()].clone()));
    let back = |x: Var, names| {
        let pairs: Vec<(usize, usize)> =
            (1..x.axis_size(names)).step_by(2).map(|from| (from, from - 1)).collect();
        x.ppermute(names, &pairs)
    };
    check(back, |all, _| {
        let sent = |own: usize| all.get(own + 1).filter(|_| own.is_multiple_of(2)).cloned();
        each(all, |own| sent(own).unwrap_or_else(|| vec![0.0; all[own].len()]))
    });
}

/// Booleans and integers are sent too; who gets none has `false` and 0.
#[test]
fn permutations_of_other_types() -> Result<(), choral::Error> {
    let send = |x: Var| x.ppermute(["a", "b"], &[(0, 3)]);
    let both = |x: Var| (send(x.gt(0)), send(x));
    let mapped = vmap(vmap(both, 0).axis_name("b"), 0).axis_name("a");
    let (signs, numbers) = mapped.call(&Tensor::from([[7i32, 1], [1, 1]]))?;
    assert_eq!(signs.as_slice::<bool>()?, [false, false, false, true]);
    assert_eq!(numbers.as_slice::<i32>()?, [0, 0, 0, 7]);
    Ok(())
}

/// Every dimension split, and the slices put before and behind the other.
#[test]
fn exchanges() {
    let slices = |all: &Members, own: usize, row: usize| -> Vec<f32> {
        all.iter().map(|x| x[row * all.len() + own]).collect()
    };
    check(
        |x, names| x.all_to_all(names, 1, 0),
        |all, _| {
            let of_sender = |own: usize, x: &Vec<f32>| [x[own], x[all.len() + own]];
            each(all, |own| all.iter().flat_map(|x| of_sender(own, x)).collect())
        },
    );
    let behind = |all: &Members, _| each(all, |own| (0..2).flat_map(|row| slices(all, own, row)).collect());
    check(|x, names| x.all_to_all(names, -1, -1), behind);
    check(|x, names| x.transpose(0, 1).all_to_all(names, 0, 1), behind);
}

/// What all members share, and what comes from around the mapped function.
#[test]
fn shared_values() -> Result<(), choral::Error> {
    let names = ["a", "b"];
    let program = jit(move |w: Var| {
        let x = w.full([2, 1], 2.0);
        let inner = move |x: Var| (&x * w.all_gather(names, 0), w.ppermute(names, &[(0, 1)]));
        vmap(vmap(inner, 0).axis_name("b"), 0).axis_name("a").apply(x)
    });
    let (gathered, sent) = program.call(&Tensor::from(3.0f32))?;
    assert_eq!(gathered.as_slice::<f32>()?, [6.0; 4]);
    assert_eq!(sent.as_slice::<f32>()?, [0.0, 3.0]);
    Ok(())
}

/// Members of the outer axis meet in a loop of the inner one, whose rounds its members have in common,
/// differ in, or ask for their number.
#[test]
fn in_a_loop() {
    let turn = |x: &Members, [first, last]: [usize; 2]| {
        each(x, |own| x[(own / last + first - 1) % first * last + own % last].clone())
    };
    let next = |x: Var, axis: &str| {
        let count = x.axis_size(axis);
        x.ppermute(axis, &(0..count).map(|from| (from, (from + 1) % count)).collect::<Vec<_>>())
    };
    check(
        move |x, [first, _]| fori_loop(0, 3, |_, x| next(x, first), x),
        move |all, sizes| (0..3).fold(all.clone(), |x, _| turn(&x, sizes)),
    );
    check(
        move |x, [first, last]| fori_loop(0, x.axis_index(last), |_, x| next(x, first), x),
        move |all, sizes| {
            let rounds = |own: usize| (0..own % sizes[1]).fold(all.clone(), |x, _| turn(&x, sizes));
            each(all, |own| rounds(own)[own].clone())
        },
    );
    // Who has run all its rounds keeps its value, and goes on to give it.
    check(
        move |x, names| fori_loop(0, x.axis_index(names), |_, x| next(x, names[0]) + 1.0, x),
        move |all, sizes| {
            (0..all.len()).fold(all.clone(), |x, round| {
                let turned = turn(&x, sizes);
                let runs = |own: usize| turned[own].iter().map(|x| x + 1.0).collect();
                each(all, |own| if round < own { runs(own) } else { x[own].clone() })
            })
        },
    );
}

/// All members give their own, also those that do not take the branch.
#[test]
fn in_a_branch() {
    let largest = |all: &Members| all.concat().iter().copied().fold(f32::MIN, f32::max);
    let takes = |x: &Vec<f32>| x.iter().sum::<f32>() > 0.0;
    let taken = |x: &Var| x.sum(()).gt(0.0);
    let meet = move |x: Var, names: [&'static str; 2]| {
        let best =
            move |x: Var| &x * 0.0 + x.all_gather(names, 0).amax(()) + x.axis_index(names).to(DType::F32);
        cond(&taken(&x), best, |x| x, x)
    };
    check(meet, move |all, _| {
        let meets = |own: usize| vec![largest(all) + own as f32; all[own].len()];
        each(all, |own| if takes(&all[own]) { meets(own) } else { all[own].clone() })
    });
    let exchange = move |x: Var, names: [&'static str; 2]| {
        cond(&taken(&x), move |x: Var| x.all_to_all(names, 1, 1), |x| -x, x)
    };
    check(exchange, move |all, _| {
        let slice = |own: usize, at: usize| all[at % all.len()][at / all.len() * all.len() + own];
        let exchanged = |own: usize| (0..all[own].len()).map(|at| slice(own, at)).collect();
        let negated = |own: usize| all[own].iter().map(|x| -x).collect();
        each(all, |own| if takes(&all[own]) { exchanged(own) } else { negated(own) })
    });
}

/// What is gathered is one value that all members share, and each picks from it.
#[test]
fn no_member_holds_a_copy() -> Result<(), choral::Error> {
    let send = |x: Var| x.ppermute(["a", "b"], &[(0, 5), (5, 0)]);
    let program = vmap(vmap(send, 0).axis_name("b"), 0).axis_name("a");
    assert_snapshot!(program.trace(TensorType::new([2, 3, 4], DType::F32))?.graph);
    Ok(())
}

/// The message of what must be an error for members of shape `[3]`, 2 by 3 of them.
#[track_caller]
fn fault(f: impl Fn(Var) -> Var) -> String {
    let mapped = vmap(vmap(f, 0).axis_name("b"), 0).axis_name("a");
    mapped.call(&Tensor::randn([2, 3, 3], Key::new(0))).expect_err("a fault").to_string()
}

#[test]
fn faults() {
    let both = ["a", "b"];
    let faults = [
        fault(|x| x.axis_index(["a", "c"])),
        fault(|x| x.all_gather(["a", "a"], 0)),
        fault(|x| x.ppermute(["b", "a", "b"], &[])),
        fault(|x| x.all_to_all(["d"], 0, 0)),
        fault(|x| x.full([x.axis_size("c")], 0.0)),
        fault(|x| x.axis_index([""; 0])),
        fault(|x| x.all_gather(both, 2)),
        fault(|x| x.ppermute(both, &[(0, 5), (6, 0)])),
        fault(|x| x.ppermute(both, &[(0, 5), (1, 5)])),
        fault(|x| x.ppermute(both, &[(0, 5), (0, 4)])),
        fault(|x| x.all_to_all(both, 0, 0)),
        fault(|x| x.all_to_all(both, 1, 0)),
    ];
    assert_snapshot!(faults.join("\n\n"));
    let text = "func.func @main(%x: tensor<f32>) -> tensor<f32> {
      %y = choral.psum %x, axes = [\"a\", \"a\"] : tensor<f32>
      return %y : tensor<f32>
    }";
    let twice = Graph::parse(text).expect_err("one axis").to_string();
    assert!(twice.contains(r#"["a", "a"] names an axis twice (C2)"#), "{twice}");
}
