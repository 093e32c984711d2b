//! What users read when a derivative is not there as they ask for it.

use choral::Error;
use choral::prelude::*;
use choral::transform::grad_graph;

/// Checks the message of what must be an error against a snapshot of the test's name.
macro_rules! assert_message {
    ($result:expr) => {
        let Err(error) = $result else { panic!("expected an error") };
        insta::with_settings!({snapshot_path => "../snapshots"}, {
            insta::assert_snapshot!(Error::from(error).to_string());
        });
    };
}

fn x() -> Tensor {
    Tensor::randn([3], Key::new(0))
}

fn ids() -> Tensor {
    Tensor::from([0i64, 1])
}

#[test]
fn a_gradient_of_more_than_a_scalar() {
    assert_message!(grad(|x: Var| x.sin()).call(&x()));
}

#[test]
fn a_gradient_of_several_results() {
    assert_message!(grad(|x: Var| (x.sum(()), x.sin())).call(&x()));
}

#[test]
fn a_gradient_of_a_count() {
    assert_message!(grad(|x: Var| x.gt(0.0).sum(())).call(&x()));
}

#[test]
fn a_gradient_by_integers() {
    let loss = |(table, ids): (Var, Var)| table.take_rows(&ids).sum(());
    assert_message!(grad(loss).by(Argument::<1>).call((&Tensor::randn([2, 3], Key::new(0)), &ids())));
}

#[test]
fn a_gradient_by_a_count_among_buffers() {
    let loss = |(mut layer, x): (BatchNorm1d<Var>, Var)| layer.forward(&x).sum(());
    let x = Tensor::randn([8, 4], Key::new(0));
    assert_message!(grad(loss).call((&BatchNorm1d::<Tensor>::init(4), &x)));
}

#[test]
fn a_gradient_by_a_name_that_is_not_there() {
    let loss = |(mut layer, x): (Linear<Var>, Var)| layer.forward(&x).sum(());
    let by = Argument::<0>.named(["weights"]);
    assert_message!(grad(loss).by(by).call((&Linear::<Tensor>::init(3, 2, Key::new(0)), &x())));
}

#[test]
fn a_gradient_by_nothing() {
    let by = Argument::<0>.leaves(|_, _| false);
    assert_message!(grad(|x: Var| x.sum(())).by(by).call(&x()));
}

#[test]
fn a_jacobian_of_integers() {
    assert_message!(jacrev(|x: Var| (x.sin(), x.gt(0.0))).call(&x()));
}

#[test]
fn no_direction_at_a_time() {
    assert_message!(jacrev(|x: Var| x.sin()).chunk_size(0).call(&x()));
}

#[test]
fn tangents_of_another_shape() {
    let along = |(x, v): (Var, Var)| jvp(&|x: Var| x.sin(), x, v);
    assert_message!(jit(along).call((&x(), &Tensor::randn([4], Key::new(0)))));
}

#[test]
fn tangents_of_another_element_type() {
    let along = |(x, v): (Var, Var)| jvp(&|x: Var| x.sin(), x, v);
    assert_message!(jit(along).call((&x(), &x().to_dtype(DType::F16))));
}

#[test]
fn tangents_of_another_structure() {
    let along = |x: Var| jvp(&|x: Vec<Var>| x[0].sin(), vec![x.clone()], vec![x.clone(), x]);
    assert_message!(jit(along).call(&x()));
}

#[test]
fn cotangents_of_another_structure() {
    let back = |x: Var| vjp(&|x: Var| (x.sin(), x.cos()), x.clone())?.1.apply(x);
    assert_message!(jit(back).call(&x()));
}

#[test]
fn tangents_of_integers() {
    let along = |ids: Var| jvp(&|ids: Var| ids.to(DType::F32), ids.clone(), ids);
    assert_message!(jit(along).call(&ids()));
}

#[test]
fn cotangents_of_integers() {
    let back = |x: Var| vjp(&|x: Var| x.gt(0.0), x.clone())?.1.apply(x);
    assert_message!(jit(back).call(&x()));
}

#[test]
fn a_product_with_no_hessian() {
    let product = |x: Var| hvp(&|x: Var| x.sin(), x.clone(), x);
    assert_message!(jit(product).call(&x()));
}

#[test]
fn a_graph_by_an_input_that_it_does_not_have() {
    let graph = jit(|x: Var| x.sin()).trace(&x()).expect("a graph").graph;
    assert_message!(grad_graph(&graph, &[2]).map_err(choral::error::CompilerError::from));
}
