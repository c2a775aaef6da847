//! The values of the variables: `x=1,y=[1,2,3],z=pi/2`.

use super::lexer::Token;
use super::parser::Parser;
use super::{Mistake, Span, functions};
use gradus::{Error, ErrorKind, Tensor};

/// With more elements the Hessian has more entries than a person can read, and its program exceeds memory.
const MOST_ELEMENTS: usize = 256;

/// The variables in the order of the text.
#[derive(Debug)]
pub struct Variables {
    pub names: Vec<String>,
    pub values: Vec<Tensor>,
}

impl Variables {
    /// Reads the value of `--at`.
    pub fn parse(text: &str) -> Result<Variables, Error> {
        read(text).map_err(|mistake| {
            let error = mistake.in_text(text);
            Error::new(ErrorKind::Argument, format!("--at: {}", error.message()))
        })
    }
}

fn read(text: &str) -> Result<Variables, Mistake> {
    let mut parser = Parser::new(text, None)?;
    let mut found = Variables {
        names: Vec::new(),
        values: Vec::new(),
    };
    let mut elements = 0;
    loop {
        let span = parser.span();
        if parser.peek() != Token::Name {
            return Err(Mistake::new(
                span,
                format!(
                    "expected the name of a variable, found {}; values are given as in `x=1,y=[2,3]`",
                    parser.found()
                ),
            ));
        }
        parser.advance();
        let name = parser.slice(span);
        check_name(name, span, &found.names)?;
        if parser.eat('=').is_none() {
            return Err(Mistake::new(
                parser.span(),
                format!("expected `=` after `{name}`, found {}", parser.found()),
            ));
        }
        let formula = parser.formula()?;
        formula.check(&[])?;
        let value = formula.evaluate(&[]);
        elements += value.len();
        if elements > MOST_ELEMENTS {
            return Err(Mistake::new(
                span,
                format!(
                    "with `{name}` the variables have {elements} elements; the most is {MOST_ELEMENTS}"
                ),
            ));
        }
        found.names.push(name.to_string());
        found.values.push(value);
        match parser.peek() {
            Token::End => return Ok(found),
            Token::Symbol(',') => parser.advance(),
            _ => {
                return Err(Mistake::new(
                    parser.span(),
                    format!(
                        "expected `,` and the next variable, found {}",
                        parser.found()
                    ),
                ));
            }
        };
    }
}

fn check_name(name: &str, span: Span, before: &[String]) -> Result<(), Mistake> {
    let message = if before.iter().any(|n| n == name) {
        format!("`{name}` is given twice")
    } else if functions::constant(name).is_some() {
        format!("`{name}` is a constant; choose another name")
    } else if functions::function(name).is_some() {
        format!("`{name}` is a function; choose another name")
    } else {
        return Ok(());
    };
    Err(Mistake::new(span, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn at(text: &str) -> String {
        match Variables::parse(text) {
            Ok(variables) => panic!("`{text}` is not refused: {variables:?}"),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn lists_that_are_not_of_variables() {
        assert_snapshot!(at(""), @"error: --at: expected the name of a variable, found the end; values are given as in `x=1,y=[2,3]`");
        assert_snapshot!(at("x"), @"
        error: --at: expected `=` after `x`, found the end
          x
           ^
        ");
        assert_snapshot!(at("x="), @"
        error: --at: expected a number, a variable or a function, found the end
          x=
            ^
        ");
        assert_snapshot!(at("x=1,"), @"
        error: --at: expected the name of a variable, found the end; values are given as in `x=1,y=[2,3]`
          x=1,
              ^
        ");
        assert_snapshot!(at("x=1,,y=2"), @"
        error: --at: expected the name of a variable, found `,`; values are given as in `x=1,y=[2,3]`
          x=1,,y=2
              ^
        ");
        assert_snapshot!(at("x=1 y=2"), @"
        error: --at: expected `,` and the next variable, found `y`
          x=1 y=2
              ^
        ");
        assert_snapshot!(at("x=1;y=2"), @"
        error: --at: the character `;` has no meaning here; the parts of a list are separated by `,`
          x=1;y=2
             ^
        ");
        assert_snapshot!(at("=1"), @"
        error: --at: expected the name of a variable, found `=`; values are given as in `x=1,y=[2,3]`
          =1
          ^
        ");
        assert_snapshot!(at("1=x"), @"
        error: --at: expected the name of a variable, found `1`; values are given as in `x=1,y=[2,3]`
          1=x
          ^
        ");
        assert_snapshot!(at("x==1"), @"
        error: --at: expected a number, a variable or a function, found `=`
          x==1
            ^
        ");
        assert_snapshot!(at("x=1=2"), @"
        error: --at: expected `,` and the next variable, found `=`
          x=1=2
             ^
        ");
    }

    #[test]
    fn names_that_are_refused() {
        assert_snapshot!(at("x=1,y=2,x=3"), @"
        error: --at: `x` is given twice
          x=1,y=2,x=3
                  ^
        ");
        assert_snapshot!(at("x=y"), @"
        error: --at: there is no variable `y` here: the values of variables are numbers
          x=y
            ^
        ");
        assert_snapshot!(at("x=1,y=x"), @"
        error: --at: there is no variable `x` here: the values of variables are numbers
          x=1,y=x
                ^
        ");
        assert_snapshot!(at("e=1"), @"
        error: --at: `e` is a constant; choose another name
          e=1
          ^
        ");
        assert_snapshot!(at("sin=2"), @"
        error: --at: `sin` is a function; choose another name
          sin=2
          ^^^
        ");
        assert_snapshot!(at("x=abc"), @"
        error: --at: there is no variable `abc` here: the values of variables are numbers
          x=abc
            ^^^
        ");
        assert_snapshot!(at("é=1"), @"
        error: --at: the character `é` has no meaning here; names consist of the letters a to z, Greek letters, digits and `_`
          é=1
          ^
        ");
    }

    #[test]
    fn values_that_are_refused() {
        assert_snapshot!(at("x=[1,2"), @"
        error: --at: this `[` is never closed
          x=[1,2
            ^
        ");
        assert_snapshot!(at("x=[]"), @"
        error: --at: a list needs an element
          x=[]
            ^^
        ");
        assert_snapshot!(at("x=sin(1,2)"), @"
        error: --at: `sin` takes 1 argument, got 2
          x=sin(1,2)
            ^^^^^^^^
        ");
        assert_snapshot!(at("x=1e999"), @"
        error: --at: `1e999` is too large for a number of 64 bits
          x=1e999
            ^^^^^
        ");
        assert_snapshot!(at("x=[1,2][5]"), @"
        error: --at: the index is out of bounds: the vector has 2 elements, with indices 0 to 1
          x=[1,2][5]
            ^^^^^^^^
        ");
        let many = vec!["1"; 257].join(",");
        assert_snapshot!(at(&format!("x=1,v=[{many}]")), @"
        error: --at: with `v` the variables have 258 elements; the most is 256
          x=1,v=[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1…
              ^
        ");
    }
}
