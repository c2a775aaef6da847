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
    /// Show what the orders of the chain rule cost on a chain of functions, or which one the planner takes for a function
    Explain(ExplainOptions),
    /// Measure how fast this machine does each kind of work, for the planner's estimates
    ///
    /// Takes about a second. The rates are kept in `gradus/profile` in `$XDG_CACHE_HOME`, else in `~/.cache`: operations, elements or bytes a second, and the
    /// seconds that a kernel takes to start. Plans are made with them from then on; without them the built-in ones count.
    Calibrate(CalibrateOptions),
    /// Differentiate a formula at a point: its value, gradient and Hessian, or its Jacobian, and the derivative's program
    Diff(DiffOptions),
}

#[derive(Args)]
pub struct CalibrateOptions {
    /// Measure nothing; show the rates that plans are made with, and where they come from
    #[arg(long, conflicts_with_all = ["reset", "dry_run"])]
    pub show: bool,
    /// Measure nothing; forget the rates that were measured, so that the built-in ones count
    #[arg(long, conflicts_with = "dry_run")]
    pub reset: bool,
    /// Measure, and say what would change; keep nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Args, Clone, Debug)]
pub struct TrainOptions {
    /// How an image is read, and so by which network
    #[arg(long, value_enum, default_value_t = TaskName::Digits)]
    pub task: TaskName,
    /// Folder with MNIST's IDX files, plain or gzip [default: the embedded 8×8 digits]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Widths of the hidden layers [default: 128, or 512,512 for images of more than 400 pixels; with --task rows 64, or 128]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(limits::WIDTH))]
    pub layers: Option<Vec<u32>>,
    /// Function between two layers of the perceptron [default: relu]
    #[arg(long, value_parser = activation)]
    pub activation: Option<Activation>,
    /// Passes over the training images [default: 40, or 15 for images of more than 400 pixels]
    #[arg(long, value_parser = clap::value_parser!(u32).range(limits::EPOCHS))]
    pub epochs: Option<u32>,
    /// Images a step [default: 64, or 128 for images of more than 400 pixels]
    #[arg(long, value_parser = clap::value_parser!(u32).range(limits::BATCH))]
    pub batch: Option<u32>,
    /// How the parameters follow the gradient
    #[arg(long, value_enum, default_value_t = OptimizerName::Adamw)]
    pub optimizer: OptimizerName,
    /// Learning rate [default: 0.002 for adam and adamw, with --task rows 0.005; 0.1 for the others]
    #[arg(long, allow_negative_numbers = true, value_parser = positive)]
    pub lr: Option<f64>,
    /// How the learning rate changes during the run
    #[arg(long, value_enum, default_value_t = ScheduleName::Cosine)]
    pub schedule: ScheduleName,
    /// How strongly weights are pulled to zero [default: 0.01 for adamw, 0 for the others]
    #[arg(long, allow_negative_numbers = true, value_parser = not_negative)]
    pub weight_decay: Option<f64>,
    /// Clip the gradient to this Euclidean norm
    #[arg(long, value_name = "NORM", allow_negative_numbers = true, value_parser = positive)]
    pub clip: Option<f64>,
    /// Move each training image by up to this many pixels at random [default: 0, or 2 for images of more than 400 pixels]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(limits::SHIFT))]
    pub shift: Option<u32>,
    /// Random numbers start from here; the same seed gives the same network, bit for bit
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Element type of the numbers
    #[arg(long, value_enum, default_value_t = FloatName::F32)]
    pub dtype: FloatName,
    /// Folder for the model, the checkpoint and the loss curve
    #[arg(long, value_name = "DIR", default_value = "gradus-out")]
    pub out: PathBuf,
    /// Go on from this checkpoint, with its options; only --epochs, --data, --out, --threads, --stop-after and --profile may change
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "layers", "activation", "batch", "optimizer", "lr", "schedule", "weight_decay", "clip", "shift", "seed", "dtype"])]
    pub resume: Option<PathBuf>,
    /// Stop after this many epochs of the run, to be resumed later
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    pub stop_after: Option<u32>,
    /// Number of threads; the results do not depend on it [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Print the time of a compiled step by line of the source and part by part; with a file, write it there as a trace for Chrome (chrome://tracing) as well
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub profile: Option<Option<PathBuf>>,
}

#[derive(Args)]
pub struct EvalOptions {
    /// A model that `gradus train` saved
    pub model: PathBuf,
    /// Folder with MNIST's IDX files, of which the test images are used [default: the embedded digits]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

#[derive(Args)]
pub struct PredictOptions {
    /// A model that `gradus train` saved
    pub model: PathBuf,
    /// A picture of one digit (PNG), of any size
    pub image: PathBuf,
    /// Whether the digit is darker than what is around it
    #[arg(long, value_enum, default_value_t = InkName::Auto)]
    pub ink: InkName,
}

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true).args(["dims", "function", "list"]))]
pub struct ExplainOptions {
    /// Widths of a chain of functions with dense Jacobians, from the input's to the output's
    #[arg(long, value_name = "N,N,N", value_delimiter = ',')]
    pub dims: Option<Vec<usize>>,
    /// Plan the derivative of a function that is part of the program
    #[arg(long, value_name = "NAME", value_enum, hide_possible_values = true)]
    pub function: Option<FunctionName>,
    /// List these functions
    #[arg(long)]
    pub list: bool,
    /// With --dims: add a loss of one number at the end
    #[arg(long, conflicts_with_all = ["function", "list"])]
    pub scalar_loss: bool,
    /// With --dims: plan and run dense layers of these widths, and show what was measured beside what was expected
    #[arg(long, conflicts_with_all = ["function", "list"])]
    pub measure: bool,
    /// With --dims: draw the costs against depth and width to this SVG file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["function", "list"])]
    pub plot: Option<PathBuf>,
    /// With --function: which derivative is planned [default: the one that --list names]
    ///
    /// Of a function of several numbers, `hessian` and `hvp` are those of half the sum of their squares.
    #[arg(long, value_enum, value_name = "DERIVATIVE", conflicts_with_all = ["dims", "list"])]
    pub of: Option<DerivativeName>,
    /// With --function: run every order that was considered, and show what was measured beside what was expected
    #[arg(long, conflicts_with_all = ["dims", "list"])]
    pub analyze: bool,
    /// How the plan is written; with --dims as text or json
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, conflicts_with = "list")]
    pub format: PlanFormat,
    /// With --function: the most bytes that the derivative may hold at once
    #[arg(long, value_name = "BYTES", conflicts_with_all = ["dims", "list"])]
    pub memory_limit: Option<u64>,
}

/// The functions of `explain`, with their lines in its list.
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
    /// A table, and the order taken as a tree
    Text,
    /// The same for programs
    Json,
    /// The order taken as a tree for Graphviz
    Dot,
    /// One page with table, pictures, and the program to walk through, which needs nothing else
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
    /// Write value and derivative as a program to this file: one HTML page to walk through, which needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Show which order of the chain rule the planner takes for the derivative, and what the others would cost
    #[arg(long)]
    pub explain: bool,
    /// How the results are written
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
    /// To be read by people
    Text,
    /// The same for programs; a number that is none is one of "nan", "inf" and "-inf"
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
    /// The same rate all the time
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
    /// Judged by the border of the picture
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
