//! Formulas and the values of their variables.

use super::Read;
use crate::random::Random;
use gradus_cli::inputs;

const FUNCTIONS: [&str; 38] = [
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "exp", "expm1", "log", "ln", "log1p", "sqrt", "cbrt", "abs", "sign", "floor", "ceil",
    "sigmoid", "relu", "softplus", "erf", "pow", "atan2", "min", "max", "dot", "sum", "prod",
    "mean", "norm", "sine", "f",
];
const LEAVES: [&str; 16] = [
    "x", "y", "v", "w", "α", "π", "pi", "e", "inf", "nan", "0", "1", "2", "-1", "0.5", "1e308",
];
const OPERATORS: [&str; 6] = ["+", "-", "*", "/", "%", "^"];

/// A formula, a newline, values, a newline, and options.
pub fn made(random: &mut Random) -> Vec<u8> {
    let mut formula = match random.below(40) {
        0 => long(random),
        _ => {
            let depth = 1 + random.below(5);
            part(random, depth)
        }
    }
    .into_bytes();
    if random.one_in(3) {
        random.damage(&mut formula);
    }
    let mut values = values(random).into_bytes();
    if random.one_in(8) {
        random.damage(&mut values);
    }
    let options = [
        "",
        "--explain",
        "--no-hessian",
        "--no-program",
        "--format json",
        "--format json --explain",
    ];
    let options = random.choose(&options).as_bytes();
    let lines = [&formula[..], &values, options];
    // Newlines within a part would split it.
    let clean =
        |part: &&[u8]| -> Vec<u8> { part.iter().copied().filter(|b| *b != b'\n').collect() };
    let parts: Vec<Vec<u8>> = lines.iter().map(clean).collect();
    parts.join(&b'\n')
}

fn part(random: &mut Random, depth: usize) -> String {
    if depth == 0 {
        return match random.below(5) {
            0 => random.edge(),
            _ => random.choose(&LEAVES).to_string(),
        };
    }
    let inner = |random: &mut Random| part(random, depth - 1);
    match random.below(8) {
        0 => {
            let count = 1 + random.below(3);
            let all: Vec<String> = (0..count).map(|_| inner(random)).collect();
            format!("{}({})", random.choose(&FUNCTIONS), all.join(", "))
        }
        1 => format!("{}({})", random.choose(&FUNCTIONS), inner(random)),
        2 => {
            let count = random.below(6);
            let all: Vec<String> = (0..count).map(|_| inner(random)).collect();
            format!("[{}]", all.join(", "))
        }
        3 => format!("{}[{}]", inner(random), random.edge()),
        4 => format!("-{}", inner(random)),
        5 => format!("({})", inner(random)),
        _ => {
            let (left, right) = (inner(random), inner(random));
            format!("{left}{}{right}", random.choose(&OPERATORS))
        }
    }
}

/// One part, repeated.
fn long(random: &mut Random) -> String {
    let times = [10, 150, 700, 70_000][random.below(4)];
    let one = random.choose(&[
        "(", "[", "-", "x*", "sin(", "x+y^", "x[0]", "α", "9", "1,", "x^",
    ]);
    let end = random.choose(&["", "x", ")"]);
    format!("{}{end}", one.repeat(times))
}

fn values(random: &mut Random) -> String {
    let number = |random: &mut Random| match random.below(4) {
        0 => random.edge(),
        _ => format!("{}", random.below(40) as f64 / 8.0),
    };
    let vector = |random: &mut Random| {
        let n = match random.below(20) {
            0 => random.below(300),
            _ => 1 + random.below(5),
        };
        let all: Vec<String> = (0..n).map(|_| number(random)).collect();
        format!("[{}]", all.join(","))
    };
    format!(
        "x={},y={},v={},w={},α={}",
        number(random),
        number(random),
        vector(random),
        vector(random),
        number(random)
    )
}

pub fn read(input: &str) -> Read {
    let mut lines = input.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (formula, values, options) = (next(), next(), next());
    let options: Vec<&str> = options.split_whitespace().collect();
    inputs::differentiate(formula, values, &options)?;
    Ok(())
}
