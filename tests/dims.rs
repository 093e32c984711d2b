//! The ways to say which leaves are mapped.

use choral::dims::{by_kind, by_leaf};
use choral::prelude::*;

#[derive(Module, Clone)]
struct Normed<T> {
    linear: Linear<T>,
    norm: BatchNorm1d<T>,
}

impl Forward for Normed<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.norm.forward(&self.linear.forward(x))
    }
}

fn model(seed: u64) -> Normed<Tensor> {
    let mut norm = BatchNorm1d::init(2);
    norm.training = false;
    Normed { linear: Linear::init(3, 2, Key::new(seed)), norm }
}

/// A struct of stacked parameters and shared buffers: one entry says which is which.
#[test]
fn by_kind_of_state() -> Result<(), choral::Error> {
    let models: Vec<Normed<Tensor>> = (0..3).map(model).collect();
    let x = Tensor::randn([4, 3], Key::new(9));
    let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
    let expected = vmap(fmodel, (0, 0, None)).call((&params, &buffers, &x))?;

    let stack = |of: fn(&Normed<Tensor>) -> &Tensor| -> Tensor {
        Tensor::stack(&models.iter().map(|model| of(model).clone()).collect::<Vec<_>>()).expect("one type")
    };
    let mut stacked = models[0].clone();
    stacked.linear.weight = stack(|model| &model.linear.weight);
    stacked.linear.bias =
        models[0].linear.bias.as_ref().map(|_| stack(|model| model.linear.bias.as_ref().expect("a bias")));
    stacked.norm.weight =
        models[0].norm.weight.as_ref().map(|_| stack(|model| model.norm.weight.as_ref().expect("a weight")));
    stacked.norm.bias =
        models[0].norm.bias.as_ref().map(|_| stack(|model| model.norm.bias.as_ref().expect("a bias")));
    let data = x.clone();
    let forward = |(mut model, x): (Normed<Var>, Var)| model.forward(&x);
    let repeated = Tensor::stack(&[data.clone(), data.clone(), data])?;
    let got = vmap(forward, by_kind(Some(0), None)).call((&stacked, &repeated))?;
    assert!(
        got.bit_eq(&expected)
            || got.to_f64_vec().iter().zip(expected.to_f64_vec()).all(|(x, y)| (x - y).abs() < 1e-5)
    );
    Ok(())
}

/// A function of the path and type: every weight, and nothing else.
#[test]
fn by_a_function_of_the_leaf() -> Result<(), choral::Error> {
    let mut linear: Linear<Tensor> = Linear::init(3, 2, Key::new(0));
    linear.weight = Tensor::randn([4, 2, 3], Key::new(1));
    let forward = |(mut linear, x): (Linear<Var>, Var)| linear.forward(&x);
    let weights = by_leaf(|path, _| path.state_name().ends_with("weight").then_some(0));
    let x = Tensor::randn([5, 3], Key::new(2));
    let together = vmap(forward, weights).call((&linear, &x))?;
    assert_eq!(together.shape(), [4, 5, 2]);
    for member in 0..4 {
        let mut alone = linear.clone();
        alone.weight = linear.weight.index(member)?;
        let alone = jit(forward).call((&alone, &x))?;
        let close = |(x, y): (f64, f64)| (x - y).abs() < 1e-5;
        assert!(together.index(member)?.to_f64_vec().into_iter().zip(alone.to_f64_vec()).all(close));
    }
    Ok(())
}
