//! Control flow in traced functions, against plain Rust: by itself, and for every member of a
//! `vmap` on its own.

use choral::prelude::*;
use choral::{Error, control, custom_vmap};
use insta::assert_snapshot;

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// The values of a tensor of `f32`.
fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.as_slice::<f32>().expect("a tensor of f32").to_vec()
}

fn numbers(values: &[f32]) -> Tensor {
    Tensor::new([values.len()], values.to_vec()).expect("a line")
}

/// Runs a function of one number on each by itself, and on all as members.
fn alone_and_together<F>(function: F, inputs: &[f32]) -> Result<(Vec<f32>, Vec<f32>), Error>
where
    F: Function<Var, Output = Var> + Clone,
{
    let single = jit(function.clone());
    let alone = inputs.iter().map(|&x| single.call(Tensor::scalar(x))?.item::<f32>().map_err(Error::from));
    let together = vmap(function, 0).call(numbers(inputs))?;
    Ok((alone.collect::<Result<_, _>>()?, values(&together)))
}

/// Checks a function of one number against the same in Rust, alone and as members.
#[track_caller]
fn check<F>(function: F, inputs: &[f32], expected: impl Fn(f32) -> f32)
where
    F: Function<Var, Output = Var> + Clone,
{
    let (alone, together) = alone_and_together(function, inputs).expect("a program that runs");
    let expected: Vec<f32> = inputs.iter().map(|&x| expected(x)).collect();
    assert_eq!(alone, expected, "alone");
    assert_eq!(together, expected, "together");
}

#[test]
fn cond_runs_one_branch() {
    let distance = |x: Var| cond(&x.ge(0.0), |x| x.sqrt(), |x| -x, x);
    check(distance, &[4.0, -3.0, 0.0, 9.0], |x| if x >= 0.0 { x.sqrt() } else { -x });
}

#[test]
fn cond_uses_values_from_around_it() {
    let function = |x: Var| {
        let (twice, ten) = (&x * 2.0, x.full([], 10.0));
        cond(&x.gt(1.0), |()| &twice + &ten, |()| &x - &ten, ())
    };
    check(function, &[0.0, 1.0, 2.0, 5.0], |x| if x > 1.0 { 2.0 * x + 10.0 } else { x - 10.0 });
}

#[test]
fn branches_may_return_what_is_around_them() {
    let function = |x: Var| {
        let negative = -&x;
        cond(&x.gt(0.0), |()| x.clone(), |()| negative.clone(), ())
    };
    check(function, &[-1.0, 2.0], f32::abs);
}

#[test]
fn cond_takes_and_returns_structures() -> TestResult {
    let order = |(x, y): (Var, Var)| cond(&x.lt(&y), |(x, y)| vec![x, y], |(x, y)| vec![y, x], (&x, &y));
    let (x, y) = (numbers(&[1.0, 5.0, 3.0]), numbers(&[2.0, 4.0, 3.0]));
    let ordered = vmap(order, (0, 0)).call((&x, &y))?;
    assert_eq!((values(&ordered[0]), values(&ordered[1])), (vec![1.0, 4.0, 3.0], vec![2.0, 5.0, 3.0]));
    let all_against_one = vmap(order, (0, None)).call((&x, Tensor::scalar(2.0f32)))?;
    assert_eq!(values(&all_against_one[0]), [1.0, 2.0, 2.0]);
    Ok(())
}

#[test]
fn a_predicate_that_all_members_share_stays_a_branch() -> TestResult {
    let function = |(flag, x): (Var, Var)| cond(&flag, |x| &x * 2.0, |x| x + 1.0, x);
    let mapped = vmap(function, (None, 0));
    let x = numbers(&[1.0, 2.0]);
    assert_eq!(values(&mapped.call((Tensor::scalar(true), &x))?), [2.0, 4.0]);
    assert_eq!(values(&mapped.call((Tensor::scalar(false), &x))?), [2.0, 3.0]);
    let text = mapped.trace((Tensor::scalar(true), &x))?.graph.to_string();
    assert!(text.contains("stablehlo.if"), "{text}");
    Ok(())
}

