//! A thousand networks initialised in one program, with no model of its own for any of them first.
//!
//! The initialiser is written once, for any key. On a key of numbers it makes one model; mapped over
//! keys it makes a model whose every tensor holds all members, which then predict together.

use choral::Error;
use choral::ensemble::StackedState;
use choral::prelude::*;

const MEMBERS: usize = 1000;

#[derive(Module, Clone)]
struct Mlp<T> {
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl<T> Mlp<T> {
    fn init<K: RandomKey<Leaf = T>>(key: K) -> Self {
        let [fc1, fc2] = key.split();
        Mlp { fc1: Linear::init(1, 64, fc1), fc2: Linear::init(64, 1, fc2) }
    }
}

impl Forward for Mlp<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.fc2.forward(&self.fc1.forward(x).tanh())
    }
}

fn main() -> Result<(), Error> {
    let keys = Key::new(0).split_n(MEMBERS);
    let all: Mlp<Tensor> = vmap(Mlp::init::<Var>, 0).call(&Tensor::from(keys.clone()))?;
    println!("fc1.weight of all: {}", all.fc1.weight.ty());

    let ensemble = Ensemble::of(StackedState::from_stacked(&all)?)?;
    let alone: Mlp<Tensor> = Mlp::init(keys[17]);
    let same = ensemble.member(17)?.fc1.weight.bit_eq(&alone.fc1.weight);
    println!("member 17 is what its key makes alone: {same}");

    let x = Tensor::from([[-2.0f32], [0.0], [2.0]]);
    let outputs = ensemble.call(&x)?;
    let spread = jit(|y: Var| (y.mean(0).squeeze(-1), y.std(0, 1).squeeze(-1)));
    let (mean, std) = spread.call(&outputs)?;
    println!("x    {x}\nmean {mean}\nstd  {std}");
    Ok(())
}
