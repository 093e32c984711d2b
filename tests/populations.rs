//! What members that meet are for, as users write it, against direct computations.

use choral::prelude::*;

type TestResult = Result<(), choral::Error>;

const DEVICES: [Device; 2] = [Device::Reference, Device::Cpu];

fn values(x: &Tensor) -> Vec<f32> {
    x.as_slice::<f32>().expect("floats").to_vec()
}

#[track_caller]
fn check(got: &Tensor, expected: &[f32]) {
    let got = values(got);
    let close = got.len() == expected.len() && got.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-5);
    assert!(close, "got {got:?}, expected {expected:?}");
}

fn dot(x: &[f32], y: &[f32]) -> f32 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// Softmax attention of one query over keys and values, by its definition.
fn attention(query: &[f32], keys: &[&[f32]], values: &[&[f32]]) -> Vec<f32> {
    let scale = (query.len() as f32).sqrt();
    let weights: Vec<f32> = keys.iter().map(|key| (dot(query, key) / scale).exp()).collect();
    let total: f32 = weights.iter().sum();
    let at = |at: usize| weights.iter().zip(values).map(|(weight, value)| weight * value[at]).sum::<f32>();
    (0..values[0].len()).map(|column| at(column) / total).collect()
}

/// An ensemble whose members say by how much they differ from its mean.
#[test]
fn an_ensemble_without_its_mean() -> TestResult {
    let models: Vec<Linear<Tensor>> = (0..4).map(|seed| Linear::init(3, 2, Key::new(seed))).collect();
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let x = Tensor::randn([5, 3], Key::new(9));
    let each = values(&vmap(fmodel.clone(), (0, 0, None)).call((&params, &buffers, &x))?);
    let mean = |at: usize| each.iter().skip(at % 10).step_by(10).sum::<f32>() / 4.0;
    let expected: Vec<f32> = each.iter().enumerate().map(|(at, y)| y - mean(at)).collect();
    let centred =
        move |args: (State<Var>, State<Var>, Var)| fmodel.apply(args).map(|y| &y - y.pmean("members"));
    for device in DEVICES {
        let program = vmap(centred.clone(), (0, 0, None)).on(device);
        check(&program.call((&params, &buffers, &x))?, &expected);
    }
    Ok(())
}

/// Each member's query over the keys and values of all.
#[test]
fn attention_across_members() -> TestResult {
    let attend = |(q, k, v): (Var, Var, Var)| {
        let scores = k.all_gather("members", 0).matmul(&q) / (q.size(0) as f64).sqrt();
        scores.softmax(0).matmul(&v.all_gather("members", 0))
    };
    let [q, k, v] = [0, 1, 2].map(|seed| Tensor::randn([6, 4], Key::new(seed)));
    let [queries, keys, seen] = [&q, &k, &v].map(values);
    let [keys, seen] = [&keys, &seen].map(|x| x.chunks(4).collect::<Vec<_>>());
    let expected: Vec<f32> = queries.chunks(4).flat_map(|query| attention(query, &keys, &seen)).collect();
    for device in DEVICES {
        check(&vmap(attend, 0).on(device).call((&q, &k, &v))?, &expected);
    }
    Ok(())
}

/// Members in groups, each with several tokens: every token over those of all members of all groups.
#[test]
fn attention_across_groups() -> TestResult {
    let attend = |(q, k, v): (Var, Var, Var)| {
        let [keys, seen] = [k, v].map(|x| x.all_gather(["groups", "members"], 0).flatten(0, 1));
        let scores = q.matmul(&keys.transpose(0, 1)) / (q.size(-1) as f64).sqrt();
        scores.softmax(-1).matmul(&seen)
    };
    let [q, k, v] = [0, 1, 2].map(|seed| Tensor::randn([2, 3, 5, 4], Key::new(seed)));
    let [queries, keys, seen] = [&q, &k, &v].map(values);
    let [keys, seen] = [&keys, &seen].map(|x| x.chunks(4).collect::<Vec<_>>());
    let expected: Vec<f32> = queries.chunks(4).flat_map(|query| attention(query, &keys, &seen)).collect();
    for device in DEVICES {
        let program = vmap(vmap(attend, 0), 0).axis_name("groups").on(device);
        check(&program.call((&q, &k, &v))?, &expected);
    }
    Ok(())
}

/// Mean, variance, the best score, and the first member that has it.
#[test]
fn statistics() -> TestResult {
    let statistics = |score: Var| {
        let axes = ["islands", "members"];
        let (mean, best) = (score.pmean(axes), score.pmax(axes));
        let number = score.axis_index(axes).where_(&score.eq(&best), i32::MAX).pmin(axes);
        ((&score - &mean).pow(2.0).pmean(axes), mean, best, number)
    };
    let scores = [[0.5f32, 2.5, -1.0], [2.5, 1.5, 0.0]];
    for device in DEVICES {
        let islands = vmap(vmap(statistics, 0).out_dims(None), 0).axis_name("islands");
        let (variance, mean, best, number) = islands.out_dims(None).on(device).call(&Tensor::from(scores))?;
        check(&mean, &[1.0]);
        check(&variance, &[5.0 / 3.0]);
        check(&best, &[2.5]);
        assert_eq!(number.as_slice::<i32>()?, [1]);
    }
    Ok(())
}

/// All get what the best holds: a sum to which only the best adds.
#[test]
fn all_take_the_best() -> TestResult {
    let exploit = |(score, x): (Var, Var)| {
        let is_best = score.eq(score.pmax("members")).to(DType::F32);
        (&x * is_best).psum("members")
    };
    let scores = Tensor::from([0.5f32, 2.5, -1.0]);
    let x = Tensor::randn([3, 4], Key::new(1));
    let program = vmap(exploit, 0);
    check(&program.call((&scores, &x))?, &values(&x.index(1)?).repeat(3));
    Ok(())
}

/// A model that asks how many members there are is traced again when there are more.
#[test]
fn a_model_may_ask_how_many_members_there_are() -> TestResult {
    #[derive(Module, Clone)]
    struct Share<T> {
        weight: T,
    }
    impl Forward for Share<Var> {
        type Output = Var;
        fn forward(&mut self, x: &Var) -> Var {
            x * &self.weight / x.axis_size("members") as f32
        }
    }
    let model = |weight: f32| Share { weight: Tensor::from(weight) };
    let mut ensemble = Ensemble::new(&[model(3.0), model(6.0)])?.with_capacity(4)?;
    let x = Tensor::from(1.0f32);
    assert_eq!(ensemble.call(&x)?.as_slice::<f32>()?, [1.5, 3.0]);
    ensemble.push_member(&model(9.0))?;
    assert_eq!(ensemble.call(&x)?.as_slice::<f32>()?, [1.0, 2.0, 3.0]);
    Ok(())
}
