//! Sessions: an executable with memory and inputs of one caller's own.
//!
//! Must not live here: how a plan runs ([`crate::plan`]).

use choral_ir::Tensor;

use crate::error::Error;
use crate::executable::Executable;
use crate::plan::Workspace;
use crate::reference::{check_input, input_count};

/// An executable with memory of its own, for one run at a time: what a server or a loop of steps holds.
///
/// Inputs that stay the same, like the parameters of a model, are [bound](Session::bind) once. The others are given to
/// each run; where the executable was compiled with [donated](crate::Setting::donating) inputs, results are written where
/// these lie. With [`Session::run_into`], runs allocate nothing.
///
/// ```
/// use choral_ir::{Builder, DType, Tensor, TensorType, op::Binary};
/// use choral_runtime::{Device, Executable, Setting};
/// let mut builder = Builder::new("main");
/// let state = builder.input("state", TensorType::new([2], DType::F32));
/// let step = builder.input("step", TensorType::new([2], DType::F32));
/// let next = builder.binary(Binary::Add, state, step)?;
/// let setting = Setting::default().donating([0]);
/// let executable = Executable::compile_with(&builder.finish(&[next]), Device::Cpu, &setting)?;
///
/// let mut session = executable.session()?;
/// session.bind(1, &Tensor::from([1.0f32, 2.0]))?;
/// let mut state = vec![Tensor::from([0.0f32, 0.0])];
/// for _ in 0..3 {
///     state = session.run(state)?; // written where it lies
/// }
/// assert_eq!(state[0].as_slice::<f32>()?, [3.0, 6.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    executable: Executable,
    /// For each input the tensor that is bound to it.
    bound: Vec<Option<Tensor>>,
    /// `None` on the reference device.
    workspace: Option<Workspace>,
}

impl Session {
    pub(crate) fn new(executable: Executable) -> Result<Session, Error> {
        executable.ask()?;
        let workspace = executable.plan.as_deref().map(Workspace::new).transpose()?;
        let bound = vec![None; executable.graph.inputs().len()];
        Ok(Session { executable, bound, workspace })
    }

    /// Gives all runs to come this tensor as the input of this number, in place of what was bound to it before. What
    /// products read of it is packed now.
    ///
    /// # Errors
    /// If there is no such input, or if it is of another type; if memory runs out.
    pub fn bind(&mut self, input: usize, tensor: &Tensor) -> Result<(), Error> {
        check_input(&self.executable.graph, input, tensor)?;
        if let (Some(plan), Some(workspace)) = (&self.executable.plan, &mut self.workspace) {
            workspace.bind(plan, input, tensor)?;
        }
        self.bound[input] = Some(tensor.clone());
        Ok(())
    }

    /// The graph's outputs. `inputs` are those that nothing is bound to, in order: a clone lends an input, a tensor
    /// that nobody else holds is given.
    ///
    /// # Errors
    /// If the inputs are not of the graph's number and types; those of user-defined ops; if memory runs out.
    pub fn run(&mut self, inputs: impl IntoIterator<Item = Tensor>) -> Result<Vec<Tensor>, Error> {
        let mut outputs = Vec::new();
        self.run_into(inputs, &mut outputs)?;
        Ok(outputs)
    }

    /// As [`Session::run`], with the results in a list. What it holds is written over where it has the types of the
    /// results and nobody else holds it; after an error the list is empty.
    ///
    /// ```
    /// use choral_ir::{Builder, DType, Tensor, TensorType, op::Unary};
    /// use choral_runtime::{Device, Executable};
    /// let mut builder = Builder::new("main");
    /// let x = builder.input("x", TensorType::new([2], DType::F32));
    /// let y = builder.unary(Unary::Negate, x)?;
    /// let mut session = Executable::compile(&builder.finish(&[y]), Device::Cpu)?.session()?;
    /// let mut results = Vec::new();
    /// for x in [1.0f32, 2.0, 3.0] {
    ///     session.run_into([Tensor::from([x, x])], &mut results)?;
    ///     assert_eq!(results[0].as_slice::<f32>()?, [-x, -x]);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_into(
        &mut self,
        inputs: impl IntoIterator<Item = Tensor>,
        outputs: &mut Vec<Tensor>,
    ) -> Result<(), Error> {
        let Session { executable, bound, workspace } = self;
        let mut own = Vec::new();
        let list = workspace.as_mut().map_or(&mut own, |workspace| &mut workspace.inputs);
        let result = gather(executable, bound, inputs, list);
        let result = result.and_then(|()| match (&executable.plan, workspace.as_mut()) {
            (Some(plan), Some(workspace)) => workspace.run(plan, outputs),
            _ => executable.run_elsewhere(&own).map(|results| *outputs = results),
        });
        if result.is_err() {
            outputs.clear();
            workspace.iter_mut().for_each(|workspace| workspace.inputs.clear());
        }
        result
    }
}

/// All inputs of a run in one list: what is bound, and for the others what is given.
fn gather(
    executable: &Executable,
    bound: &[Option<Tensor>],
    inputs: impl IntoIterator<Item = Tensor>,
    list: &mut Vec<Tensor>,
) -> Result<(), Error> {
    let graph = &executable.graph;
    let count = |given| input_count(graph, |position| bound[position].is_none(), given);
    let (mut inputs, mut given) = (inputs.into_iter(), 0);
    for (position, bound) in bound.iter().enumerate() {
        let input = bound.clone().or_else(|| inputs.next().inspect(|_| given += 1));
        let Some(input) = input else { return Err(count(given)) };
        check_input(graph, position, &input)?;
        list.push(input);
    }
    match inputs.count() {
        0 => Ok(()),
        more => Err(count(given + more)),
    }
}
