//! Gradients, Jacobians and products as functions: against closed forms, in each other and in `vmap`.

use choral::Error;
use choral::grad::{jvp_with_aux, vjp_with_aux};
use choral::prelude::*;

type TestResult = Result<(), Error>;

/// Fails unless both are of one type and nearly equal.
#[track_caller]
fn assert_close(got: &Tensor, expected: &Tensor) {
    assert_eq!(got.ty(), expected.ty());
    let (got, expected) = (got.to_dtype(DType::F64), expected.to_dtype(DType::F64));
    let (got, expected) = (got.as_slice::<f64>().expect("f64"), expected.as_slice::<f64>().expect("f64"));
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let allowed = 1e-5 * (1.0 + expected.abs());
        assert!((got - expected).abs() < allowed, "element {at} is {got}, expected {expected}");
    }
}

/// Fails unless both have the same names and bits.
#[track_caller]
fn assert_same(got: &State<Tensor>, expected: &State<Tensor>) {
    assert!(got.keys().eq(expected.keys()));
    for (name, tensor) in got {
        assert!(tensor.bit_eq(&expected[name]), "{name} differs");
    }
}

fn f64s(shape: &[usize], seed: u64) -> Tensor {
    Tensor::randn(shape, Key::new(seed)).to_dtype(DType::F64)
}

#[derive(Module, Clone, Debug)]
struct Mlp<T> {
    fc1: Linear<T>,
    fc2: Linear<T>,
}

impl Mlp<Tensor> {
    fn init(seed: u64) -> Self {
        let [fc1, fc2] = Key::new(seed).split();
        Mlp { fc1: Linear::init(4, 8, fc1), fc2: Linear::init(8, 3, fc2) }
    }
}

impl Forward for Mlp<Var> {
    type Output = Var;
    fn forward(&mut self, x: &Var) -> Var {
        self.fc2.forward(&self.fc1.forward(x).tanh())
    }
}

/// The mean squared error of a model.
fn loss((mut model, x, y): (Mlp<Var>, Var, Var)) -> Var {
    let error = model.forward(&x) - y;
    (&error * &error).mean(())
}

/// The gradient of [`loss`], written by hand.
fn by_hand((model, x, y): (Mlp<Var>, Var, Var)) -> Mlp<Var> {
    let hidden =
        (x.matmul(&model.fc1.weight.transpose(0, 1)) + model.fc1.bias.clone().expect("a bias")).tanh();
    let error =
        hidden.matmul(&model.fc2.weight.transpose(0, 1)) + model.fc2.bias.clone().expect("a bias") - y;
    let count = (error.shape()[0] * error.shape()[1]) as f64;
    let of_error = error * (2.0 / count);
    let of_hidden = of_error.matmul(&model.fc2.weight) * (1.0 - &hidden * &hidden);
    Mlp {
        fc1: Linear { weight: of_hidden.transpose(0, 1).matmul(&x), bias: Some(of_hidden.sum(0)) },
        fc2: Linear { weight: of_error.transpose(0, 1).matmul(&hidden), bias: Some(of_error.sum(0)) },
    }
}

fn samples() -> (Tensor, Tensor) {
    (Tensor::randn([16, 4], Key::new(8)), Tensor::randn([16, 3], Key::new(9)))
}

#[test]
fn the_gradient_of_a_network_is_what_one_writes_by_hand() -> TestResult {
    let (model, (x, y)) = (Mlp::init(0), samples());
    let (value, gradient) = value_and_grad(loss).call((&model, &x, &y))?;
    assert!(value.bit_eq(&jit(loss).call((&model, &x, &y))?));
    let expected = jit(by_hand).call((&model, &x, &y))?;
    for (name, tensor) in gradient.named_parameters() {
        assert_close(&tensor, &expected.named_parameters()[&name]);
    }
    Ok(())
}

