//! The memory of plans of networks as people have them: hardly more than what is alive at once.

use choral::prelude::*;

/// A perceptron whose hidden layer is several times as wide as its input.
#[derive(Module, Clone)]
struct Wide<T> {
    up: Linear<T>,
    down: Linear<T>,
}

impl Forward for Wide<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        self.down.forward(&self.up.forward(x).gelu())
    }
}

/// A block that normalises before attention and before its perceptron.
#[derive(Module, Clone)]
struct Block<T> {
    norm1: LayerNorm<T>,
    qkv: Linear<T>,
    out: Linear<T>,
    norm2: LayerNorm<T>,
    wide: Wide<T>,
    heads: usize,
}

impl Block<Var> {
    fn attention(&mut self, x: &Var) -> Var {
        let (batch, length, width) = (x.size(0) as i64, x.size(1) as i64, x.size(2) as i64);
        let heads = self.heads as i64;
        let per_head = |x: &Var| x.reshape([batch, length, heads, width / heads]).transpose(1, 2);
        let parts = self.qkv.forward(x).chunk(3, -1);
        let [q, k, v] = [0, 1, 2].map(|part| per_head(&parts[part]));
        let scores = q.matmul(&k.transpose(-1, -2)) / ((width / heads) as f64).sqrt();
        let mixed = scores.softmax(-1).matmul(&v).transpose(1, 2).reshape([batch, length, width]);
        self.out.forward(&mixed)
    }
}

impl Forward for Block<Var> {
    type Output = Var;

    fn forward(&mut self, x: &Var) -> Var {
        let normal = self.norm1.forward(x);
        let x = x + self.attention(&normal);
        let normal = self.norm2.forward(&x);
        x + self.wide.forward(&normal)
    }
}

fn wide(width: usize, hidden: usize, seed: u64) -> Wide<Tensor> {
    Wide {
        up: Linear::init(width, hidden, Key::new(seed)),
        down: Linear::init(hidden, width, Key::new(seed)),
    }
}

fn block(width: usize, seed: u64) -> Block<Tensor> {
    Block {
        norm1: LayerNorm::init([width]),
        qkv: Linear::init(width, 3 * width, Key::new(seed)),
        out: Linear::init(width, width, Key::new(seed + 1)),
        norm2: LayerNorm::init([width]),
        wide: wide(width, 4 * width, seed + 2),
        heads: 8,
    }
}

type Layers = Vec<Linear<Var>>;

/// A step along the gradients of the mean cross-entropy between a perceptron's softmax and targets.
fn step((layers, velocity, x, targets): (Layers, Layers, Var, Var)) -> (Layers, Layers) {
    let mut inputs = vec![x];
    for layer in &layers {
        let x = layer.clone().forward(&inputs[inputs.len() - 1]);
        inputs.push(if inputs.len() < layers.len() { x.relu() } else { x });
    }
    let logits = inputs.pop().expect("what the last layer gives");
    let mut slope = (logits.softmax(-1) - targets) / logits.size(0) as f64;
    let mut next = (Vec::new(), Vec::new());
    let combined = |one: &Linear<Var>, other: &Linear<Var>, both: &dyn Fn(&Var, &Var) -> Var| Linear {
        weight: both(&one.weight, &other.weight),
        bias: one.bias.as_ref().zip(other.bias.as_ref()).map(|(one, other)| both(one, other)),
    };
    for ((layer, velocity), x) in layers.iter().zip(&velocity).zip(&inputs).rev() {
        let slopes = Linear { weight: slope.transpose(0, 1).matmul(x), bias: Some(slope.sum(0)) };
        let velocity = combined(velocity, &slopes, &|velocity, slope| velocity * 0.9 + slope);
        next.0.push(combined(layer, &velocity, &|weight, velocity| weight - velocity * 0.01));
        next.1.push(velocity);
        slope = slope.matmul(&layer.weight).where_(&x.gt(0.0), 0.0);
    }
    next
}

fn traced<M: Module<Tensor> + Clone>(models: &[M], x: &TensorType) -> Result<Graph, choral::Error>
where
    choral::ensemble::Code<M>: Function<(State<Var>, State<Var>, Var), Output = Var>,
{
    let (fmodel, params, buffers) = combine_state_for_ensemble(models)?;
    let types = |state: &State<Tensor>| -> State<TensorType> {
        state.iter().map(|(name, tensor)| (name.clone(), tensor.ty().clone())).collect()
    };
    Ok(vmap(fmodel, (0, 0, None)).trace((types(&params), types(&buffers), x.clone()))?.graph)
}

#[test]
fn arenas_hold_little_more_than_is_alive() -> Result<(), choral::Error> {
    let f32 = |shape: &[usize]| TensorType::new(shape, DType::F32);
    let perceptrons: Vec<_> = (0..3).map(|seed| wide(64, 256, seed)).collect();
    let blocks: Vec<_> = (0..4).map(|seed| block(64, seed)).collect();
    let layers = || -> Vec<Linear<TensorType>> {
        let layer =
            |[from, to]: [usize; 2]| Linear { weight: f32(&[10, to, from]), bias: Some(f32(&[10, to])) };
        [[196, 32], [32, 32], [32, 32], [32, 10]].map(layer).into()
    };
    let training = vmap(step, 0).trace((layers(), layers(), f32(&[10, 16, 196]), f32(&[10, 16, 10])))?.graph;
    let programs = [
        ("wide perceptrons", traced(&perceptrons, &f32(&[64, 64]))?),
        ("transformer blocks", traced(&blocks, &f32(&[8, 16, 64]))?),
        ("a step of training", training),
    ];
    for (name, graph) in programs {
        let executable = choral::compile(&graph, Device::Cpu)?;
        let plan = executable.plan().expect("the processor runs plans");
        let (bytes, alive) = (plan.arena_bytes(), plan.alive_bytes());
        println!("{name}: {bytes} bytes, {alive} alive");
        assert!(alive > 0 && bytes * 10 <= alive * 11, "{name}: {bytes} bytes for {alive}\n{plan}");
    }
    Ok(())
}

/// What was called last is kept, and the rest is compiled again.
#[test]
fn so_many_programs_are_kept_as_is_said() -> Result<(), choral::Error> {
    let ensemble = Ensemble::new(&[wide(4, 8, 0), wide(4, 8, 1)])?.cache_size(2);
    let call = |batch: usize| ensemble.call(&Tensor::zeros(TensorType::new([batch, 4], DType::F32)));
    for batch in [1, 2, 1, 3, 1] {
        call(batch)?;
    }
    assert_eq!((ensemble.compilations(), ensemble.traces()), (3, 2));
    call(2)?;
    assert_eq!((ensemble.compilations(), ensemble.traces()), (4, 2));
    Ok(())
}
