//! `gradus diff`: the derivatives of a formula at a point, and the program that computes them.

mod finite;
mod json;
mod plans;
mod text;

use crate::dataset::broken;
use crate::formula::Formula;
use crate::formula::at::Variables;
use crate::options::{DiffFormat, DiffOptions};
use crate::output::{self, note};
use gradus::tensor::concatenate;
use gradus::{
    Graph, PlanOptions, Result, Tensor, dot, grad, hessian, jacobian_tree, machine_profile, page,
    trace, value_and_grad,
};
use std::fs;
use std::path::Path;

pub fn run(options: &DiffOptions) -> Result<()> {
    let said = Said::new(options)?;
    for text in &said.notes {
        note!("note: {text}");
    }
    output::write(format_args!("{}", said.text));
    Ok(())
}

/// What the command says.
pub struct Said {
    /// On standard error.
    pub notes: Vec<String>,
    /// On standard output.
    pub text: String,
}

impl Said {
    /// By these options; files are written if they are asked for.
    pub fn new(options: &DiffOptions) -> Result<Said> {
        let subject = Subject::new(&options.formula, &options.at)?;
        let found = subject.derivatives(!options.no_hessian);
        let write = |path: &Path, text: String| {
            fs::write(path, text).map_err(|e| broken(path, format_args!("cannot be written: {e}")))
        };
        if let Some(path) = &options.dot {
            write(path, dot::render(&subject.program()?))?;
        }
        if let Some(path) = &options.html {
            write(path, page(&options.formula, &subject.program_with_value()?))?;
        }
        let plans = match options.explain {
            true => Some(plans::of(&subject, !options.no_hessian, &planning())?),
            false => None,
        };
        let program = match options.no_program {
            true => None,
            false => Some(subject.program()?),
        };
        let told = Told {
            notes: notes(&subject, &found)?,
            subject: &subject,
            found: &found,
            program,
            plans,
        };
        let text = match options.format {
            DiffFormat::Text => text::report(&told),
            DiffFormat::Json => json::report(&told),
        };
        Ok(Said {
            notes: told.notes,
            text,
        })
    }
}

fn planning() -> PlanOptions {
    PlanOptions {
        profile: machine_profile(),
        places: false,
        ..PlanOptions::default()
    }
}

/// A formula at a point.
struct Subject {
    formula: Formula,
    text: String,
    names: Vec<String>,
    values: Vec<Tensor>,
    /// The number of elements of each variable, `None` for a number.
    sizes: Vec<Option<usize>>,
    /// That of the formula.
    outputs: Option<usize>,
}

/// Its value and derivatives.
struct Found {
    value: Tensor,
    first: First,
    /// Of a formula of one number, if it was asked for.
    hessian: Option<Tensor>,
}

enum First {
    /// By each variable.
    Gradient(Vec<Tensor>),
    /// By each variable, `[outputs, elements of the variable]`.
    Jacobian(Vec<Tensor>),
}

/// All that is said.
struct Told<'a> {
    subject: &'a Subject,
    found: &'a Found,
    program: Option<Graph>,
    plans: Option<plans::Plans>,
    notes: Vec<String>,
}

impl Subject {
    /// Reads and checks both texts.
    fn new(text: &str, at: &str) -> Result<Subject> {
        let Variables { names, values } = Variables::parse(at)?;
        let sizes: Vec<Option<usize>> = values.iter().map(|v| v.shape().first().copied()).collect();
        let formula = Formula::parse(text, &names).map_err(|m| m.in_text(text))?;
        let outputs = formula.check(&sizes).map_err(|m| m.in_text(text))?;
        Ok(Subject {
            formula,
            text: text.to_string(),
            names,
            values,
            sizes,
            outputs,
        })
    }

    fn function(&self) -> impl Fn(&Vec<Tensor>) -> Tensor {
        |x| self.formula.evaluate(x)
    }

    /// All variables, one after the other.
    fn point(&self) -> Tensor {
        let all: Vec<Tensor> = self.values.iter().map(Tensor::ravel).collect();
        concatenate(&all.iter().collect::<Vec<_>>(), 0)
    }

    /// The formula as a function of one vector, the variables one after the other.
    fn of_vector(&self) -> impl Fn(&Tensor) -> Tensor {
        |x| {
            let mut start = 0;
            let parts = self.values.iter().map(|value| {
                let first = start;
                start += value.len();
                match value.rank() {
                    0 => x.at(first),
                    _ => x.slice_axis(0, first..start),
                }
            });
            self.formula.evaluate(&parts.collect::<Vec<_>>())
        }
    }

