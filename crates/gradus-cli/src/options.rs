//! The command line.

use crate::formula::functions::{self, Form};
use crate::limits;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use gradus::DType;
use gradus::nn::Activation;
use std::path::PathBuf;

/// Automatic differentiation for Rust: the command-line program.
#[derive(Parser)]
#[command(name = "gradus", version, about)]
pub struct Program {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Train a network to read handwritten digits: a multilayer perceptron, or a recurrent one that reads row by row
    Train(TrainOptions),
    /// Measure a saved model on test images
    Eval(EvalOptions),
    /// Say which digit a picture shows
    Predict(PredictOptions),
    /// Show the costs of the orders of the chain rule on a chain of functions,
    /// or the order that the planner chooses for a function
    Explain(ExplainOptions),
    /// Measure the speed of this machine for each kind of work, for the planner's estimates
    ///
    /// Takes about a second.
    /// The rates are kept in `gradus/profile` in `$XDG_CACHE_HOME`, or else in `~/.cache`:
    /// operations, elements or bytes a second, and the seconds that a kernel takes to start.
    /// From then on, plans use these rates instead of the built-in ones.
    Calibrate(CalibrateOptions),
    /// Differentiate a formula at a point: its value,
    /// gradient and Hessian, or its Jacobian, and the derivative's program
    Diff(DiffOptions),
}

#[derive(Args)]
pub struct CalibrateOptions {
    /// Measure nothing; show the rates that plans use, and where they come from
    #[arg(long, conflicts_with_all = ["reset", "dry_run"])]
    pub show: bool,
    /// Measure nothing; delete the measured rates, so that plans use the built-in ones
    #[arg(long, conflicts_with = "dry_run")]
    pub reset: bool,
    /// Measure, and show the changes; save nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Clone, Debug)]
pub struct TrainOptions {
    /// How the network reads an image, which decides the kind of network
    #[arg(long, value_enum, default_value_t = TaskName::Digits)]
    pub task: TaskName,
    /// Folder with MNIST's IDX files, plain or gzip [default: the embedded 8×8 digits]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Widths of the hidden layers [default: 128,
    /// or 512,512 for images of more than 400 pixels; with --task rows 64, or 128]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(limits::WIDTH))]
    pub layers: Option<Vec<u32>>,
    /// Function between two layers of the perceptron [default: relu]
    #[arg(long, value_parser = activation)]
    pub activation: Option<Activation>,
    /// Passes over the training images [default: 40, or 15 for images of more than 400 pixels]
    #[arg(long, value_parser = clap::value_parser!(u32).range(limits::EPOCHS))]
    pub epochs: Option<u32>,
    /// Images per step [default: 64, or 128 for images of more than 400 pixels]
    #[arg(long, value_parser = clap::value_parser!(u32).range(limits::BATCH))]
    pub batch: Option<u32>,
    /// The optimiser: how the parameters follow the gradient
    #[arg(long, value_enum, default_value_t = OptimizerName::Adamw)]
    pub optimizer: OptimizerName,
    /// Learning rate [default: 0.002 for adam and adamw, with --task rows 0.005; 0.1 for the other optimisers]
    #[arg(long, allow_negative_numbers = true, value_parser = positive)]
    pub lr: Option<f64>,
    /// How the learning rate changes during the run
    #[arg(long, value_enum, default_value_t = ScheduleName::Cosine)]
    pub schedule: ScheduleName,
    /// How strongly weights are pulled to zero [default: 0.01 for adamw, 0 for the other optimisers]
    #[arg(long, allow_negative_numbers = true, value_parser = not_negative)]
    pub weight_decay: Option<f64>,
    /// Clip the gradient to this Euclidean norm
    #[arg(long, value_name = "NORM", allow_negative_numbers = true, value_parser = positive)]
    pub clip: Option<f64>,
    /// Move each training image by up to this many pixels at random [default:
    /// 0, or 2 for images of more than 400 pixels]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(limits::SHIFT))]
    pub shift: Option<u32>,
    /// Seed of all random numbers; the same seed gives the same network, bit for bit
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Element type of the numbers
    #[arg(long, value_enum, default_value_t = FloatName::F32)]
    pub dtype: FloatName,
    /// Folder for the model, the checkpoint and the loss curve
    #[arg(long, value_name = "DIR", default_value = "gradus-out")]
    pub out: PathBuf,
    /// Continue from this checkpoint, with its options; only --epochs,
    /// --data, --out, --threads, --stop-after and --profile can change
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "layers", "activation", "batch", "optimizer", "lr", "schedule", "weight_decay", "clip", "shift", "seed", "dtype"])]
    pub resume: Option<PathBuf>,
    /// Stop after this many epochs of the run; --resume continues it
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// Number of threads; the results do not depend on it [default: one per core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print the time of a compiled step by line of the source and part by part;
    /// with a file, also write it there as a trace for Chrome (chrome://tracing)
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub profile: Option<Option<PathBuf>>,
}

