//! The output of the command.

use super::subject::Subject;
use super::{plans, text};
use crate::inputs;
use gradus::plan::{PlanOptions, SourceLines};
use insta::assert_snapshot;

fn report(formula: &str, at: &str) -> String {
    inputs::differentiate(formula, at, &[]).expect("a formula")
}

/// The lines that `--explain` adds.
fn explained(formula: &str, at: &str) -> String {
    let options = PlanOptions::default().source_lines(SourceLines::Hidden);
    let subject = Subject::new(formula, at).expect("a formula");
    let plans = plans::of(&subject, true, &options).expect("plans");
    text::plans(&plans)
}

#[test]
fn the_plans_of_a_number() {
    assert_snapshot!(explained("dot(v, v)*scale + log(v[-1])", "v=[1,2,3],scale=2"), @"
    the plan of the derivative:
    the Jacobian of f64[] by f64[4]
      a chain of widths 4 → 1

        candidate                 operations     bytes moved   bytes at peak        time   ratio
        forward                           78             720             352      0.5 µs    1.39
      * reverse                           17             272             288      0.4 µs    1.00
        scalar elimination                14             224             288      0.5 µs    1.41
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: reverse, cotangents pulled from the outputs to the inputs

      steps:
         1 run the function, and keep 4 arrays of 48 bytes that the derivative needs
         2 pull 1 unit row back through its linear program (15 operations)
         3 write the 1 × 4 derivatives; in total 1 product, 5 elementwise operations and 1 copy

    the plan of the Hessian:
    the Hessian of f64[] by f64[4]
      a chain of widths 4 → 4

        candidate                              operations     bytes moved   bytes at peak        time   ratio
        forward over reverse                          123           1,488             704      0.8 µs    1.24
        reverse over reverse                          107           1,528             704      0.7 µs    1.13
      * scalar elimination over reverse                10             624             768      0.6 µs    1.00
        reverse over forward                          140           1,520             640      0.7 µs    1.16
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: scalar elimination over reverse, numbers between the inputs and the outputs eliminated one by one:
        numbers: 3, products of partial derivatives: 6

      steps:
         1 run the function and its gradient by reverse mode, and keep 3 arrays of 40 bytes that the derivative needs
         2 eliminate 3 numbers of its linear program (19 operations): 6 products
         3 write the 4 × 4 derivatives; in total 10 elementwise operations and 1 copy
    ");
}

#[test]
fn the_plan_of_several_outputs() {
    assert_snapshot!(explained("[x*y, exp(x)]", "x=1,y=2"), @"
    the plan of the derivative:
    the Jacobian of f64[2] by f64[2]
      a chain of widths 2 → 2

        candidate                 operations     bytes moved   bytes at peak        time   ratio
        forward                            9             296             288      0.4 µs    2.65
        reverse                           11             280             352      0.4 µs    2.65
      * scalar elimination                 1             136             224      0.2 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: scalar elimination, numbers between the inputs and the outputs eliminated one by one:
        numbers: 0, products of partial derivatives: 0

      steps:
         1 run the function, and keep 3 arrays of 24 bytes that the derivative needs
         2 eliminate 0 numbers of its linear program (13 operations): 0 products
         3 write the 2 × 2 derivatives; in total 1 elementwise operation and 1 copy
    ");
}

#[test]
fn the_plans_of_what_does_not_depend() {
    assert_snapshot!(explained("1 + 2", "x=1"), @"
    the plan of the derivative:
    the Jacobian of f64[] by f64[1]
      a chain of widths 1 → 1

        candidate        operations     bytes moved   bytes at peak        time   ratio
      * forward                   0               0               8      0.0 µs    1.00
        reverse                   0               0               8      0.0 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: forward, tangents pushed from the inputs to the outputs

      steps:
         1 run the function; its derivative needs none of its values
         2 push 1 unit column through its linear program (0 operations)
         3 write the 1 × 1 derivatives; in total no operation

    the plan of the Hessian:
    the Hessian of f64[] by f64[1]
      a chain of widths 1 → 1

        candidate                   operations     bytes moved   bytes at peak        time   ratio
      * forward over reverse                 0               0               8      0.0 µs    1.00
        reverse over reverse                 0               0               8      0.0 µs    1.00
        reverse over forward                 0               0               8      0.0 µs    1.00
        not available yet: compression by colouring (sparse results)
        not available yet: recomputation (less memory than any order needs)

      chosen: forward over reverse, tangents pushed from the inputs to the outputs

      steps:
         1 run the function and its gradient by reverse mode; its derivative needs none of its values
         2 push 1 unit column through its linear program (0 operations)
         3 write the 1 × 1 derivatives; in total no operation
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
      %3: f64[] = const 2.0
      %4: f64[] = mul %2, %3
      %5: f64[] = const 1.0
      %6: f64[] = div %5, %4
      %7: f64[2] = const 0.0
      return %6, %7
    }
    ");
}
