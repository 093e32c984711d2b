//! Programs whose parts are user-defined ops: what branches and loops hold, or all of it, as code
//! that choral does not know or as a function with a batching rule. Either way the rule is `vmap`.

use choral::ir::op::{Custom, CustomOp};
use choral::ir::{BuildError, Builder, NodeId, NodeKind, TypeError, Value};
use choral::transform::{Axis, VmapOptions, vmap_graph};
use choral::{Device, Graph, Tensor, TensorType, custom_vmap};
use choral_compiler::{Function, Var, trace, vmap};

use crate::numbered::{has_regions, is_region_op};
use crate::reduce::{outputs, rebuilt};
use crate::subject::run;

/// Another way to write a program.
pub(crate) type Rewriting = fn(&Graph) -> Graph;

pub(crate) const REWRITINGS: [Rewriting; 2] = [opaque, ruled];

/// A program that runs on the reference, as an op.
#[derive(Debug)]
struct Opaque(Graph);

impl CustomOp for Opaque {
    fn name(&self) -> &'static str {
        "test.opaque"
    }

    /// What tells it from others of its name.
    fn attributes(&self) -> String {
        self.0.to_text()
    }

    fn infer(&self, operands: &[&TensorType]) -> Result<Vec<TensorType>, String> {
        let fits = self.0.input_types().iter().eq(operands.iter().copied());
        if fits { Ok(self.0.output_types()) } else { Err("other types than the program's".to_owned()) }
    }

    fn evaluate(&self, operands: &[Tensor]) -> Result<Vec<Tensor>, String> {
        run(&self.0, Device::Reference, operands)
    }

    fn batch(
        &self,
        builder: &mut Builder,
        members: usize,
        operands: &[(Value, Option<usize>)],
    ) -> Result<Vec<(Value, Option<usize>)>, BuildError> {
        let (values, in_dims): (Vec<Value>, Vec<Option<usize>>) = operands.iter().copied().unzip();
        let out_dims = vec![Some(0); self.0.outputs().len()];
        let mapped = vmap_graph(&self.0, &VmapOptions::new(Axis::new("opaque", members), in_dims, out_dims));
        let mapped = mapped.map_err(|error| {
            let cause = TypeError { message: error.to_string(), constraint: "vmap" };
            builder.refusal(&Custom::new(Opaque(self.0.clone())).into(), &values, cause)
        })?;
        let results = builder.push_all(Custom::new(Opaque(mapped)), &values)?;
        Ok(results.into_iter().map(|value| (value, Some(0))).collect())
    }
}

fn opaque(graph: &Graph) -> Graph {
    let mut builder = Builder::new(graph.name());
    let inputs: Vec<Value> = graph.input_types().into_iter().map(|ty| builder.input("x", ty)).collect();
    let outputs = builder.push_all(Custom::new(Opaque(graph.clone())), &inputs).expect("the program's types");
    builder.finish(&outputs)
}

fn ruled(graph: &Graph) -> Graph {
    let body = graph.clone();
    let rule = move |members: usize, mapped: &[bool], args: Vec<Var>| {
        let in_dims: Vec<Option<i64>> = mapped.iter().map(|&mapped| mapped.then_some(0)).collect();
        let all = vmap(body.clone(), in_dims).axis_size(members).apply(args).expect("a mapped graph");
        let mapped = vec![true; all.len()];
        (all, mapped)
    };
    let function = custom_vmap(graph.clone(), rule);
    trace(&function, &graph.input_types()).expect("a traced function").graph
}

/// The program with what its branches and loops hold rewritten; one without any is rewritten whole. A
/// running fold that is known by its body stays one.
pub(crate) fn rewritten(graph: &Graph, rewriting: Rewriting) -> Graph {
    if graph.inputs().is_empty() {
        // There is nothing to map, and a function needs an argument.
        return graph.clone();
    }
    if !has_regions(graph) {
        return rewriting(graph);
    }
    let results = |builder: &mut Builder, id: NodeId, operands: &[Value]| match &graph.node(id).kind {
        NodeKind::Op(op) if is_region_op(op) && op.accumulating().is_none() => {
            builder.push_all(op.map_regions(|region| Ok(rewritten(region, rewriting)))?, operands)
        }
        NodeKind::Input | NodeKind::Constant(_) | NodeKind::Op(_) => builder.copy(graph.node(id), operands),
    };
    rebuilt(graph, &outputs(graph), results).expect("the same ops on the same types")
}