#[derive(Args)]
pub struct EvalOptions {
    /// A model that `gradus train` saved
    pub model: PathBuf,
    /// Folder with MNIST's IDX files; their test images are used [default: the embedded digits]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Args)]
pub struct PredictOptions {
    /// A model that `gradus train` saved
    pub model: PathBuf,
    /// A picture of one digit (PNG), of any size
    pub image: PathBuf,
    /// Whether the digit is darker than its background
    #[arg(long, value_enum, default_value_t = InkName::Auto)]
    pub ink: InkName,
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true).args(["dims", "function", "list"]))]
pub struct ExplainOptions {
    /// Widths of a chain of functions with dense Jacobians, from the input's to the output's
    #[arg(long, value_name = "N,N,N", value_delimiter = ',')]
    pub dims: Option<Vec<usize>>,
    /// Plan the derivative of a built-in function
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub function: Option<FunctionName>,
    /// List the built-in functions
    #[arg(long)]
    pub list: bool,
    /// With --dims: add a loss of one number at the end
    #[arg(long, conflicts_with_all = ["function", "list"])]
    pub scalar_loss: bool,
    /// With --dims: plan and run dense layers of these widths, and show measurements beside estimates
    #[arg(long, conflicts_with_all = ["function", "list"])]
    pub measure: bool,
    /// With --dims: draw the costs against depth and width to this SVG file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["function", "list"])]
    pub plot: Option<PathBuf>,
    /// With --function: the derivative to plan [default: the one that --list names]
    ///
    /// If the function has several outputs, `hessian` and `hvp` are derivatives of half the sum of their squares.
    #[arg(long, value_enum, value_name = "DERIVATIVE", conflicts_with_all = ["dims", "list"])]
    pub of: Option<DerivativeName>,
    /// With --function: run every order that was considered, and show measurements beside estimates
    #[arg(long, conflicts_with_all = ["dims", "list"])]
    pub analyze: bool,
    /// Format of the plan; with --dims, text or json
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, conflicts_with = "list")]
    pub format: PlanFormat,
    /// With --function: the most bytes that the derivative can hold at once
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["dims", "list"])]
    pub memory_limit: Option<u64>,
}