    fn derivatives(&self, with_hessian: bool) -> Found {
        let (f, x) = (self.function(), &self.values);
        let value = f(x);
        if self.outputs.is_none() {
            return Found {
                value,
                first: First::Gradient(grad(&f)(x)),
                // By one vector: a block for each pair of many variables would be a program of each.
                hessian: with_hessian.then(|| hessian(self.of_vector())(&self.point())),
            };
        }
        let blocks = jacobian_tree(&f)(x);
        let block = |k: usize| {
            let block = blocks.get(&blocks.rows()[0], &blocks.columns()[k]);
            block
                .cloned()
                .unwrap_or_else(|| unreachable!("a block by each variable"))
        };
        Found {
            value,
            first: First::Jacobian((0..self.names.len()).map(block).collect()),
            hessian: None,
        }
    }

    /// The program of the first derivatives.
    fn program(&self) -> Result<Graph> {
        let (f, x) = (self.function(), &self.values);
        match self.outputs {
            None => trace(grad(f), x),
            Some(_) => trace(jacobian_tree(f), x),
        }
    }

    /// That of the value and the first derivatives.
    fn program_with_value(&self) -> Result<Graph> {
        let (f, x) = (self.function(), &self.values);
        match self.outputs {
            None => trace(value_and_grad(f), x),
            Some(_) => trace(|x: &Vec<Tensor>| (f(x), jacobian_tree(&f)(x)), x),
        }
    }

    /// Each variable's name, with its size if it is a vector.
    fn columns(&self) -> Vec<String> {
        let all = self.names.iter().zip(&self.sizes);
        let column = |(name, size): (&String, &Option<usize>)| match size {
            None => name.clone(),
            Some(1) => format!("{name} (1 element)"),
            Some(n) => format!("{name} ({n} elements)"),
        };
        all.map(column).collect()
    }
}

