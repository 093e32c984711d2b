//! The words of the command line.

use std::path::PathBuf;

use choral::{Device, Precision};
use clap::{ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand, ValueEnum};

use super::derivative::{Derivative, Numbers, Way};
use super::vmap::Vmap;

const EXAMPLES: &str = "\
The command runs the function @main, or the only public function. If there are several, it runs each
that takes no arguments, in turn. Arguments and results are named by position: \"0\", \"1\", ...

Examples:
  A function that JAX lowered for one x, mapped over 8 of them without its source:
    $ python -c 'import jax; from jax.numpy import *; f = lambda w, x: tanh(w @ x)
    print(jax.jit(f).lower(ones((4, 3)), ones(3)).as_text())' > f.mlir
    $ choral run f.mlir --vmap _,0 --inputs in.safetensors    # tensor<4x3xf32>, tensor<8x3xf32>
    0: tensor<8x4xf32> [[0.9950548, 0.9950548, 0.9950548, 0.9950548], ...]

  What vmap made of it, as text and as a picture:
    $ choral show f.mlir --vmap _,0 --axis-size 8
    $ choral show f.mlir --vmap _,0 --axis-size 8 --as svg -o f.svg
    $ choral show f.mlir --vmap _,0 --axis-size 8 --as explain

  The gradient by w for each x, and what it is made of (transforms apply in the order of the line):
    $ choral run f.mlir --grad 0 --vmap _,0 --inputs in.safetensors
    $ choral show f.mlir --grad 0 --vmap _,0 --axis-size 8

  5 ws with 8 xs each, timed on random inputs (the first --vmap is the innermost):
    $ choral bench f.mlir --vmap _,0 --vmap 0 --axis-size 8 --axis-size 5

Exit status: 0 on success, 1 if a check failed, 2 if the program, its inputs or the usage is wrong.";

/// Reads StableHLO programs, maps them over members, shows and runs them.
#[derive(Debug, Parser)]
#[command(name = "choral", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(super) task: Task,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Run a program, evaluate its checks and print its results.
    Run(Run),
    /// Print a program in another form.
    Show(Show),
    /// Time a program and print one line of JSON.
    Bench(Bench),
    /// Read and verify programs.
    Check(Check),
    /// List the devices that programs can run on.
    Devices,
    /// Print a script that completes these commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// A file in StableHLO text or choral's JSON form (detected by content); - for standard input.
    pub(super) program: PathBuf,
    /// Arguments by position: tensors named "0", "1", ...
    #[arg(long, value_name = "IN.safetensors")]
    pub(super) inputs: Option<PathBuf>,
    #[command(flatten)]
    pub(super) transforms: Transforms,
    /// Write results to this file, named by position, instead of printing them.
    #[arg(long, value_name = "OUT.safetensors")]
    pub(super) output: Option<PathBuf>,
    /// The device that runs the program: cpu, cuda or cuda:N (an NVIDIA GPU), best (a GPU if there is one), or reference
    /// (the interpreter, slow and simple).
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(super) device: Device,
    #[command(flatten)]
    pub(super) products: Products,
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// A file in StableHLO text or choral's JSON form (detected by content); - for standard input.
    pub(super) program: PathBuf,
    #[command(flatten)]
    pub(super) transforms: Transforms,
    /// The output form.
    #[arg(long = "as", value_enum, default_value_t)]
    pub(super) form: Form,
    /// The device whose plan is shown: cpu, or cuda, which needs no GPU.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(super) device: Device,
    #[command(flatten)]
    pub(super) products: Products,
    /// Write to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    /// A file in StableHLO text or choral's JSON form (detected by content); - for standard input.
    pub(super) program: PathBuf,
    /// Arguments by position: tensors named "0", "1", ...; by default random ones, the same at every run.
    #[arg(long, value_name = "IN.safetensors")]
    pub(super) inputs: Option<PathBuf>,
    #[command(flatten)]
    pub(super) transforms: Transforms,
    /// Seconds to repeat the program for; it runs at least 3 times.
    #[arg(long, value_name = "S", default_value = "2", value_parser = seconds)]
    pub(super) seconds: std::time::Duration,
    /// Threads to use; all of the machine's by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
    /// The device that runs the program: cpu, cuda or cuda:N (an NVIDIA GPU), best (a GPU if there is one), or reference
    /// (the interpreter, slow and simple).
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub(super) device: Device,
    #[command(flatten)]
    pub(super) products: Products,
}

/// How products are computed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Products {
    /// exact: products in one order of operations, the same bits on every device; fast: on a GPU, large ones by cuBLASLt
    /// on tensor cores (f32 as TF32).
    #[arg(long, value_name = "PRECISION", default_value_t)]
    pub(super) precision: Precision,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// A file in StableHLO text or choral's JSON form (detected by content); - for standard input.
    #[arg(required = true, value_name = "PROGRAM")]
    pub(super) programs: Vec<PathBuf>,
}