/// The functions of `explain`, with their descriptions in its list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FunctionName {
    /// A network 64-128-10 with tanh: its outputs by its inputs
    Mlp,
    /// A network 60-40-1 with tanh: the Hessian of its output
    MlpHessian,
    /// Layers 1000-50-8-50-1000 with tanh: neither forward nor reverse mode is cheap
    Bottleneck,
    /// The same network 16-32-8 for each of 64 rows: most of the Jacobian is zero
    Rows,
    /// Four residual blocks of width 128 with 8 inside
    Residual,
    /// The right-hand side of Lorenz's equations: three numbers by three
    Lorenz,
    /// Twenty Euler steps of an ODE in 40 variables
    Ode,
    /// sin(x)·exp(x) on 1000 numbers: the Jacobian is diagonal
    Elementwise,
    /// 200 residuals by 50 parameters
    LeastSquares,
    /// Rosenbrock's function in 100 variables: its Hessian
    RosenbrockHessian,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DerivativeName {
    /// All first derivatives
    Jacobian,
    /// All second derivatives of one number
    Hessian,
    /// The Hessian's product with a vector
    Hvp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum PlanFormat {
    /// A table, and the chosen order as a tree
    Text,
    /// The same as JSON
    Json,
    /// The chosen order as a tree for Graphviz
    Dot,
    /// One self-contained page with the table, pictures, and the program to walk through
    Html,
}

#[derive(Args)]
#[command(after_help = diff_help())]
pub struct DiffOptions {
    /// A formula such as 'sin(x*y) + x^2', or several as in '[x*y, exp(x)]'
    #[arg(allow_hyphen_values = true)]
    pub formula: String,
    /// Values of the variables, numbers or vectors, as in x=1,y=[1,2,3],z=pi/2
    #[arg(long, value_name = "NAME=VALUE,...")]
    pub at: String,
    /// Write the derivative's program to this file as a graph for Graphviz
    #[arg(long, value_name = "FILE")]
    pub dot: Option<PathBuf>,
    /// Write value and derivative as a program to this file: one self-contained HTML page to walk through
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Show the order of the chain rule that the planner chooses for the derivative,
    /// and the costs of the other orders
    #[arg(long)]
    pub explain: bool,
    /// Format of the results
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
    /// Leave out the second derivatives, which take the most time
    #[arg(long)]
    pub no_hessian: bool,
    /// Leave out the derivative's program
    #[arg(long)]
    pub no_program: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum DiffFormat {
    /// For people
    Text,
    /// The same as JSON; NaN and infinities are written as "nan", "inf" and "-inf"
    Json,
}

/// The text below the options of `diff`.
fn diff_help() -> String {
    let functions = functions::names_in_lines(|form| matches!(form, Form::Each(_)), 15);
    let of_a_vector = functions::names_in_lines(|form| matches!(form, Form::Reduce(_)), 15);
    format!(
        "\
Formulas:
  numbers      1, 2.5, 1e-3, pi or π, e, inf, nan
  names        of letters a to z, Greek letters, digits and _, up to 64 of them
  operators    + - * / % ^, where -x^2 is -(x^2) and 2^3^2 is 2^(3^2); numbers go with every element of a vector;
               x % y is what is left of x / y and has the sign of x
  vectors      [x, 2*y] is a list, v[0] its first element, v[-1] its last
  functions    {functions}
  of two       pow(x, y) atan2(y, x) hypot(x, y) log_add_exp(x, y) min(x, y) max(x, y) dot(v, w)
               polygamma(n, x), where n is an integer
  of a vector  {of_a_vector}

A formula of one number gives value, gradient and Hessian; one of a vector gives value and Jacobian."
    )
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TaskName {
    /// All pixels at once, by a multilayer perceptron
    Digits,
    /// Row after row, by gated recurrent units (GRU): a loop in the program
    Rows,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OptimizerName {
    /// Gradient descent
    Sgd,
    /// Gradient descent with momentum 0.9
    Momentum,
    /// Nesterov's accelerated gradient, momentum 0.9
    Nesterov,
    /// Adam
    Adam,
    /// Adam with decoupled weight decay
    Adamw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ScheduleName {
    /// The same rate in every step
    Constant,
    /// Half a cosine down to 1 % of the rate
    Cosine,
    /// A rise during the first twentieth, then half a cosine down to zero
    WarmupCosine,
    /// Halved four times
    Step,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum FloatName {
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

impl FloatName {
    pub fn dtype(self) -> DType {
        match self {
            FloatName::F32 => DType::F32,
            FloatName::F64 => DType::F64,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum InkName {
    /// Decided by the border of the picture
    Auto,
    /// Dark on light, as on paper
    Dark,
    /// Light on dark, as in the training images
    Light,
}

/// The name of a value in options and checkpoints.
pub fn name_of<T: ValueEnum>(value: T) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |v| v.get_name().to_string())
}

fn activation(text: &str) -> Result<Activation, String> {
    Activation::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Activation::ALL.iter().map(|a| a.name()).collect();
        format!("the activations are {}", names.join(", "))
    })
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x > 0.0 && x.is_finite() => Ok(x),
        _ => Err("a positive number is needed".into()),
    }
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x >= 0.0 && x.is_finite() => Ok(x),
        _ => Err("a number of at least 0 is needed".into()),
    }
}
