//! The functions that formulas can call.

use gradus::Tensor;
use gradus::tensor::elementwise_functions;
use std::sync::LazyLock;

/// The operands that a function or an operator works on.
#[derive(Clone, Copy)]
pub enum Form {
    /// Each element.
    Each(fn(&Tensor) -> Tensor),
    /// Each pair of elements; a scalar pairs with every element.
    Pair(fn(&Tensor, &Tensor) -> Tensor),
    /// Like a pair; a constant integer exponent has simpler derivatives.
    Power,
    /// Each element of the second operand; the first one is an integer, the order of a derivative.
    Order(fn(u32, &Tensor) -> Tensor),
    /// Turns a vector into a number.
    Reduce(fn(&Tensor) -> Tensor),
    /// Turns two vectors into a number.
    Dot,
}

impl Form {
    pub fn operands(self) -> usize {
        match self {
            Form::Each(_) | Form::Reduce(_) => 1,
            Form::Pair(_) | Form::Power | Form::Order(_) | Form::Dot => 2,
        }
    }
}

pub struct Function {
    pub name: &'static str,
    /// One form for each number of arguments.
    pub forms: Vec<Form>,
}

/// Elementwise functions that formulas do not have: they return booleans, or have no derivative.
const LEFT_OUT: [&str; 2] = ["is_finite", "stop_gradient"];

/// The functions of formulas.
/// Elementwise functions are the tensors' own, by the same names; other functions are listed below.
pub static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let one = |name, form| Function {
        name,
        forms: vec![form],
    };
    let of_each = elementwise_functions().filter(|(name, _)| !LEFT_OUT.contains(name));
    let mut functions: Vec<Function> = of_each.map(|(name, f)| one(name, Form::Each(f))).collect();
    functions.extend([
        // The mathematical name of `log`.
        one("ln", Form::Each(Tensor::log)),
        one("relu", Form::Each(Tensor::relu)),
        one("softplus", Form::Each(Tensor::softplus)),
        one("pow", Form::Power),
        one("atan2", Form::Pair(|y, x| y.atan2(x))),
        one("hypot", Form::Pair(|x, y| x.hypot(y))),
        one("log_add_exp", Form::Pair(|x, y| x.log_add_exp(y))),
        one("polygamma", Form::Order(|n, x| x.polygamma(n))),
        one("dot", Form::Dot),
        one("sum", Form::Reduce(Tensor::sum)),
        one("prod", Form::Reduce(Tensor::prod)),
        one("mean", Form::Reduce(Tensor::mean)),
        one("norm", Form::Reduce(Tensor::norm)),
        // Each takes one vector, or two operands.
        Function {
            name: "max",
            forms: vec![Form::Reduce(Tensor::max), Form::Pair(|a, b| a.maximum(b))],
        },
        Function {
            name: "min",
            forms: vec![Form::Reduce(Tensor::min), Form::Pair(|a, b| a.minimum(b))],
        },
    ]);
    functions
});

/// The names of the functions of one kind, in lines for the help.
pub fn names_in_lines(is_shown: impl Fn(&Form) -> bool, indent: usize) -> String {
    const WIDTH: usize = 112;
    let names = FUNCTIONS.iter().filter(|f| f.forms.iter().any(&is_shown));
    let mut text = String::new();
    let mut column = indent;
    for (k, f) in names.enumerate() {
        if k > 0 && column + 1 + f.name.len() > WIDTH {
            text += "\n";
            text += &" ".repeat(indent);
            column = indent;
        } else if k > 0 {
            text += " ";
            column += 1;
        }
        text += f.name;
        column += f.name.len();
    }
    text
}

pub const NEGATIVE: Form = Form::Each(|x| -x);

/// The binary operator written as `symbol`.
pub fn operator(symbol: char) -> Option<(&'static str, Form)> {
    Some(match symbol {
        '+' => ("+", Form::Pair(|a, b| a + b)),
        '-' => ("-", Form::Pair(|a, b| a - b)),
        '*' => ("*", Form::Pair(|a, b| a * b)),
        '/' => ("/", Form::Pair(|a, b| a / b)),
        '%' => ("%", Form::Pair(|a, b| a % b)),
        '^' => ("^", Form::Power),
        _ => return None,
    })
}

pub fn constant(name: &str) -> Option<f64> {
    match name {
        "pi" | "π" => Some(std::f64::consts::PI),
        "e" => Some(std::f64::consts::E),
        "inf" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}

pub fn function(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

/// The entry of `names` that is closest to `wrong`.
pub fn similar<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // It is longer than any name, so a distance would not help.
    if wrong.len() > 20 {
        return None;
    }
    names
        .map(|name| (distance(wrong, name), name))
        .filter(|&(d, name)| d <= 2 && 2 * d <= wrong.len().min(name.len()))
        .min_by_key(|&(d, _)| d)
        .map(|(_, name)| name)
}

/// The number of letters to insert, remove or change between one word and the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &d) in b.iter().enumerate() {
            let change = diagonal + usize::from(c != d);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
