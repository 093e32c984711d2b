//! The pages that users read, README and `docs/`, as documentation: their Rust blocks run as tests, and
//! their listings are what programs print. Must not live here: text of a page.

/// A page whose Rust blocks are tests.
macro_rules! pages {
    ($($name:ident $file:literal;)*) => {
        $(
            #[doc = include_str!($file)]
            pub struct $name;
        )*
    };
}

pages! {
    Readme "../README.md";
    Checks "../docs/checks.md";
    Comparison "../docs/comparison.md";
    Derivatives "../docs/derivatives.md";
    Ensembles "../docs/ensembles.md";
    Errors "../docs/errors.md";
    Glossary "../docs/glossary.md";
    Gpus "../docs/gpus.md";
    Graphs "../docs/graphs.md";
    Loops "../docs/loops.md";
    Models "../docs/models.md";
    Programs "../docs/programs.md";
    Random "../docs/random.md";
    Status "../docs/status.md";
    Training "../docs/training.md";
}

/// The graphs and the table of `docs/graphs.md`.
///
/// ```
/// use choral::prelude::*;
///
/// fn main() -> Result<(), choral::Error> {
///     let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/graphs.md"));
///     let models: Vec<Linear<Tensor>> = (0..5).map(|seed| Linear::init(3, 3, Key::new(seed))).collect();
///     let data = Tensor::randn([64, 3], Key::new(9));
///     let (fmodel, params, buffers) = combine_state_for_ensemble(&models)?;
///     let one = (&models[0].named_parameters(), &models[0].named_buffers(), &data);
///     let one = jit(fmodel.clone()).trace(one)?.graph.to_string();
///     let five = vmap(fmodel, (0, 0, None)).trace((&params, &buffers, &data))?.graph.to_string();
///
///     let penalised = |(x, w): (Var, Var)| x.matmul(&w).tanh().mean(()) + (&w * &w).sum(()).sqrt();
///     let types = (TensorType::new([5, 8], DType::F32), TensorType::new([8, 8], DType::F32));
///     let explained = vmap(penalised, (0, None)).explain(types)?.to_string();
///     for listing in [one, five, explained] {
///         assert!(page.contains(listing.trim_end()), "docs/graphs.md does not show:\n{listing}");
///     }
///     Ok(())
/// }
/// ```
pub struct GraphListings;

/// The graph of `docs/derivatives.md`.
///
/// ```
/// use choral::prelude::*;
///
/// let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/derivatives.md"));
/// let loss = |(w, x): (Var, Var)| x.matmul(&w).tanh().sum(());
/// let types = (TensorType::new([3], DType::F32), TensorType::new([5, 3], DType::F32));
/// let listing = vmap(grad(loss), (None, 0)).trace(&types)?.graph.to_string();
/// assert!(page.contains(listing.trim_end()), "docs/derivatives.md does not show:\n{listing}");
/// # Ok::<(), choral::Error>(())
/// ```
pub struct DerivativeListing;

/// The groups of `docs/ensembles.md`.
///
/// ```
/// use choral::prelude::*;
///
/// #[derive(Module, Clone)]
/// struct Mlp<T> {
///     fc1: Linear<T>,
///     fc2: Linear<T>,
///     activation: &'static str,
/// }
///
/// fn mlp(seed: u64, width: usize, activation: &'static str) -> Mlp<Tensor> {
///     let [fc1, fc2] = Key::new(seed).split();
///     Mlp { fc1: Linear::init(4, width, fc1), fc2: Linear::init(width, 2, fc2), activation }
/// }
///
/// let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ensembles.md"));
/// let groups = EnsembleGroups::new(&[mlp(0, 16, "relu"), mlp(1, 8, "tanh"), mlp(2, 16, "relu")])?;
/// for group in groups.groups() {
///     assert!(page.contains(&format!("\n{group}\n")), "docs/ensembles.md does not show:\n{group}");
/// }
/// # Ok::<(), choral::Error>(())
/// ```
pub struct GroupListing;
