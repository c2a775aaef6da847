//! Parses tokens to a formula, by precedence: one function for each line of the grammar.

use super::functions::{self, FUNCTIONS, Form, NEGATIVE};
use super::lexer::{Token, tokens};
use super::{Formula, Kind, Mistake, Node, Span, listed};
use gradus::Tensor;

/// The deepest nesting of parentheses, brackets, signs and powers. More could overflow the stack.
const DEEPEST: usize = 200;
/// No one writes longer formulas by hand, and their second derivatives take long.
const MOST_NODES: usize = 2000;

type Parsed<T> = Result<T, Mistake>;

impl Formula {
    /// Reads a formula of the variables `names`.
    pub fn parse(text: &str, names: &[String]) -> Parsed<Formula> {
        let mut parser = Parser::new(text, Some(names))?;
        if parser.peek() == Token::End {
            return Err(Mistake::new(parser.span(), "the formula is empty"));
        }
        let formula = parser.formula()?;
        match parser.peek() {
            Token::End => Ok(formula),
            _ => Err(parser.no_end()),
        }
    }
}

pub struct Parser<'a> {
    text: &'a str,
    /// The same text, with the lifetime of the process.
    kept: &'static str,
    tokens: Vec<(Token, Span)>,
    next: usize,
    depth: usize,
    /// The token before the current one.
    last: Span,
    /// `None` if variables are not allowed.
    names: Option<&'a [String]>,
    nodes: Vec<Node>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, names: Option<&'a [String]>) -> Parsed<Parser<'a>> {
        Ok(Parser {
            text,
            tokens: tokens(text)?,
            kept: String::leak(text.to_string()),
            next: 0,
            depth: 0,
            last: Span { start: 0, end: 0 },
            names,
            nodes: Vec::new(),
        })
    }

    pub fn peek(&self) -> Token {
        self.tokens[self.next].0
    }

    pub fn span(&self) -> Span {
        self.tokens[self.next].1
    }

    /// Consumes the token; the end token stays.
    pub fn advance(&mut self) -> Span {
        self.last = self.span();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        self.last
    }

    pub fn eat(&mut self, symbol: char) -> Option<Span> {
        (self.peek() == Token::Symbol(symbol)).then(|| self.advance())
    }

    pub fn slice(&self, span: Span) -> &'a str {
        &self.text[span.start..span.end]
    }

    /// The current token in words, for messages.
    pub fn found(&self) -> String {
        match self.peek() {
            Token::End => "the end".into(),
            _ => format!("`{}`", self.slice(self.span())),
        }
    }

    /// Parses one formula, up to a token that cannot be part of it.
    pub fn formula(&mut self) -> Parsed<Formula> {
        self.nodes.clear();
        self.sum()?;
        Ok(Formula {
            text: self.kept,
            nodes: std::mem::take(&mut self.nodes),
        })
    }

    /// Adds a node. Its text reaches from the start of `first` to the last consumed token.
    fn push(&mut self, kind: Kind, operator: Span, first: Span) -> Parsed<usize> {
        if self.nodes.len() == MOST_NODES {
            return Err(Mistake::new(
                operator,
                format!(
                    "the formula is too long: from here on it has more than {MOST_NODES} numbers, variables and operations"
                ),
            ));
        }
        let extent = first.to(self.last);
        self.nodes.push(Node {
            kind,
            operator,
            extent,
        });
        Ok(self.nodes.len() - 1)
    }

    /// Applies the operator `symbol`, written at `at`, to two operands.
    /// The text of the first operand begins with `first`.
    fn apply(&mut self, symbol: char, [a, b]: [usize; 2], at: Span, first: Span) -> Parsed<usize> {
        let Some((name, form)) = functions::operator(symbol) else {
            unreachable!("only operators are applied")
        };
        let operands = vec![a, b];
        let kind = Kind::Apply {
            name,
            form,
            operands,
        };
        self.push(kind, at, first)
    }

    fn sum(&mut self) -> Parsed<usize> {
        let first = self.span();
        let mut left = self.product()?;
        while let Token::Symbol(symbol @ ('+' | '-')) = self.peek() {
            let at = self.advance();
            let right = self.product()?;
            left = self.apply(symbol, [left, right], at, first)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Parsed<usize> {
        let first = self.span();
        let mut left = self.signed()?;
        while let Token::Symbol(symbol @ ('*' | '/' | '%')) = self.peek() {
            let at = self.advance();
            let right = self.signed()?;
            left = self.apply(symbol, [left, right], at, first)?;
        }
        Ok(left)
    }

    /// All recursion goes through this function.
    fn signed(&mut self) -> Parsed<usize> {
        if self.depth == DEEPEST {
            return Err(Mistake::new(
                self.span(),
                format!("the formula is nested more than {DEEPEST} deep"),
            ));
        }
        self.depth += 1;
        let result = match self.peek() {
            Token::Symbol('-') => {
                let at = self.advance();
                let operand = self.signed()?;
                let kind = Kind::Apply {
                    name: "-",
                    form: NEGATIVE,
                    operands: vec![operand],
                };
                self.push(kind, at, at)?
            }
            Token::Symbol('+') => {
                self.advance();
                self.signed()?
            }
            _ => self.power()?,
        };
        self.depth -= 1;
        Ok(result)
    }

    fn power(&mut self) -> Parsed<usize> {
        let first = self.span();
        let base = self.item()?;
        match self.eat('^') {
            None => Ok(base),
            Some(at) => {
                let exponent = self.signed()?;
                self.apply('^', [base, exponent], at, first)
            }
        }
    }

    fn item(&mut self) -> Parsed<usize> {
        let start = self.span();
        let mut item = match self.peek() {
            Token::Number(value) => {
                self.advance();
                self.push(Kind::Number(value), start, start)?
            }
            Token::Name => self.name()?,
            Token::Symbol('(') => {
                self.advance();
                let inner = self.sum()?;
                self.close(start, ')')?;
                inner
            }
            Token::Symbol('[') => {
                self.advance();
                if let Some(end) = self.eat(']') {
                    return Err(Mistake::new(start.to(end), "a list needs an element"));
                }
                let parts = self.list()?;
                let end = self.close(start, ']')?;
                self.push(Kind::List(parts), start.to(end), start)?
            }
            _ => return Err(self.no_operand()),
        };
        while let Some(open) = self.eat('[') {
            let position = self.position()?;
            let end = self.close(open, ']')?;
            item = self.push(Kind::Index(item, position), start.to(end), start)?;
        }
        Ok(item)
    }

    /// The integer in brackets behind a vector.
    fn position(&mut self) -> Parsed<isize> {
        let minus = self.eat('-');
        let span = minus.map_or(self.span(), |m| m.to(self.span()));
        let text = self.slice(self.span());
        if matches!(self.peek(), Token::Number(_)) && text.bytes().all(|c| c.is_ascii_digit()) {
            self.advance();
            // An index that exceeds the machine's range is out of bounds of every vector.
            let n = text.parse::<isize>().unwrap_or(isize::MAX);
            return Ok(if minus.is_some() { -n } else { n });
        }
        Err(Mistake::new(
            span,
            format!(
                "an index is an integer such as `x[0]`, found {}",
                self.found()
            ),
        ))
    }

    fn list(&mut self) -> Parsed<Vec<usize>> {
        let mut parts = vec![self.sum()?];
        while self.eat(',').is_some() {
            parts.push(self.sum()?);
        }
        Ok(parts)
    }

    fn name(&mut self) -> Parsed<usize> {
        let span = self.advance();
        let name = self.slice(span);
        if let Some(open) = self.eat('(') {
            return self.call(name, span, open);
        }
        let names = self.names.unwrap_or(&[]);
        if let Some(k) = names.iter().position(|n| n == name) {
            return self.push(Kind::Variable(k), span, span);
        }
        if let Some(value) = functions::constant(name) {
            return self.push(Kind::Number(value), span, span);
        }
        if functions::function(name).is_some() {
            let message = format!("`{name}` is a function; write `{name}(…)`");
            return Err(Mistake::new(span, message));
        }
        let message = match self.names {
            None => {
                format!("there is no variable `{name}` here: the values of variables are numbers")
            }
            Some(names) => {
                let similar = functions::similar(name, names.iter().map(String::as_str));
                let hint = similar.map_or(String::new(), |s| format!("; did you mean `{s}`?"));
                format!(
                    "there is no variable `{name}`; --at gives {}{hint}",
                    listed(names)
                )
            }
        };
        Err(Mistake::new(span, message))
    }

    fn call(&mut self, name: &str, span: Span, open: Span) -> Parsed<usize> {
        let known = self.names.unwrap_or(&[]).iter().any(|n| n == name);
        let Some(function) = functions::function(name) else {
            let message = if known || functions::constant(name).is_some() {
                format!("`{name}` is not a function; a product is written `{name}*(…)`")
            } else {
                let similar = functions::similar(name, FUNCTIONS.iter().map(|f| f.name));
                let hint = similar.map_or(String::new(), |s| format!("; did you mean `{s}`?"));
                format!("there is no function `{name}`{hint}")
            };
            return Err(Mistake::new(span, message));
        };
        let (operands, end) = match self.eat(')') {
            Some(end) => (Vec::new(), end),
            None => (self.list()?, self.close(open, ')')?),
        };
        let fits = |form: &&Form| form.operands() == operands.len();
        let Some(&form) = function.forms.iter().find(fits) else {
            let counts: Vec<String> = function
                .forms
                .iter()
                .map(|form| form.operands().to_string())
                .collect();
            let plural = if counts == ["1"] { "" } else { "s" };
            let got = match operands.len() {
                0 => "none".to_string(),
                n => n.to_string(),
            };
            let message = format!(
                "`{name}` takes {} argument{plural}, got {got}",
                counts.join(" or ")
            );
            return Err(Mistake::new(span.to(end), message));
        };
        if let Form::Order(_) = form {
            self.check_order(name, operands[0])?;
        }
        let kind = Kind::Apply {
            name: function.name,
            form,
            operands,
        };
        self.push(kind, span, span)
    }

    /// The first argument of a function with an order is written as a number.
    fn check_order(&self, name: &str, operand: usize) -> Parsed<()> {
        let node = &self.nodes[operand];
        let most = f64::from(Tensor::MOST_ORDER);
        match node.kind {
            Kind::Number(n) if n.fract() == 0.0 && (0.0..=most).contains(&n) => Ok(()),
            _ => {
                let message =
                    format!("the first argument of `{name}` is an integer from 0 to {most}");
                Err(Mistake::new(node.extent, message))
            }
        }
    }

    /// Consumes the symbol that closes `open`.
    fn close(&mut self, open: Span, symbol: char) -> Parsed<Span> {
        if let Some(span) = self.eat(symbol) {
            return Ok(span);
        }
        let opened = self.slice(open);
        Err(match self.peek() {
            Token::End => Mistake::new(open, format!("this `{opened}` is never closed")),
            Token::Symbol(c @ (')' | ']')) => {
                Mistake::new(self.span(), format!("`{c}` does not close `{opened}`"))
            }
            _ => self.no_end(),
        })
    }

    /// The mistake for a token that cannot follow a complete operand.
    fn no_end(&self) -> Mistake {
        let message = match self.peek() {
            Token::Symbol(c @ (')' | ']')) => format!("this `{c}` closes nothing"),
            Token::Symbol(',') => {
                "a `,` stands in lists and between arguments; several outputs are written `[…, …]`"
                    .into()
            }
            Token::Symbol('=') => {
                "a formula has no `=`; the values of variables are given with --at".into()
            }
            Token::Number(_) | Token::Name | Token::Symbol('(') => format!(
                "expected an operator before {}; a product is written `*`",
                self.found()
            ),
            _ => format!("expected an operator, found {}", self.found()),
        };
        Mistake::new(self.span(), message)
    }

    fn no_operand(&self) -> Mistake {
        let twice = self.next > 0
            && self.peek() == Token::Symbol('*')
            && self.tokens[self.next - 1].0 == Token::Symbol('*');
        let hint = if twice {
            "; a power is written `^`"
        } else {
            ""
        };
        let message = format!(
            "expected a number, a variable or a function, found {}{hint}",
            self.found()
        );
        Mistake::new(self.span(), message)
    }
}