/// A model as two maps of its state: the gradient has the parameters' names, and leaves the buffers alone.
#[test]
fn the_gradient_of_a_state() -> TestResult {
    let (model, (x, y)) = (Mlp::init(0), samples());
    let architecture = model.clone();
    let of_state = move |(params, buffers, x, y): (State<Var>, State<Var>, Var, Var)| {
        let error = functional_call(&architecture, (&params, &buffers), &x)? - y;
        Ok::<Var, choral::error::CompilerError>((&error * &error).mean(()))
    };
    let state = (model.named_parameters(), model.named_buffers());
    let gradient = grad(of_state).call((&state.0, &state.1, &x, &y))?;
    assert_same(&gradient, &grad(loss).call((&model, &x, &y))?.named_parameters());
    let some = grad(loss).by(Argument::<0>.named(["fc2.bias", "fc1.weight"])).call((&model, &x, &y))?;
    assert!(some.keys().eq(["fc2.bias", "fc1.weight"]));
    assert!(some["fc2.bias"].bit_eq(&gradient["fc2.bias"]));
    Ok(())
}

#[test]
fn buffers_are_left_out_by_name_of_their_kind() -> TestResult {
    let mut layer = BatchNorm1d::<Tensor>::init(4);
    layer.train();
    let loss = |(mut layer, x): (BatchNorm1d<Var>, Var)| layer.forward(&x).exp().sum(());
    let gradient = grad(loss).by(Argument::<0>.parameters()).call((&layer, &samples().0))?;
    assert!(gradient.keys().eq(["weight", "bias"]));
    Ok(())
}

#[test]
fn gradients_by_several_arguments() -> TestResult {
    let loss = |(w, x, b): (Var, Var, Var)| (x.matmul(&w) * &b).sum(());
    let args = (&f64s(&[3], 0), &f64s(&[5, 3], 1), &f64s(&[5], 2));
    let by_first = grad(loss).call(args)?;
    let (by_last, again) = grad(loss).by((Argument::<2>, Argument::<0>)).call(args)?;
    assert!(again.bit_eq(&by_first));
    assert_close(&by_last, &jit(|(w, x, _): (Var, Var, Var)| x.matmul(&w)).call(args)?);
    let (w, _, b) = grad(loss).by(AllArguments).call(args)?;
    assert!(w.bit_eq(&by_first) && b.bit_eq(&by_last));
    Ok(())
}

#[test]
fn results_beside_the_loss_come_out() -> TestResult {
    let (w, x) = (f64s(&[3], 0), f64s(&[5, 3], 1));
    let loss = |(w, x): (Var, Var)| {
        let predictions = x.matmul(&w);
        (predictions.exp().sum(()), (predictions.clone(), predictions.gt(0.0)))
    };
    let ((value, aux), gradient) = value_and_grad(loss).has_aux().call((&w, &x))?;
    let (again, (predictions, positive)) = grad(loss).has_aux().call((&w, &x))?;
    assert!(gradient.bit_eq(&again) && aux.0.bit_eq(&predictions) && aux.1.bit_eq(&positive));
    assert_eq!((value.shape(), positive.dtype()), ([].as_slice(), DType::I1));
    let (jacobian, _) = jacrev(|(w, x): (Var, Var)| (x.matmul(&w), x.sum(()))).has_aux().call((&w, &x))?;
    assert_close(&jacobian, &x);
    Ok(())
}

/// One sample's gradient does not depend on the others.
#[test]
fn gradients_of_samples_are_single_gradients_to_the_bit() -> TestResult {
    let (model, (x, y)) = (Mlp::init(0), samples());
    let together = vmap(grad(loss), (None, 0, 0)).call((&model, &x, &y))?.named_parameters();
    let single = grad(loss);
    for sample in 0..x.shape()[0] {
        let alone = single.call((&model, &x.index(sample)?, &y.index(sample)?))?;
        for (name, tensor) in alone.named_parameters() {
            assert!(together[&name].index(sample)?.bit_eq(&tensor), "{name} of sample {sample}");
        }
    }
    Ok(())
}

