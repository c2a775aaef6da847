//! What formulas can call.

use gradus::Tensor;

/// How a function or operator works on its operands.
#[derive(Clone, Copy)]
pub enum Form {
    /// On each element.
    Each(fn(&Tensor) -> Tensor),
    /// On each pair of elements; a scalar goes with every element.
    Pair(fn(&Tensor, &Tensor) -> Tensor),
    /// As a pair; a whole constant exponent has simpler derivatives.
    Power,
    /// A vector to a number.
    Reduce(fn(&Tensor) -> Tensor),
    /// Two vectors to a number.
    Dot,
}

impl Form {
    pub fn operands(self) -> usize {
        match self {
            Form::Each(_) | Form::Reduce(_) => 1,
            Form::Pair(_) | Form::Power | Form::Dot => 2,
        }
    }
}

pub struct Function {
    pub name: &'static str,
    /// One for each number of arguments.
    pub forms: &'static [Form],
}

macro_rules! functions {
    ($($name:literal $($form:expr),+;)*) => {
        pub const FUNCTIONS: &[Function] = &[
            $(Function { name: $name, forms: &[$($form),+] },)*
        ];
    };
}

functions! {
    "sin" Form::Each(Tensor::sin);
    "cos" Form::Each(Tensor::cos);
    "tan" Form::Each(Tensor::tan);
    "asin" Form::Each(Tensor::asin);
    "acos" Form::Each(Tensor::acos);
    "atan" Form::Each(Tensor::atan);
    "sinh" Form::Each(Tensor::sinh);
    "cosh" Form::Each(Tensor::cosh);
    "tanh" Form::Each(Tensor::tanh);
    "asinh" Form::Each(Tensor::asinh);
    "acosh" Form::Each(Tensor::acosh);
    "atanh" Form::Each(Tensor::atanh);
    "exp" Form::Each(Tensor::exp);
    "expm1" Form::Each(Tensor::expm1);
    "log" Form::Each(Tensor::log);
    "ln" Form::Each(Tensor::log);
    "log1p" Form::Each(Tensor::log1p);
    "sqrt" Form::Each(Tensor::sqrt);
    "cbrt" Form::Each(Tensor::cbrt);
    "abs" Form::Each(Tensor::abs);
    "sign" Form::Each(Tensor::sign);
    "sigmoid" Form::Each(Tensor::sigmoid);
    "relu" Form::Each(Tensor::relu);
    "softplus" Form::Each(Tensor::softplus);
    "erf" Form::Each(Tensor::erf);
    "floor" Form::Each(Tensor::floor);
    "ceil" Form::Each(Tensor::ceil);
    "pow" Form::Power;
    "atan2" Form::Pair(|y, x| y.atan2(x));
    "dot" Form::Dot;
    "sum" Form::Reduce(Tensor::sum);
    "prod" Form::Reduce(Tensor::prod);
    "mean" Form::Reduce(Tensor::mean);
    "norm" Form::Reduce(Tensor::norm);
    "max" Form::Reduce(Tensor::max), Form::Pair(|a, b| a.maximum(b));
    "min" Form::Reduce(Tensor::min), Form::Pair(|a, b| a.minimum(b));
}

pub const NEGATIVE: Form = Form::Each(|x| -x);

/// The operator that `symbol` is between two operands.
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

/// The name among `names` that `wrong` is most likely meant to be.
pub fn similar<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any name: nothing that a distance could help with.
    if wrong.len() > 20 {
        return None;
    }
    names
        .map(|name| (distance(wrong, name), name))
        .filter(|&(d, name)| d <= 2 && 2 * d <= wrong.len().min(name.len()))
        .min_by_key(|&(d, _)| d)
        .map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or changed to get from one to the other.
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