/// What a user may not expect.
fn notes(subject: &Subject, found: &Found) -> Result<Vec<String>> {
    let unused = subject.names.iter().enumerate();
    let unused = unused.filter(|(k, _)| !subject.formula.uses(*k));
    let mut notes: Vec<String> = unused
        .map(|(_, name)| format!("`{name}` does not occur in the formula"))
        .collect();
    notes.extend(finite::note(subject, found)?);
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs;
    use insta::assert_snapshot;

    fn report(formula: &str, at: &str) -> String {
        inputs::differentiate(formula, at, &[]).expect("a formula")
    }

    /// What `--explain` adds.
    fn plans(formula: &str, at: &str) -> String {
        let options = PlanOptions {
            places: false,
            ..PlanOptions::default()
        };
        let subject = Subject::new(formula, at).expect("a formula");
        let plans = plans::of(&subject, true, &options).expect("plans");
        text::plans(&plans)
    }

    #[test]
    fn the_plans_of_a_number() {
        assert_snapshot!(plans("dot(v, v)*scale + log(v[-1])", "v=[1,2,3],scale=2"), @"
        the plan of the derivative:
        the Jacobian of f64[] by f64[4]
          a chain of widths 4 → 1

            candidate                 operations     bytes moved   bytes at peak        time   ratio
            forward                           78             720             352      0.5 µs    1.39
          * reverse                           17             272             288      0.4 µs    1.00
            scalar elimination                14             224             288      0.5 µs    1.41
            not weighed yet: compression by colouring (sparse results)
            not weighed yet: recomputation (memory below what any order needs)

          taken: reverse, cotangents pulled from the outputs to the inputs

          steps:
             1 run the function, and keep 4 arrays of 48 bytes that the derivative needs
             2 pull 1 unit row back through its linear program (15 operations)
             3 write the 1 × 4 derivatives; in all 1 product, 5 elementwise operations and 1 copy

        the plan of the Hessian:
        the Hessian of f64[] by f64[4]
          a chain of widths 4 → 4

            candidate                              operations     bytes moved   bytes at peak        time   ratio
            forward over reverse                          123           1,488             704      0.8 µs    1.24
            reverse over reverse                          107           1,528             704      0.7 µs    1.13
          * scalar elimination over reverse                10             624             768      0.6 µs    1.00
            reverse over forward                          140           1,520             640      0.7 µs    1.16
            not weighed yet: compression by colouring (sparse results)
            not weighed yet: recomputation (memory below what any order needs)

          taken: scalar elimination over reverse, numbers between the inputs and the outputs eliminated one by one:
            numbers: 3, products of partial derivatives: 6

          steps:
             1 run the function and its gradient by reverse mode, and keep 3 arrays of 40 bytes that the derivative needs
             2 eliminate 3 numbers of its linear program (19 operations): 6 products
             3 write the 4 × 4 derivatives; in all 10 elementwise operations and 1 copy
        ");
    }

    #[test]
    fn the_plan_of_several_outputs() {
        assert_snapshot!(plans("[x*y, exp(x)]", "x=1,y=2"), @"
        the plan of the derivative:
        the Jacobian of f64[2] by f64[2]
          a chain of widths 2 → 2

            candidate                 operations     bytes moved   bytes at peak        time   ratio
            forward                            9             296             288      0.4 µs    2.65
            reverse                           11             280             352      0.4 µs    2.65
          * scalar elimination                 1             136             224      0.2 µs    1.00
            not weighed yet: compression by colouring (sparse results)
            not weighed yet: recomputation (memory below what any order needs)

          taken: scalar elimination, numbers between the inputs and the outputs eliminated one by one:
            numbers: 0, products of partial derivatives: 0

          steps:
             1 run the function, and keep 3 arrays of 24 bytes that the derivative needs
             2 eliminate 0 numbers of its linear program (13 operations): 0 products
             3 write the 2 × 2 derivatives; in all 1 elementwise operation and 1 copy
        ");
    }

    #[test]
    fn the_plans_of_what_does_not_depend() {
        assert_snapshot!(plans("1 + 2", "x=1"), @"
        the plan of the derivative:
        the Jacobian of f64[] by f64[1]
          a chain of widths 1 → 1

            candidate        operations     bytes moved   bytes at peak        time   ratio
          * forward                   0               0               8      0.0 µs    1.00
            reverse                   0               0               8      0.0 µs    1.00
            not weighed yet: compression by colouring (sparse results)
            not weighed yet: recomputation (memory below what any order needs)

          taken: forward, tangents pushed from the inputs to the outputs

          steps:
             1 run the function; its derivative needs nothing of that
             2 push 1 unit column through its linear program (0 operations)
             3 write the 1 × 1 derivatives; in all no operation

        the plan of the Hessian:
        the Hessian of f64[] by f64[1]
          a chain of widths 1 → 1

            candidate                   operations     bytes moved   bytes at peak        time   ratio
          * forward over reverse                 0               0               8      0.0 µs    1.00
            reverse over reverse                 0               0               8      0.0 µs    1.00
            reverse over forward                 0               0               8      0.0 µs    1.00
            not weighed yet: compression by colouring (sparse results)
            not weighed yet: recomputation (memory below what any order needs)

          taken: forward over reverse, tangents pushed from the inputs to the outputs

          steps:
             1 run the function and its gradient by reverse mode; its derivative needs nothing of that
             2 push 1 unit column through its linear program (0 operations)
             3 write the 1 × 1 derivatives; in all no operation
        ");
    }

    #[test]
    fn a_number() {
        assert_snapshot!(report("sin(x*y) + x^2", "x=1,y=2"), @"
        value  1.9092974268256817

        gradient
          x  1.1677063269057153
          y  -0.4161468365471424

        Hessian, its rows and columns by x, y
          [[-1.63718971 -2.23474169]
           [-2.23474169 -0.90929743]]

        the derivative as a program:
        # %0 is x, %1 is y
        graph(%0: f64[], %1: f64[]) {
          %2: f64[] = mul %0, %1
          %3: f64[] = sin %2
          %4: f64[] = mul %0, %0
          %5: f64[] = add %3, %4
          %6: f64[] = cos %2
          %7: f64[] = const 2.0
          %8: f64[] = mul %0, %7
          %9: f64[] = mul %0, %6
          %10: f64[] = mul %1, %6
          %11: f64[] = add %8, %10
          return %11, %9
        }
        ");
    }

    #[test]
    fn a_number_of_vectors() {
        assert_snapshot!(report("dot(v, v)*scale + log(v[-1])", "v=[1,2,3],scale=2"), @"
        value  29.09861228866811

        gradient
          v      [ 4.          8.         12.33333333]
          scale  14.0

        Hessian, its rows and columns by v (3 elements), scale
          [[4.         0.         0.         2.        ]
           [0.         4.         0.         4.        ]
           [0.         0.         3.88888889 6.        ]
           [2.         4.         6.         0.        ]]

        the derivative as a program:
        # %0 is v, %1 is scale
        graph(%0: f64[3], %1: f64[]) {
          %2: f64[] = contract{batch_left=[], batch_right=[], contract_left=[0], contract_right=[0]} %0, %0
          %3: f64[] = mul %1, %2
          %4: f64[1] = slice{start=[2], limit=[3], stride=[1]} %0
          %5: f64[] = reshape{shape=[]} %4
          %6: f64[] = log %5
          %7: f64[] = add %3, %6
          %8: f64[] = const 1.0
          %9: f64[] = div %8, %5
          %10: f64[1] = reshape{shape=[1]} %9
          %11: f64[] = const 0.0
          %12: f64[3] = pad{low=[2], high=[0], interior=[0]} %10, %11
          %13: f64[3] = contract{batch_left=[], batch_right=[], contract_left=[], contract_right=[]} %1, %0
          %14: f64[3] = add %12, %13
          %15: f64[3] = add %13, %14
          return %15, %2
        }
        ");
    }

    #[test]
    fn several_outputs() {
        assert_snapshot!(report("[x*y, exp(x)]", "x=1,y=2"), @"
        value  [2.         2.71828183]

        Jacobian
          by x
            [2.         2.71828183]
          by y
            [1. 0.]

        the derivative as a program:
        # %0 is x, %1 is y
        graph(%0: f64[], %1: f64[]) {
          %2: f64[] = exp %0
          %3: f64[1] = reshape{shape=[1]} %2
          %4: f64[1] = reshape{shape=[1]} %1
          %5: f64[2] = concat{axis=0} %4, %3
          %6: f64[1] = reshape{shape=[1]} %0
          %7: f64[1] = const 0.0
          %8: f64[2] = concat{axis=0} %6, %7
          return %5, %8
        }
        ");
        assert_snapshot!(report("x*v", "x=2,v=[1,2,3]"), @"
        value  [2. 4. 6.]

        Jacobian
          by x
            [1. 2. 3.]
          by v
            [[2. 0. 0.]
             [0. 2. 0.]
             [0. 0. 2.]]

        the derivative as a program:
        # %0 is x, %1 is v
        graph(%0: f64[], %1: f64[3]) {
          %2: f64[3] = broadcast{shape=[3], axes=[]} %0
          %3: f64[] = const 0.0
          %4: f64[9] = pad{low=[0], high=[0], interior=[3]} %2, %3
          %5: f64[3,3] = reshape{shape=[3,3]} %4
          return %1, %5
        }
        ");
    }

    #[test]
    fn numbers_of_the_formula_are_computed_before() {
        assert_snapshot!(report("sqrt(4)*pi*x", "x=1e-3"), @"
        value  0.006283185307179587

        gradient
          x  6.283185307179586

        Hessian, its rows and columns by x
          [[0.]]

        the derivative as a program:
        # %0 is x
        graph(%0: f64[]) {
          %1: f64[] = const 6.283185307179586
          %2: f64[] = mul %0, %1
          return %1
        }
        ");
        assert_snapshot!(report("dot([1, 2], v)", "v=[1,1]"), @"
        value  3.0

        gradient
          v  [1. 2.]

        Hessian, its rows and columns by v (2 elements)
          [[0. 0.]
           [0. 0.]]

        the derivative as a program:
        # %0 is v; the other inputs are lists of numbers in the formula
        graph(%0: f64[2], %1: f64[2]) {
          %2: f64[] = contract{batch_left=[], batch_right=[], contract_left=[0], contract_right=[0]} %1, %0
          %3: f64[] = const 1.0
          %4: f64[2] = contract{batch_left=[], batch_right=[], contract_left=[], contract_right=[]} %3, %1
          return %4
        }
        ");
    }

    #[test]
    fn what_does_not_depend() {
        assert_snapshot!(report("1 + 2", "x=1"), @"
        note: `x` does not occur in the formula
        value  3.0

        gradient
          x  0.0

        Hessian, its rows and columns by x
          [[0.]]

        the derivative as a program:
        # %0 is x
        graph(%0: f64[]) {
          %1: f64[] = const 3.0
          %2: f64[] = const 0.0
          return %2
        }
        ");
        assert_snapshot!(report("sqrt(x)", "x=-1,unused=[1,2]"), @"
        note: `unused` does not occur in the formula
        note: the value is not finite: NaN made by sqrt in `sqrt(x)`, from character 1 on
        value  nan

        gradient
          x       nan
          unused  [0. 0.]

        Hessian, its rows and columns by x, unused (2 elements)
          [[nan  0.  0.]
           [ 0.  0.  0.]
           [ 0.  0.  0.]]

        the derivative as a program:
        # %0 is x, %1 is unused
        graph(%0: f64[], %1: f64[2]) {
          %2: f64[] = sqrt %0
          %3: f64[] = const 1.0
          %4: f64[] = const 2.0
          %5: f64[] = mul %2, %4
          %6: f64[] = div %3, %5
          %7: f64[2] = const 0.0
          return %6, %7
        }
        ");
    }
}