#[test]
fn gradients_of_members_and_samples() -> TestResult {
    let models: Vec<Mlp<Tensor>> = (0..3).map(Mlp::init).collect();
    let (params, buffers) = stack_module_state(&models)?;
    let (x, y) = samples();
    let architecture = models[0].clone();
    let of_state = move |(params, buffers, x, y): (State<Var>, State<Var>, Var, Var)| {
        let error = functional_call(&architecture, (&params, &buffers), &x)? - y;
        Ok::<Var, choral::error::CompilerError>((&error * &error).mean(()))
    };
    let of_samples = vmap(grad(of_state.clone()), (None, None, 0, 0));
    let of_members = vmap(of_samples, (0, 0, None, None)).call((&params, &buffers, &x, &y))?;
    assert_eq!(of_members["fc1.weight"].shape(), [3, 16, 8, 4]);
    let alone = grad(loss).call((&models[1], &x.index(5)?, &y.index(5)?))?.named_parameters();
    for (name, tensor) in &alone {
        assert!(of_members[name].index(1)?.index(5)?.bit_eq(tensor), "{name}");
    }
    // The gradient of a mapped function: members do not meet, so it is the mapped gradient.
    let all = |(params, buffers, x, y): (State<Var>, State<Var>, Var, Var)| {
        vmap(of_state.clone(), (0, 0, None, None)).apply((params, buffers, x, y)).map(|losses| losses.sum(()))
    };
    let of_all = grad(all).call((&params, &buffers, &x, &y))?;
    let each = vmap(grad(of_state.clone()), (0, 0, None, None)).call((&params, &buffers, &x, &y))?;
    for (name, tensor) in &each {
        assert_close(&of_all[name], tensor);
    }
    Ok(())
}

/// What a function captures is a constant of its own derivative, and is differentiated by those around it.
#[test]
fn captures_are_constants_inside_and_differentiable_outside() -> TestResult {
    // d/dx of (d/dy of x y^2 at y = x) = d/dx of 2 x^2 = 4 x.
    let nested = |x: Var| grad(|y: Var| &x * &y * &y).apply(x.clone());
    assert_eq!(grad(nested).call(&Tensor::scalar(3.0f32))?.item::<f32>()?, 12.0);
    let (x, y) = (Tensor::from([1.0f32, 2.0]), Tensor::from([3.0f32, 5.0]));
    let products = |(x, ys): (Var, Var)| vmap(grad(|y: Var| &x * &y * &y), 0).apply(ys);
    let expected = |(x, y): (Var, Var)| x.unsqueeze(1) * y * 2.0;
    let got = vmap(products, (0, None)).call((&x, &y))?;
    assert_eq!(got, jit(expected).call((&x, &y))?);
    Ok(())
}

#[test]
fn the_hessian_of_a_quadratic_form() -> TestResult {
    let (a, x) = (f64s(&[4, 4], 0), f64s(&[4], 1));
    let form = |(x, a): (Var, Var)| a.matmul(&x).matmul(&x);
    let found = hessian(form).call((&x, &a))?;
    assert_close(&found, &jit(|a: Var| &a + a.transpose(0, 1)).call(&a)?);
    assert_close(&found, &jit(|h: Var| h.transpose(0, 1)).call(&found)?);
    assert!(hessian(form).chunk_size(2).call((&x, &a))?.bit_eq(&found));
    // By both arguments: four blocks, the mixed one of which is its counterpart turned.
    let ((xx, xa), (ax, aa)) = hessian(form).by((Argument::<0>, Argument::<1>)).call((&x, &a))?;
    assert!(xx.bit_eq(&found));
    assert_eq!((xa.shape(), ax.shape(), aa.shape()), (&[4, 4, 4][..], &[4, 4, 4][..], &[4, 4, 4, 4][..]));
    assert_close(&xa, &jit(|ax: Var| ax.permute([2, 0, 1])).call(&ax)?);
    Ok(())
}