/// What is done to a program before it is used.
#[derive(Debug)]
pub(super) struct Transforms {
    /// In the order of the command line, which is that in which they apply.
    pub(super) steps: Vec<Step>,
    pub(super) axis_size: Vec<u32>,
    pub(super) axis_name: Vec<String>,
    pub(super) chunk_size: Vec<u32>,
}

/// One transform.
#[derive(Debug)]
pub(super) enum Step {
    Vmap(Vmap),
    Derivative(Derivative),
}

/// The words for transforms.
#[derive(Debug, Args)]
struct Words {
    /// Map over members, as in '0,_,-1->0'; repeat it for members of members.
    ///
    /// One entry per argument: the dimension that holds the members (a negative one counts from the
    /// end), or _ for a shared argument. After -> the same for results; the default is the first
    /// dimension. A single entry stands for all. Of several --vmap, the first is the innermost.
    #[arg(long, value_name = "IN[->OUT]", allow_hyphen_values = true, verbatim_doc_comment)]
    vmap: Vec<Vmap>,
    /// Number of members, if no inputs give it; once for all --vmap, or once for each.
    #[arg(long, value_name = "N", requires = "vmap")]
    axis_size: Vec<u32>,
    /// Name of the member axis, for collectives; once for each --vmap.
    #[arg(long, value_name = "NAME", requires = "vmap")]
    axis_name: Vec<String>,
    /// Run this many members at a time: the same results in less memory; once for all --vmap, or once for
    /// each.
    #[arg(long, value_name = "N", requires = "vmap", value_parser = clap::value_parser!(u32).range(1..))]
    chunk_size: Vec<u32>,
    /// Return gradients instead, of the sum of all results that hold floats, by these arguments, as in '0,2'.
    ///
    /// There is one result for each, in that order. --grad, --jvp and --vmap may be mixed and repeated:
    /// they apply in the order of the command line.
    #[arg(long, value_name = "ARGS", verbatim_doc_comment)]
    grad: Vec<Numbers>,
    /// Return tangents, too, along changes of these arguments, as in '0,2'.
    ///
    /// The program takes a tangent of each after its other arguments, and returns one for each result
    /// that holds floats after its other results.
    #[arg(long, value_name = "ARGS", verbatim_doc_comment)]
    jvp: Vec<Numbers>,
}

impl Args for Transforms {
    fn augment_args(command: Command) -> Command {
        Words::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Words::augment_args_for_update(command)
    }
}

/// Options of one name lose their place among others when they are read, so the places are read first.
impl FromArgMatches for Transforms {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Transforms, clap::Error> {
        Transforms::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Transforms, clap::Error> {
        let places = |name: &str| matches.indices_of(name).into_iter().flatten().collect::<Vec<usize>>();
        let (of_vmap, of_grad, of_jvp) = (places("vmap"), places("grad"), places("jvp"));
        let Words { vmap, axis_size, axis_name, chunk_size, grad, jvp } =
            Words::from_arg_matches_mut(matches)?;
        let by = |way: Way, numbers: Vec<Numbers>| {
            numbers.into_iter().map(move |Numbers(arguments)| Step::Derivative(Derivative { way, arguments }))
        };
        let mut steps: Vec<(usize, Step)> =
            of_vmap.into_iter().zip(vmap.into_iter().map(Step::Vmap)).collect();
        steps.extend(of_grad.into_iter().zip(by(Way::Grad, grad)));
        steps.extend(of_jvp.into_iter().zip(by(Way::Jvp, jvp)));
        steps.sort_by_key(|(place, _)| *place);
        let steps = steps.into_iter().map(|(_, step)| step).collect();
        Ok(Transforms { steps, axis_size, axis_name, chunk_size })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Transforms::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Form {
    /// choral's own text: StableHLO with named axes and extensions, which choral reads again.
    #[default]
    Text,
    /// Plain StableHLO, for other tools.
    Stablehlo,
    /// As text, once it is optimised: the program that the CPU runs.
    Optimised,
    /// The plan that the device runs: kernels in order, what was fused into each, and where values lie.
    Plan,
    /// The CUDA C++ that a GPU runs; no GPU is needed to show it.
    Cuda,
    /// The PTX that NVIDIA's compiler, NVRTC, makes of that; no GPU is needed.
    Ptx,
    /// JSON, exact to the bit, which choral reads again.
    Json,
    /// Graphviz's DOT language.
    Dot,
    /// An SVG picture.
    Svg,
    /// A table of what each --vmap did to each op, and what that costs.
    Explain,
}

fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
