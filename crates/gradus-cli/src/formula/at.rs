//! The values of the variables: `x=1,y=[1,2,3],z=pi/2`.

use super::lexer::Token;
use super::parser::Parser;
use super::{Mistake, Span, functions};
use gradus::{Error, ErrorKind, Tensor};

/// With more the Hessian has more entries than anybody reads, and its program more than memory holds.
const MOST_ELEMENTS: usize = 256;

/// The variables in the order of the text.
#[derive(Debug)]
pub struct Variables {
    pub names: Vec<String>,
    pub values: Vec<Tensor>,
}

impl Variables {
    /// Reads what is behind `--at`.
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
                    "with `{name}` the variables have {elements} elements; at most {MOST_ELEMENTS} go"
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
