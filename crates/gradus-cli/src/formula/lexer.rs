//! Splits text into tokens.

use super::{Mistake, Span};

/// The most letters of a name. Longer names make unreadable lines.
const LONGEST_NAME: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token {
    Number(f64),
    Name,
    Symbol(char),
    End,
}

/// The tokens of `text`. The last one marks the end.
pub fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Mistake> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            c if c.is_ascii_digit() || c == '.' => number(rest, at)?,
            c if is_name(c) => name(rest, at)?,
            '+' | '-' | '*' | '/' | '%' | '^' | '(' | ')' | '[' | ']' | ',' | '=' => {
                (Token::Symbol(c), 1)
            }
            _ => return Err(unexpected(c, at)),
        };
        let span = Span {
            start: at,
            end: at + length,
        };
        found.push((token, span));
        at += length;
    }
    let end = Span { start: at, end: at };
    found.push((Token::End, end));
    Ok(found)
}

fn is_name(c: char) -> bool {
    let greek = matches!(c, '\u{370}'..='\u{3ff}') && c.is_alphabetic();
    c.is_ascii_alphanumeric() || c == '_' || greek
}

/// The name at the start of `text`, which begins at `at` in the formula.
fn name(text: &str, at: usize) -> Result<(Token, usize), Mistake> {
    let length = run(text, is_name);
    let letters = text[..length].chars().count();
    if letters <= LONGEST_NAME {
        return Ok((Token::Name, length));
    }
    let span = Span {
        start: at,
        end: at + length,
    };
    let message = format!("this name has {letters} letters; the most is {LONGEST_NAME}");
    Err(Mistake::new(span, message))
}

/// The number of bytes at the start whose characters fulfil `wanted`.
fn run(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// The number at the start of `text`, which begins at `at` in the formula.
fn number(text: &str, at: usize) -> Result<(Token, usize), Mistake> {
    let digits = |from: usize| run(&text[from..], |c| c.is_ascii_digit());
    let mut length = digits(0);
    if text[length..].starts_with('.') {
        length += 1 + digits(length + 1);
    }
    // `2e` is a 2 before the constant e, as `2x` is a 2 before x.
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let power = digits(length + 1 + sign);
        if power > 0 {
            length += 1 + sign + power;
        }
    }
    let span = Span {
        start: at,
        end: at + length,
    };
    let text = &text[..length];
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), length)),
        Ok(_) => Err(Mistake::new(
            span,
            format!("`{text}` is too large for a number of 64 bits"),
        )),
        Err(_) => Err(Mistake::new(span, format!("`{text}` is not a number"))),
    }
}

fn unexpected(c: char, at: usize) -> Mistake {
    let shown = match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    let hint = match c {
        '×' | '·' | '∙' | '⋅' => "; a product is written `*`",
        '÷' | ':' => "; a quotient is written `/`",
        '−' | '–' | '—' => "; the minus sign is written `-`",
        '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' => "; a power is written `^`",
        'µ' => "; this is the sign for a millionth, the Greek letter is `μ`",
        '√' => "; a root is written `sqrt(…)`",
        '|' => "; an absolute value is written `abs(…)`",
        '{' | '}' => "; groups stand in `(` and `)`, lists in `[` and `]`",
        ';' => "; the parts of a list are separated by `,`",
        c if c.is_alphabetic() => {
            "; names consist of the letters a to z, Greek letters, digits and `_`"
        }
        _ => "",
    };
    let span = Span {
        start: at,
        end: at + c.len_utf8(),
    };
    Mistake::new(
        span,
        format!("the character `{shown}` has no meaning here{hint}"),
    )
}