#[test]
fn hessians_of_members_of_members() -> TestResult {
    let x = f64s(&[2, 3, 4], 0);
    let function = |x: Var| (x.sin() * &x).sum(()).tanh();
    let together = vmap(vmap(hessian(function), 0), 0).call(&x)?;
    assert_eq!(together.shape(), [2, 3, 4, 4]);
    for (i, j) in [(0, 0), (0, 2), (1, 1)] {
        let alone = hessian(function).call(&x.index(i)?.index(j)?)?;
        assert!(together.index(i)?.index(j)?.bit_eq(&alone));
    }
    Ok(())
}

#[test]
fn jacobians_forward_and_backward_are_one() -> TestResult {
    let (x, w, b) = (f64s(&[3], 0), f64s(&[5, 3], 1), f64s(&[5], 2));
    let layer = |(x, (w, b)): (Var, (Var, Var))| {
        let y = (w.matmul(&x) + b).tanh();
        (y.clone(), [y.exp().sum(())])
    };
    let args = (&x, (&w, &b));
    let (of_y, of_sum) = jacfwd(layer).by(Argument::<1>).call(args)?;
    let (of_y_back, of_sum_back) = jacrev(layer).by(Argument::<1>).call(args)?;
    assert_eq!(
        (of_y.0.shape(), of_y.1.shape(), of_sum[0].1.shape()),
        (&[5, 5, 3][..], &[5, 5][..], &[5][..])
    );
    for (forward, backward) in [(of_y.0, of_y_back.0), (of_y.1, of_y_back.1)] {
        assert_close(&forward, &backward);
    }
    assert_close(&of_sum[0].0, &of_sum_back[0].0);
    let in_chunks = jacrev(layer).by(Argument::<1>).chunk_size(2).call(args)?;
    assert_close(&in_chunks.1[0].1, &of_sum[0].1);
    Ok(())
}

#[test]
fn products_with_the_hessian() -> TestResult {
    let (x, v) = (f64s(&[4], 0), f64s(&[4], 1));
    let function = |x: Var| (x.sin() * &x).sum(()).tanh();
    let product = jit(move |(x, v): (Var, Var)| hvp(&function, x, v)).call((&x, &v))?;
    let whole = hessian(function).call(&x)?;
    assert_close(&product, &jit(|(h, v): (Var, Var)| h.matmul(&v)).call((&whole, &v))?);
    Ok(())
}

#[test]
fn tangents_of_cotangents() -> TestResult {
    // Along v, the cotangent of c sin(x) changes by -c sin(x) v.
    let (x, c, v) = (f64s(&[4], 0), f64s(&[4], 1), f64s(&[4], 2));
    let found = jit(|(x, c, v): (Var, Var, Var)| {
        let back = |x: Var| vjp(&|x: Var| x.sin(), x)?.1.apply(&c);
        jvp(&back, x, v)
    });
    let (cotangent, along) = found.call((&x, &c, &v))?;
    assert_close(&cotangent, &jit(|(x, c): (Var, Var)| x.cos() * c).call((&x, &c))?);
    assert_close(&along, &jit(|(x, c, v): (Var, Var, Var)| -(x.sin() * c * v)).call((&x, &c, &v))?);
    Ok(())
}

#[test]
fn linear_functions_are_applied_again_and_mapped() -> TestResult {
    let (x, v, rows) = (f64s(&[3], 0), f64s(&[3], 1), f64s(&[4, 3], 2));
    let both = |(x, v, rows): (Var, Var, Var)| {
        let (y, along) = linearize(&|x: Var| x.exp(), x)?;
        Ok::<_, choral::error::CompilerError>((y, along.apply(v)?, vmap(along, 0).apply(rows)?))
    };
    let traced = jit(both).trace((&x, &v, &rows))?.graph.to_text();
    assert_eq!(traced.matches("stablehlo.exponential").count(), 1, "{traced}");
    let (y, one, all) = jit(both).call((&x, &v, &rows))?;
    let product = jit(|(y, v): (Var, Var)| y * v);
    assert_close(&one, &product.call((&y, &v))?);
    assert_close(&all, &product.call((&y, &rows))?);
    Ok(())
}

