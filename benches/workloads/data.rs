//! Numbers that workloads run on: drawn from one seed, so that every run has the same.

use choral::nn::Linear;
use choral::{Key, Tensor};

/// How many numbers are drawn where they are repeated: a prime, so that no two rows or members are alike.
const REPEATED: usize = 1_000_003;

/// Keys, each used once.
pub(crate) struct Draw {
    key: Key,
    count: u32,
}

impl Draw {
    pub(crate) fn new() -> Draw {
        Draw { key: Key::new(0), count: 0 }
    }

    /// A key of its own.
    pub(crate) fn key(&mut self) -> Key {
        self.count += 1;
        self.key.fold_in(self.count)
    }

    /// Normal numbers of this standard deviation.
    pub(crate) fn normal(&mut self, shape: impl Into<Vec<usize>>, deviation: f64) -> Tensor {
        scaled(&Tensor::randn(shape, self.key()), |value| value * deviation)
    }

    /// As [`Draw::normal`], for many: some numbers again and again, which takes less time.
    pub(crate) fn repeated(&mut self, shape: impl Into<Vec<usize>>, deviation: f64) -> Tensor {
        let few = self.normal([REPEATED], deviation);
        let few = few.as_slice::<f32>().expect("floats");
        Tensor::from_fn(shape, |at| few[at % REPEATED])
    }

    /// Whole numbers from 0 on, below `end`.
    pub(crate) fn below(&mut self, shape: impl Into<Vec<usize>>, end: usize) -> Tensor {
        let drawn = Tensor::rand(shape, self.key());
        let values: Vec<i32> = drawn.to_f64_vec().iter().map(|value| (value * end as f64) as i32).collect();
        Tensor::new(drawn.shape(), values).expect("as many values")
    }

    /// Layers of all members, from each width to the next.
    pub(crate) fn layers(&mut self, members: usize, widths: &[usize]) -> Vec<Linear<Tensor>> {
        let layer = |pair: &[usize]| {
            let weight = self.normal([members, pair[1], pair[0]], (pair[0] as f64).powf(-0.5));
            Linear { weight, bias: Some(self.normal([members, pair[1]], 0.1)) }
        };
        widths.windows(2).map(layer).collect()
    }
}

/// The same tensor, each number made another one.
fn scaled(tensor: &Tensor, value: impl Fn(f64) -> f64) -> Tensor {
    let values = tensor.to_f64_vec();
    Tensor::from_fn(tensor.shape(), |at| value(values[at]) as f32)
}

/// Members with a weight of 1 where there is one of these classes, and 0 elsewhere.
pub(crate) fn one_hot(classes: &Tensor, count: usize) -> Tensor {
    let of = classes.to_f64_vec();
    let shape = [classes.shape(), &[count]].concat();
    Tensor::from_fn(shape, |at| f32::from(of[at / count] as usize == at % count))
}
