//! The messages about mistakes in formulas.

use crate::inputs;
use insta::assert_snapshot;

/// The message about `formula`, with numbers x and y and vectors v and w as variables.
fn formula(formula: &str) -> String {
    match inputs::differentiate(formula, "x=1,y=2,v=[1,2,3],w=[4,5]", &[]) {
        Ok(text) => panic!("`{formula}` is not refused:\n{text}"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn names() {
    assert_snapshot!(formula("sine(x) + 1"), @"
    error: there is no function `sine`; did you mean `sin`?
      sine(x) + 1
      ^^^^
    ");
    assert_snapshot!(formula("1 + foo(x)"), @"
    error: there is no function `foo`
      1 + foo(x)
          ^^^
    ");
    assert_snapshot!(formula("x + z"), @"
    error: there is no variable `z`; --at gives `x`, `y`, `v` and `w`
      x + z
          ^
    ");
    assert_snapshot!(formula("x + vv"), @"
    error: there is no variable `vv`; --at gives `x`, `y`, `v` and `w`
      x + vv
          ^^
    ");
    assert_snapshot!(formula("abc"), @"
    error: there is no variable `abc`; --at gives `x`, `y`, `v` and `w`
      abc
      ^^^
    ");
    assert_snapshot!(formula("2*sin"), @"
    error: `sin` is a function; write `sin(…)`
      2*sin
        ^^^
    ");
    assert_snapshot!(formula("x(3)"), @"
    error: `x` is not a function; a product is written `x*(…)`
      x(3)
      ^
    ");
    assert_snapshot!(formula("pi(2)"), @"
    error: `pi` is not a function; a product is written `pi*(…)`
      pi(2)
      ^^
    ");
    assert_snapshot!(formula("arctan(x)"), @"
    error: there is no function `arctan`; did you mean `atan`?
      arctan(x)
      ^^^^^^
    ");
}

#[test]
fn orders() {
    assert_snapshot!(formula("polygamma(x, y)"), @"
    error: the first argument of `polygamma` is an integer from 0 to 500
      polygamma(x, y)
                ^
    ");
    assert_snapshot!(formula("polygamma(1.5, y)"), @"
    error: the first argument of `polygamma` is an integer from 0 to 500
      polygamma(1.5, y)
                ^^^
    ");
    assert_snapshot!(formula("polygamma(501, y)"), @"
    error: the first argument of `polygamma` is an integer from 0 to 500
      polygamma(501, y)
                ^^^
    ");
}

#[test]
fn operands() {
    assert_snapshot!(formula("x +"), @"
    error: expected a number, a variable or a function, found the end
      x +
         ^
    ");
    assert_snapshot!(formula("* x"), @"
    error: expected a number, a variable or a function, found `*`
      * x
      ^
    ");
    assert_snapshot!(formula("x ** 2"), @"
    error: expected a number, a variable or a function, found `*`; a power is written `^`
      x ** 2
         ^
    ");
    assert_snapshot!(formula("(x + ) * 2"), @"
    error: expected a number, a variable or a function, found `)`
      (x + ) * 2
           ^
    ");
    assert_snapshot!(formula("x - , y"), @"
    error: expected a number, a variable or a function, found `,`
      x - , y
          ^
    ");
    assert_snapshot!(formula(""), @"error: the formula is empty");
    assert_snapshot!(formula("   "), @"error: the formula is empty");
    assert_snapshot!(formula("sin(,x)"), @"
    error: expected a number, a variable or a function, found `,`
      sin(,x)
          ^
    ");
    assert_snapshot!(formula("2 *\t+"), @"
    error: expected a number, a variable or a function, found the end
      2 * +
           ^
    ");
}

#[test]
fn what_follows_an_operand() {
    assert_snapshot!(formula("2x"), @"
    error: expected an operator before `x`; a product is written `*`
      2x
       ^
    ");
    assert_snapshot!(formula("x y"), @"
    error: expected an operator before `y`; a product is written `*`
      x y
        ^
    ");
    assert_snapshot!(formula("x (1)"), @"
    error: `x` is not a function; a product is written `x*(…)`
      x (1)
      ^
    ");
    assert_snapshot!(formula("x, y"), @"
    error: a `,` stands in lists and between arguments; several outputs are written `[…, …]`
      x, y
       ^
    ");
    assert_snapshot!(formula("x = 2"), @"
    error: a formula has no `=`; the values of variables are given with --at
      x = 2
        ^
    ");
    assert_snapshot!(formula("1.2.3"), @"
    error: expected an operator before `.3`; a product is written `*`
      1.2.3
         ^^
    ");
    assert_snapshot!(formula("2e"), @"
    error: expected an operator before `e`; a product is written `*`
      2e
       ^
    ");
    assert_snapshot!(formula("x]"), @"
    error: this `]` closes nothing
      x]
       ^
    ");
    assert_snapshot!(formula("(x + 1))"), @"
    error: this `)` closes nothing
      (x + 1))
             ^
    ");
    assert_snapshot!(formula("[x] y)"), @"
    error: expected an operator before `y`; a product is written `*`
      [x] y)
          ^
    ");
}

#[test]
fn parentheses() {
    assert_snapshot!(formula("(x + 1"), @"
    error: this `(` is never closed
      (x + 1
      ^
    ");
    assert_snapshot!(formula("sin(x"), @"
    error: this `(` is never closed
      sin(x
         ^
    ");
    assert_snapshot!(formula("[x, y"), @"
    error: this `[` is never closed
      [x, y
      ^
    ");
    assert_snapshot!(formula("v[0"), @"
    error: this `[` is never closed
      v[0
       ^
    ");
    assert_snapshot!(formula("(x]"), @"
    error: `]` does not close `(`
      (x]
        ^
    ");
    assert_snapshot!(formula("[x)"), @"
    error: `)` does not close `[`
      [x)
        ^
    ");
    assert_snapshot!(formula("((x)"), @"
    error: this `(` is never closed
      ((x)
      ^
    ");
    assert_snapshot!(formula("v[(x)]"), @"
    error: an index is an integer such as `x[0]`, found `(`
      v[(x)]
        ^
    ");
    assert_snapshot!(formula("sin((x)"), @"
    error: this `(` is never closed
      sin((x)
         ^
    ");
}

#[test]
fn arguments() {
    assert_snapshot!(formula("sin(x, y)"), @"
    error: `sin` takes 1 argument, got 2
      sin(x, y)
      ^^^^^^^^^
    ");
    assert_snapshot!(formula("sin()"), @"
    error: `sin` takes 1 argument, got none
      sin()
      ^^^^^
    ");
    assert_snapshot!(formula("pow(x)"), @"
    error: `pow` takes 2 arguments, got 1
      pow(x)
      ^^^^^^
    ");
    assert_snapshot!(formula("max(x, y, x)"), @"
    error: `max` takes 1 or 2 arguments, got 3
      max(x, y, x)
      ^^^^^^^^^^^^
    ");
    assert_snapshot!(formula("atan2(x)"), @"
    error: `atan2` takes 2 arguments, got 1
      atan2(x)
      ^^^^^^^^
    ");
    assert_snapshot!(formula("[]"), @"
    error: a list needs an element
      []
      ^^
    ");
}

#[test]
fn shapes() {
    assert_snapshot!(formula("x + v*w"), @"
    error: `*` works element by element; its operands are vectors of 3 and 2 elements
      x + v*w
           ^
    ");
    assert_snapshot!(formula("v ^ w"), @"
    error: `^` works element by element; its operands are vectors of 3 and 2 elements
      v ^ w
        ^
    ");
    assert_snapshot!(formula("max(v, w)"), @"
    error: `max` works element by element; its operands are vectors of 3 and 2 elements
      max(v, w)
      ^^^
    ");
    assert_snapshot!(formula("dot(v, w)"), @"
    error: `dot` takes two vectors of one length; its arguments are a vector of 3 elements and a vector of 2 elements
      dot(v, w)
      ^^^
    ");
    assert_snapshot!(formula("dot(x, v)"), @"
    error: `dot` takes two vectors of one length; its arguments are one number and a vector of 3 elements
      dot(x, v)
      ^^^
    ");
    assert_snapshot!(formula("sum(x)"), @"
    error: `sum` takes a vector; its argument is one number
      sum(x)
      ^^^
    ");
    assert_snapshot!(formula("max(x)"), @"
    error: `max` takes a vector, or two arguments; its argument is one number
      max(x)
      ^^^
    ");
    assert_snapshot!(formula("norm(x*y) + 1"), @"
    error: `norm` takes a vector; its argument is one number
      norm(x*y) + 1
      ^^^^
    ");
    assert_snapshot!(formula("(v + 1) / [x, y]"), @"
    error: `/` works element by element; its operands are vectors of 3 and 2 elements
      (v + 1) / [x, y]
              ^
    ");
}

#[test]
fn indices() {
    assert_snapshot!(formula("v[3]"), @"
    error: the index is out of bounds: the vector has 3 elements, with indices 0 to 2
      v[3]
      ^^^^
    ");
    assert_snapshot!(formula("v[-4]"), @"
    error: the index is out of bounds: the vector has 3 elements, with indices 0 to 2
      v[-4]
      ^^^^^
    ");
    assert_snapshot!(formula("[x][1]"), @"
    error: the index is out of bounds: the vector has 1 element, with index 0
      [x][1]
      ^^^^^^
    ");
    assert_snapshot!(formula("x[0]"), @"
    error: only vectors have elements; this is one number
      x[0]
      ^^^^
    ");
    assert_snapshot!(formula("v[0][0]"), @"
    error: only vectors have elements; this is one number
      v[0][0]
      ^^^^^^^
    ");
    assert_snapshot!(formula("v[1.5]"), @"
    error: an index is an integer such as `x[0]`, found `1.5`
      v[1.5]
        ^^^
    ");
    assert_snapshot!(formula("v[x]"), @"
    error: an index is an integer such as `x[0]`, found `x`
      v[x]
        ^
    ");
    assert_snapshot!(formula("v[]"), @"
    error: an index is an integer such as `x[0]`, found `]`
      v[]
        ^
    ");
    assert_snapshot!(formula("v[99999999999999999999]"), @"
    error: the index is out of bounds: the vector has 3 elements, with indices 0 to 2
      v[99999999999999999999]
      ^^^^^^^^^^^^^^^^^^^^^^^
    ");
    assert_snapshot!(formula("v[-]"), @"
    error: an index is an integer such as `x[0]`, found `]`
      v[-]
        ^^
    ");
}

#[test]
fn characters() {
    assert_snapshot!(formula("x # 2"), @"
    error: the character `#` has no meaning here
      x # 2
        ^
    ");
    assert_snapshot!(formula("x × y"), @"
    error: the character `×` has no meaning here; a product is written `*`
      x × y
        ^
    ");
    assert_snapshot!(formula("é + x"), @"
    error: the character `é` has no meaning here; names consist of the letters a to z, Greek letters, digits and `_`
      é + x
      ^
    ");
    assert_snapshot!(formula("2·x² + y"), @"
    error: the character `·` has no meaning here; a product is written `*`
      2·x² + y
       ^
    ");
    assert_snapshot!(formula("x − y"), @"
    error: the character `−` has no meaning here; the minus sign is written `-`
      x − y
        ^
    ");
    assert_snapshot!(formula("x; y"), @"
    error: the character `;` has no meaning here; the parts of a list are separated by `,`
      x; y
       ^
    ");
    assert_snapshot!(formula("|x|"), @"
    error: the character `|` has no meaning here; an absolute value is written `abs(…)`
      |x|
      ^
    ");
    assert_snapshot!(formula("\u{1b}x"), @r#"
    error: the character `\u{1b}` has no meaning here
       x
      ^
    "#);
    assert_snapshot!(formula("äöü$"), @"
    error: the character `ä` has no meaning here; names consist of the letters a to z, Greek letters, digits and `_`
      äöü$
      ^
    ");
    assert_snapshot!(formula("\u{1f600}"), @"
    error: the character `😀` has no meaning here
      😀
      ^
    ");
    assert_snapshot!(formula("."), @"
    error: `.` is not a number
      .
      ^
    ");
}

#[test]
fn numbers() {
    assert_snapshot!(formula("1e999"), @"
    error: `1e999` is too large for a number of 64 bits
      1e999
      ^^^^^
    ");
    assert_snapshot!(formula("x^1e400"), @"
    error: `1e400` is too large for a number of 64 bits
      x^1e400
        ^^^^^
    ");
}

#[test]
fn too_much() {
    assert_snapshot!(formula(&format!("1 + {}x", "(".repeat(100_000))), @"
    error: the formula is nested more than 200 deep
      …((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((…
                                             ^
    ");
    assert_snapshot!(formula(&"-".repeat(100_000)), @"
    error: the formula is nested more than 200 deep
      …----------------------------------------------------------------------------…
                                             ^
    ");
    assert_snapshot!(formula(&"x^".repeat(100_000)), @"
    error: the formula is nested more than 200 deep
      …x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^x^…
                                             ^
    ");
    assert_snapshot!(formula(&"[".repeat(201)), @"
    error: the formula is nested more than 200 deep
      …[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[
                                             ^
    ");
    assert_snapshot!(formula(&format!("{}x", "x + ".repeat(100_000))), @"
    error: the formula is too long: from here on it has more than 2000 numbers, variables and operations
      …x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + …
                                             ^
    ");
    assert_snapshot!(formula(&format!("[{}x]", "[v*2,v], ".repeat(450))), @"
    error: the formula is too long: from here on it has more than 2000 numbers, variables and operations
      … [v*2,v], [v*2,v], [v*2,v], [v*2,v], [v*2,v], [v*2,v], [v*2,v], [v*2,v], [v*…
                                             ^
    ");
    assert_snapshot!(formula(&format!("[{}v]", "v, ".repeat(341))), @"
    error: this list has 1026 elements; the most is 1024
      [v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, v, …
      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
}

#[test]
fn long_texts_are_shown_in_part() {
    let long = "sin(x) + ".repeat(20);
    assert_snapshot!(formula(&format!("zin(x) + {long}x")), @"
    error: there is no function `zin`; did you mean `sin`?
      zin(x) + sin(x) + sin(x) + sin(x) + sin(x) + sin(x) + sin(x) + sin(x) + sin(…
      ^^^
    ");
    assert_snapshot!(formula(&format!("{long}zin(x) + {long}x")), @"
    error: there is no function `zin`; did you mean `sin`?
      …+ sin(x) + sin(x) + sin(x) + sin(x) + zin(x) + sin(x) + sin(x) + sin(x) + si…
                                             ^^^
    ");
    assert_snapshot!(formula(&format!("{long}zin(x)")), @"
    error: there is no function `zin`; did you mean `sin`?
      …+ sin(x) + sin(x) + sin(x) + sin(x) + zin(x)
                                             ^^^
    ");
}