#[test]
fn products_with_results_beside_them() -> TestResult {
    let (x, v) = (f64s(&[3], 0), f64s(&[3], 1));
    let function = |x: Var| (x.sin(), x.gt(0.0));
    let (y, along, positive) = jit(move |(x, v): (Var, Var)| jvp_with_aux(&function, x, v)).call((&x, &v))?;
    let back = move |(x, v): (Var, Var)| {
        let (y, pullback, positive) = vjp_with_aux(&function, x)?;
        Ok::<_, choral::error::CompilerError>((y, pullback.apply(v)?, positive))
    };
    let (again, cotangent, _) = jit(back).call((&x, &v))?;
    // The Jacobian is diagonal: forward and backward are one.
    assert!(y.bit_eq(&again) && along.bit_eq(&cotangent));
    assert_eq!(positive.dtype(), DType::I1);
    Ok(())
}

#[test]
fn imported_graphs_are_differentiated() -> TestResult {
    let text = "
func.func @main(%w: tensor<4x3xf32>, %x: tensor<3xf32>) -> tensor<f32> {
  %0 = stablehlo.dot_general %w, %x, contracting_dims = [1] x [0] : (tensor<4x3xf32>, tensor<3xf32>) -> tensor<4xf32>
  %1 = stablehlo.tanh %0 : tensor<4xf32>
  %zero = stablehlo.constant dense<0.0> : tensor<f32>
  %2 = stablehlo.reduce(%1 init: %zero) applies stablehlo.add across dimensions = [0] : (tensor<4xf32>, tensor<f32>) -> tensor<f32>
  return %2 : tensor<f32>
}";
    let graph = Graph::parse(text).expect("a program");
    let (w, x) = (Tensor::randn([4, 3], Key::new(0)), Tensor::randn([8, 3], Key::new(1)));
    let gradients = vmap(grad(graph), (None, 0)).call((&w, &x))?;
    let by_hand = |(w, x): (Var, Var)| {
        let y = w.matmul(&x).tanh();
        (1.0 - &y * &y).unsqueeze(1) * x
    };
    assert_close(&gradients, &vmap(by_hand, (None, 0)).call((&w, &x))?);
    Ok(())
}

/// The names that members have in printed graphs stay where they were.
#[test]
fn the_gradient_of_a_product_reads_well() -> TestResult {
    let loss = |(w, x): (Var, Var)| x.matmul(&w).tanh().sum(());
    let types = (TensorType::new([3], DType::F32), TensorType::new([5, 3], DType::F32));
    let traced = vmap(grad(loss), (None, 0)).trace(&types)?;
    insta::with_settings!({snapshot_path => "../snapshots"}, {
        insta::assert_snapshot!(traced.graph.to_string());
    });
    Ok(())
}

/// What all members share is differentiated for each of them.
#[test]
fn gradients_of_an_ensemble() -> TestResult {
    let mut models: Vec<Linear<Tensor>> = (0..3).map(|seed| Linear::init(4, 2, Key::new(seed))).collect();
    let bias = models[0].bias.clone();
    models.iter_mut().for_each(|model| model.bias.clone_from(&bias));
    let ensemble = Ensemble::new(&models)?;
    let (state, (x, _)) = (ensemble.state(), samples());
    let code = state.function().clone();
    let loss = move |(params, buffers, x): (State<Var>, State<Var>, Var)| {
        Function::apply(&code, (params, buffers, x)).map(|y: Var| y.exp().sum(()))
    };
    let (params, buffers) = state.in_dims();
    assert_eq!(state.shared().collect::<Vec<_>>(), ["bias"]);
    let gradients = vmap(grad(loss), (params, buffers, None)).call((state.params(), state.buffers(), &x))?;
    let alone = grad(|(mut model, x): (Linear<Var>, Var)| model.forward(&x).exp().sum(()));
    for (member, model) in models.iter().enumerate() {
        for (name, tensor) in alone.call((model, &x))?.named_parameters() {
            assert!(gradients[&name].index(member)?.bit_eq(&tensor), "{name} of member {member}");
        }
    }
    Ok(())
}