#[test]
fn switch_runs_the_branch_of_the_nearest_index() -> TestResult {
    let function = |(index, x): (Var, Var)| switch(&index, [&|x: Var| x + 10.0, &|x| x * 10.0, &|x| -x], x);
    let indices = [-7i32, 0, 1, 2, 3, 100];
    let x = Tensor::scalar(4.0f32);
    let expected = [14.0, 14.0, 40.0, -4.0, -4.0, -4.0];
    let together = vmap(function, (0, None)).call((Tensor::from(indices), &x))?;
    assert_eq!(values(&together), expected);
    for (index, expected) in indices.into_iter().zip(expected) {
        assert_eq!(jit(function).call((Tensor::scalar(index), &x))?.item::<f32>()?, expected);
        let wide = Tensor::scalar(i64::from(index) << 30);
        let far = jit(function).call((wide, &x))?.item::<f32>()?;
        assert_eq!(far, if index <= 0 { 14.0 } else { -4.0 });
    }
    let narrow = jit(function).call((Tensor::scalar(1u8), &x))?;
    assert_eq!(narrow.item::<f32>()?, 40.0);
    Ok(())
}

/// Rounds of the Collatz sequence until 1.
fn collatz(x: Var) -> Var {
    let none = x.full([], 0.0);
    let step = |(x, rounds): (Var, Var)| {
        let half = &x / 2.0;
        let even = half.eq(half.floor());
        (cond(&even, |()| half.clone(), |()| &x * 3.0 + 1.0, ()), rounds + 1.0)
    };
    while_loop(|(x, _)| x.ne(1.0), step, (x, none)).1
}

fn collatz_in_rust(mut x: f32) -> f32 {
    let mut rounds = 0.0;
    while x != 1.0 {
        x = if x % 2.0 == 0.0 { x / 2.0 } else { 3.0 * x + 1.0 };
        rounds += 1.0;
    }
    rounds
}

#[test]
fn while_loop_runs_each_members_own_number_of_rounds() {
    check(collatz, &[1.0, 2.0, 3.0, 7.0, 27.0], collatz_in_rust);
}

#[test]
fn a_loop_that_would_never_end_runs_for_nobody_who_does_not_take_it() {
    // From a positive number the loop never ends.
    let function = |x: Var| {
        let down = |x: Var| while_loop(|x| x.ne(0.0), |x| x + 1.0, x);
        cond(&x.lt(0.0), down, |x| x, x)
    };
    check(function, &[-3.0, 2.5, -1.0, 7.0], |x| if x < 0.0 { 0.0 } else { x });
    check(function, &[2.5, 7.0], |x| x);
}

#[test]
fn a_loop_over_captured_values_stays_in_its_branch() {
    let function = |x: Var| {
        let endless = |()| while_loop(|y| y.ne(0.0), |y| y + 1.0, &x);
        cond(&x.lt(0.0), endless, |()| x.clone(), ())
    };
    check(function, &[-3.0, 2.5], |x| if x < 0.0 { 0.0 } else { x });
}

#[test]
fn loops_nest_and_use_values_from_around_them() {
    // The sum over i < 4 of x * i, each by adding x as often, times a factor from outside.
    let function = |x: Var| {
        let factor = x.full([], 1.0) + &x;
        let zero = x.full([], 0.0);
        let row = |i: Var, sum: Var| sum + fori_loop(0, i, |_, y| y + &x * &factor, &zero);
        fori_loop(0, 4, row, &zero)
    };
    check(function, &[1.0, 2.0, -3.0], |x| 6.0 * x * (1.0 + x));
}

#[test]
fn fori_loop_counts_each_members_own_rounds() -> TestResult {
    let power = |(x, n): (Var, Var)| fori_loop(0, n, |_, product| product * &x, x.full([], 1.0));
    let powers = vmap(power, (None, 0)).call((Tensor::scalar(2.0f32), Tensor::from([0i64, 1, 10, 3])))?;
    assert_eq!(values(&powers), [1.0, 2.0, 1024.0, 8.0]);
    let from = |(x, lower): (Var, Var)| fori_loop(lower, 5usize, |i, sum: Var| sum + i.to(DType::F32), x);
    let sums = vmap(from, (None, 0)).call((Tensor::scalar(0.0f32), Tensor::from([0i32, 4, 5, 9])))?;
    assert_eq!(values(&sums), [10.0, 4.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn a_condition_that_all_members_share_stays_one_loop() -> TestResult {
    let doubled = vmap(|(x, n): (Var, Var)| fori_loop(0, n, |_, x: Var| &x + &x, x), (0, None));
    let args = (numbers(&[1.0, 2.0, 3.0]), Tensor::scalar(3i32));
    assert_eq!(values(&doubled.call((&args.0, &args.1))?), [8.0, 16.0, 24.0]);
    let text = doubled.trace((&args.0, &args.1))?.graph.to_string();
    assert!(!text.contains("stablehlo.select"), "{text}");
    Ok(())
}

/// Running totals, and the last.
fn totals((start, xs): (Var, Var)) -> (Var, Var) {
    scan(|total: Var, x| (&total + &x, total * x), start, xs)
}

#[test]
fn scan_hands_the_carry_on_and_stacks_what_is_left() -> TestResult {
    let (last, all) = jit(totals).call((Tensor::scalar(1.0f32), numbers(&[2.0, 3.0, 4.0])))?;
    assert_eq!((last.item::<f32>()?, values(&all)), (10.0, vec![2.0, 9.0, 24.0]));
    let (none, empty) = jit(totals).call((Tensor::scalar(1.0f32), numbers(&[])))?;
    assert_eq!((none.item::<f32>()?, empty.shape()), (1.0, &[0usize][..]));
    Ok(())
}

#[test]
fn scan_walks_along_for_all_members() -> TestResult {
    let starts = numbers(&[0.0, 1.0]);
    let own = Tensor::from([[1.0f32, 2.0], [3.0, 4.0]]);
    let (last, all) = vmap(totals, (0, 0)).call((&starts, &own))?;
    assert_eq!((values(&last), values(&all)), (vec![3.0, 8.0], vec![0.0, 2.0, 3.0, 16.0]));
    let shared = numbers(&[1.0, 2.0]);
    let (last, all) = vmap(totals, (0, None)).call((&starts, &shared))?;
    assert_eq!((values(&last), values(&all)), (vec![3.0, 4.0], vec![0.0, 2.0, 1.0, 4.0]));
    let (last, _) = vmap(totals, (None, 1)).call((Tensor::scalar(0.0f32), &own))?;
    assert_eq!(values(&last), [4.0, 6.0]);
    Ok(())
}

#[test]
fn scan_in_reverse_keeps_places() -> TestResult {
    let discounted = |rewards: Var| {
        let value = |later: Var, reward: Var| {
            let value = reward + later * 0.5;
            (value.clone(), value)
        };
        scan_reverse(value, rewards.full([], 0.0), rewards).1
    };
    assert_eq!(values(&jit(discounted).call(numbers(&[1.0, 2.0, 4.0]))?), [3.0, 4.0, 4.0]);
    let own = Tensor::from([[1.0f32, 2.0, 4.0], [0.0, 0.0, 8.0]]);
    assert_eq!(values(&vmap(discounted, 0).call(own)?), [3.0, 4.0, 4.0, 2.0, 4.0, 8.0]);
    Ok(())
}

#[test]
fn scan_walks_structures_with_values_from_around() -> TestResult {
    let function = |(weight, xs): (Var, (Var, Var))| {
        let step = |(sum, product): (Var, Var), (x, y): (Var, Var)| {
            ((sum + &x * &weight, product * &y), (x - y, ()))
        };
        let init = (weight.full([], 0.0), weight.full([], 1.0));
        let ((sum, product), (differences, ())) = scan(step, init, &xs);
        (sum, product, differences)
    };
    let args = (Tensor::scalar(10.0f32), (numbers(&[1.0, 2.0]), numbers(&[3.0, 5.0])));
    let (sum, product, differences) = jit(function).call(&args)?;
    assert_eq!((sum.item::<f32>()?, product.item::<f32>()?), (30.0, 15.0));
    assert_eq!(values(&differences), [-2.0, -3.0]);
    Ok(())
}

#[test]
fn map_is_vmap_one_after_another() -> TestResult {
    let rows = Tensor::from([[3.0f32, 4.0], [6.0, 8.0]]);
    let norm = |row: Var| (&row * &row).sum(()).sqrt();
    let mapped = jit(move |rows: Var| control::map(norm, rows));
    assert_eq!(values(&mapped.call(&rows)?), [5.0, 10.0]);
    assert_eq!(values(&vmap(norm, 0).call(&rows)?), [5.0, 10.0]);
    Ok(())
}

#[test]
fn a_layer_in_a_loop_keeps_its_names() -> TestResult {
    let layers: Vec<Linear<Tensor>> = (0..3).map(|seed| Linear::init(2, 2, Key::new(seed))).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&layers)?;
    let (again, once) = (fmodel.clone(), fmodel);
    let thrice = move |(params, buffers, x): (State<Var>, State<Var>, Var)| {
        fori_loop(0, 3, |_, x| again.apply((params.clone(), buffers.clone(), x)), x)
    };
    let x = Tensor::randn([4, 2], Key::new(5));
    let looped = vmap(thrice.clone(), (0, 0, None)).call((&params, &buffers, &x))?;
    let mapped = vmap(once, (0, 0, 0));
    let mut expected = Tensor::stack(&vec![x.clone(); 3])?;
    for _ in 0..3 {
        expected = mapped.call((&params, &buffers, &expected))?;
    }
    for (looped, expected) in values(&looped).into_iter().zip(values(&expected)) {
        assert!((looped - expected).abs() < 1e-6, "{looped} instead of {expected}");
    }
    assert_snapshot!(jit(thrice).trace((layers[0].named_parameters(), layers[0].named_buffers(), &x))?.graph);
    Ok(())
}

#[test]
fn a_vmap_inside_a_loop() -> TestResult {
    let function = |x: Var| fori_loop(0, 2, |_, x| vmap(|x: Var| &x * &x, 0).apply(x), x);
    assert_eq!(values(&jit(function).call(numbers(&[2.0, 3.0]))?), [16.0, 81.0]);
    Ok(())
}

/// The message of what must be an error.
#[track_caller]
fn message<F: Function<Var>>(function: F, shape: impl Into<Vec<usize>>) -> String {
    match jit(function).trace(TensorType::new(shape, DType::F32)) {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_predicate_that_is_no_scalar() {
    assert_snapshot!(message(|x: Var| cond(&x.gt(0.0), |x| x, |x| -x, x), [3]));
}

#[test]
fn branches_of_different_types() {
    let function =
        |x: Var| cond(&x.gt(0.0), |x| (x.clone(), vec![x]), |x| (x.to(DType::F64), vec![x.clone(), x]), x);
    assert_snapshot!(message(function, []));
}

#[test]
fn switch_branches_of_different_shapes() {
    let function = |x: Var| {
        let branches: [&dyn Fn(Var) -> Var; 3] = [&|x| x, &|x| x.unsqueeze(0), &|x| x];
        switch(&x.to(DType::I32), branches, x)
    };
    assert_snapshot!(message(function, []));
}

#[test]
fn an_index_that_is_no_integer() {
    assert_snapshot!(message(|x: Var| switch(&x, [&|x: Var| x], &x), []));
}

#[test]
fn a_carry_that_changes_its_type() {
    assert_snapshot!(message(|x: Var| while_loop(|x| x.sum(()).gt(0.0), |x| x.sum(0), x), [3]));
}

#[test]
fn a_carry_that_changes_its_settings() {
    let function = |x: Var| fori_loop(0, 3, |_, (x, rounds): (Var, usize)| (x, rounds + 1), (x, 0usize)).0;
    assert_snapshot!(message(function, []));
}

#[test]
fn a_carry_whose_keys_change_places() {
    let function = |x: Var| {
        let state = |names: [&str; 2]| State::from_iter(names.map(|name| (name.to_owned(), x.clone())));
        fori_loop(0, 3, |_, _: State<Var>| state(["b", "a"]), state(["a", "b"]))
    };
    assert_snapshot!(message(function, []));
}

#[test]
fn a_condition_that_is_no_truth_value() {
    assert_snapshot!(message(|x: Var| while_loop(|x| x - 1.0, |x| x, x), []));
}

#[test]
fn bounds_that_do_not_go_together() {
    assert_snapshot!(message(|x: Var| fori_loop(x.to(DType::I8), 300, |_, x| x, &x), []));
}

#[test]
fn a_scan_of_different_lengths() {
    let function = |x: Var| scan(|(), (x, y)| ((), x + y), (), (&x, x.narrow(0, 0, 2))).1;
    assert_snapshot!(message(function, [3]));
}

#[test]
fn a_scan_along_nothing() {
    assert_snapshot!(message(|x: Var| scan(|x: Var, ()| (x, ()), x, ()).0, []));
}

#[test]
fn a_scan_whose_carry_grows() {
    let function = |x: Var| scan(|sum: Var, x| (sum + x, ()), x.full([], 0.0), x.unsqueeze(1)).0;
    assert_snapshot!(message(function, [3]));
}

#[test]
fn faults_inside_and_after_are_told_together() {
    let function = |x: Var| {
        let y = fori_loop(0, 3, |_, x: Var| x.matmul(&x), x);
        cond(&y.sum(()).gt(0.0), |y| y.narrow(0, 2, 9), |y| y, &y).reshape([7])
    };
    assert_snapshot!(message(function, [2, 3]));
}

#[test]
fn values_that_outlive_their_function() {
    let function = |x: Var| {
        let mut kept = None;
        let result = cond(
            &x.gt(0.0),
            |x| {
                let root = x.sqrt();
                kept = Some(root.clone());
                root
            },
            |x| x,
            x,
        );
        kept.map_or(result.clone(), |kept| result + kept)
    };
    assert_snapshot!(message(function, []));
}

/// With its own number, a member that does not take the branch would never reach the end of its loop.
#[test]
fn who_stands_in_runs_with_the_number_of_another() -> TestResult {
    let function = |x: Var| {
        let odd_ones_never_end = |x: Var| {
            let own = x.axis_index("members").to(DType::F32);
            while_loop(|x: Var| x.ne(&own), |x| x + 2.0, x)
        };
        cond(&x.lt(1.0), odd_ones_never_end, |x| x, x)
    };
    let together = vmap(function, 0).call(numbers(&[0.0, 1.0, 0.0, 5.0]))?;
    assert_eq!(values(&together), [0.0, 1.0, 2.0, 5.0]);
    Ok(())
}

/// A loop with a rule of its own, in a branch: it ends for those who take the branch alone.
#[test]
fn a_custom_loop_that_would_never_end_runs_for_nobody_who_does_not_take_it() -> TestResult {
    let up = |x: Var| while_loop(|x: Var| x.ne(0.0), |x| x + 1.0, x);
    let ruled = move || {
        custom_vmap(up, move |_: usize, mapped: &[bool], x: Var| match mapped[0] {
            true => (vmap(up, 0).apply(x).expect("numbers"), vec![true]),
            false => (up(x), vec![false]),
        })
    };
    let function = move |x: Var| cond(&x.lt(0.0), move |x: Var| ruled().apply(x), |x: Var| Ok(x), x);
    let together = vmap(function, 0).call(numbers(&[-3.0, 2.5, -1.0]))?;
    assert_eq!(values(&together), [0.0, 2.5, 0.0]);
    Ok(())
}

/// The last branch, too.
#[test]
fn an_endless_loop_in_the_last_branch_runs_for_those_who_take_it_alone() {
    let down = |x: Var| while_loop(|x: Var| x.ne(0.0), |x| x - 1.0, x);
    let function = |x: Var| switch(&x.gt(0.0).to(DType::I32), [&|x: Var| -x, &down], x);
    check(function, &[-2.5, 3.0, -1.0, 1.0], |x| if x > 0.0 { 0.0 } else { -x });
}

/// Behind two others: members that take none of these take it, and nobody else runs it.
#[test]
fn an_endless_loop_in_the_last_of_three_branches() -> TestResult {
    let down = |x: Var| while_loop(|x: Var| x.ne(0.0), |x| x - 1.0, x);
    let function = |x: Var| {
        let index = x.gt(0.0).to(DType::I32) + x.gt(10.0).to(DType::I32);
        switch(&index, [&|x: Var| -x, &|x: Var| x * 2.0, &down], x)
    };
    let members = [-2.5, 3.5, 12.0, -1.0, 11.0];
    let text = vmap(function, 0).trace(numbers(&members))?.graph.to_string();
    assert_eq!(text.matches("stablehlo.if").count(), 1, "the last branch runs if a member takes it:\n{text}");
    check(function, &members, |x| {
        if x > 10.0 {
            0.0
        } else if x > 0.0 {
            2.0 * x
        } else {
            -x
        }
    });
    check(function, &members[..2], |x| if x > 0.0 { 2.0 * x } else { -x });
    Ok(())
}
