//! Reads graphs from text.

use super::listed;
use crate::attributes::{Attribute, Attributes};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Operands, ValueId};
use crate::primitives::{Body, Op};
use crate::types::{DType, Dims, Form, Literal, Type};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

impl FromStr for Graph {
    type Err = Error;

    /// Reads the text that [`Display`](fmt::Display) prints, by the grammar of [`text`](crate::text).
    ///
    /// # Errors
    /// The error names the line, shows it with a caret under the mistake, and says what was expected.
    fn from_str(text: &str) -> Result<Graph> {
        let mut reader = Reader::new(text, 0, 0);
        reader.graph()?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.fail(reader.here(), "the graph ended before this"));
        }
        Ok(reader.graph)
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The number of programs around this one.
    depth: usize,
    graph: Graph,
    names: HashMap<&'a str, ValueId>,
}

/// A result: its name and its type, each with its place.
type Binder<'a> = (&'a str, Span, Type, Span);

/// A piece of the text, remembered for errors.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, at: usize, depth: usize) -> Reader<'a> {
        Reader {
            text,
            at,
            depth,
            graph: Graph::new(),
            names: HashMap::new(),
        }
    }

    fn graph(&mut self) -> Result<()> {
        self.expect("graph")?;
        self.expect("(")?;
        while !self.take(")") {
            let (name, span) = self.name()?;
            self.expect(":")?;
            let (ty, ty_span) = self.ty()?;
            if ty.is_list() {
                return Err(self.fail(ty_span, "a list cannot enter a program"));
            }
            let id = self.graph.input(ty);
            self.define(name, span, id)?;
            if !self.comma_or(")")? {
                break;
            }
        }
        self.expect("{")?;
        while !self.take("return") {
            self.node()?;
        }
        let mut outputs = Vec::new();
        while !self.take("}") {
            let (output, span) = self.named_node()?;
            if self.graph.ty(output).is_list() {
                let message = "this is a list, which cannot leave a program";
                return Err(self.fail(span, message));
            }
            outputs.push(output);
            if !self.comma_or("}")? {
                break;
            }
        }
        self.graph.set_outputs(outputs);
        Ok(())
    }

    /// The names and types before the `=`; no results are written `()`.
    fn results(&mut self) -> Result<Vec<Binder<'a>>> {
        let mut results = Vec::new();
        if self.take("(") {
            self.expect(")")?;
            self.expect("=")?;
            return Ok(results);
        }
        loop {
            let (name, name_span) = self.name()?;
            self.expect(":")?;
            let (ty, ty_span) = self.ty()?;
            results.push((name, name_span, ty, ty_span));
            if !self.comma_or("=")? {
                return Ok(results);
            }
        }
    }

    fn node(&mut self) -> Result<()> {
        let results = self.results()?;
        let (word, op_span) = self.word("the name of an operation")?;
        let attributes = self.attributes()?;
        let one = || match results.as_slice() {
            [(_, _, ty, span)] => Ok((ty, *span)),
            _ => Err(self.fail(op_span, format!("`{word}` has one result"))),
        };
        let (op, operands) = match word {
            "const" => {
                let dtype = one()?.0.dtype;
                (Op::Const(self.literal(dtype)?), Operands::new())
            }
            "iota" => {
                let (ty, _) = one()?;
                let axis = attributes.get_size("iota", "axis");
                let axis = axis.map_err(|e| self.fail(op_span, e.message()))?;
                if axis >= ty.rank() || ty.dtype == DType::Bool {
                    let message = format!("iota along axis {axis} cannot give {ty}");
                    return Err(self.fail(op_span, message));
                }
                (Op::Iota(axis), Operands::new())
            }
            _ => {
                let op = Op::from_text(word, &attributes);
                let op = op.map_err(|e| self.fail(op_span, e.message()))?;
                let mut operands = Operands::new();
                while self.sees("%") && !(operands.is_empty() && self.sees_binder()) {
                    operands.push(self.operand()?);
                    if !self.take(",") {
                        break;
                    }
                }
                let given = self.graph.result_types(&op, &operands);
                let given = given.map_err(|e| self.fail(op_span, e.message()))?;
                let written = results.iter().map(|(_, _, ty, _)| ty);
                if given.len() != results.len() {
                    let (given, written) = (listed(&*given), listed(written));
                    let message = format!("`{word}` gives ({given}) here, not ({written})");
                    return Err(self.fail(op_span, message));
                }
                for ((_, _, ty, span), given) in results.iter().zip(&*given) {
                    if given != ty {
                        let message = format!("`{word}` gives {given} here, not {ty}");
                        return Err(self.fail(*span, message));
                    }
                }
                (op, operands)
            }
        };
        let known = op.attributes();
        let known: HashSet<&str> = known.0.iter().map(|(n, _)| n.as_str()).collect();
        let extra = attributes
            .0
            .iter()
            .find(|(n, _)| !known.contains(n.as_str()));
        if let Some((extra, _)) = extra {
            return Err(self.fail(op_span, format!("`{word}` has no attribute `{extra}`")));
        }
        let types = results.iter().map(|(_, _, ty, _)| ty.clone()).collect();
        let made = self.graph.add_verbatim(op, operands, types);
        for ((name, span, _, _), id) in results.into_iter().zip(made) {
            self.define(name, span, id)?;
        }
        Ok(())
    }

    fn attributes(&mut self) -> Result<Attributes> {
        let mut list = Attributes::default();
        if !self.take("{") {
            return Ok(list);
        }
        let mut names = HashSet::new();
        while !self.take("}") {
            let (name, span) = self.word("the name of an attribute")?;
            if !names.insert(name) {
                return Err(self.fail(span, format!("`{name}` is given twice")));
            }
            self.expect("=")?;
            let value = if self.take("[") {
                let mut ints = Vec::new();
                while !self.take("]") {
                    ints.push(self.integer()?);
                    if !self.comma_or("]")? {
                        break;
                    }
                }
                Attribute::Ints(ints)
            } else if self.take("(") {
                let mut types = Vec::new();
                while !self.take(")") {
                    types.push(self.ty()?.0);
                    if !self.comma_or(")")? {
                        break;
                    }
                }
                Attribute::Types(types)
            } else if self.take("\"") {
                Attribute::Text(self.quoted()?)
            } else if self.sees("-") || self.sees_digit() {
                Attribute::Int(self.integer()?)
            } else if self.sees("graph") {
                if self.depth >= Body::MOST_DEPTH {
                    let message = format!("more than {} programs are nested", Body::MOST_DEPTH);
                    return Err(self.fail(self.here(), message));
                }
                let mut inner = Reader::new(self.text, self.at, self.depth + 1);
                inner.graph()?;
                self.at = inner.at;
                Attribute::Graph(inner.graph.into())
            } else {
                Attribute::DType(self.dtype()?)
            };
            list.0.push((name.to_string(), value));
            if !self.comma_or("}")? {
                break;
            }
        }
        Ok(list)
    }

    /// The text before the next quotation mark. A backslash escapes the character after it.
    fn quoted(&mut self) -> Result<String> {
        let start = self.here();
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(text);
                }
                '\\' => text.extend(chars.next().map(|(_, c)| c)),
                c => text.push(c),
            }
        }
        Err(self.fail(start, "the text has no end"))
    }

    fn ty(&mut self) -> Result<(Type, Span)> {
        self.skip_space();
        let start = self.at;
        let dtype = self.dtype()?;
        self.expect("[")?;
        let mut shape = Dims::new();
        let list = self.take("?");
        if list && !self.sees("]") {
            self.expect(",")?;
        }
        while !self.take("]") {
            let span = self.here();
            let size = usize::try_from(self.integer()?);
            shape.push(size.map_err(|_| self.fail(span, "a size is not negative"))?);
            if !self.comma_or("]")? {
                break;
            }
        }
        let span = Span {
            start,
            end: self.at,
        };
        let form = if list { Form::List } else { Form::Array };
        let ty = Type { dtype, shape, form };
        if !ty.is_addressable() {
            return Err(self.fail(span, "an array of this shape does not fit into memory"));
        }
        Ok((ty, span))
    }

    fn dtype(&mut self) -> Result<DType> {
        let (word, span) = self.word("an element type")?;
        DType::from_name(word).ok_or_else(|| {
            let all = DType::ALL.map(DType::name).join(", ");
            self.fail(span, format!("`{word}` is not an element type: {all}"))
        })
    }

    fn literal(&mut self, dtype: DType) -> Result<Literal> {
        self.skip_space();
        let start = self.at;
        let end = self.text[start..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.()".contains(c)))
            .map_or(self.text.len(), |n| start + n);
        self.at = end;
        let (word, span) = (&self.text[start..end], Span { start, end });
        Literal::parse(dtype, word)
            .ok_or_else(|| self.fail(span, format!("expected a number of type {dtype}")))
    }

    fn operand(&mut self) -> Result<ValueId> {
        Ok(self.named_node()?.0)
    }

    fn named_node(&mut self) -> Result<(ValueId, Span)> {
        let (name, span) = self.name()?;
        match self.names.get(name) {
            Some(&id) => Ok((id, span)),
            None => Err(self.fail(span, format!("%{name} is not defined above"))),
        }
    }

    fn define(&mut self, name: &'a str, span: Span, id: ValueId) -> Result<()> {
        match self.names.insert(name, id) {
            None => Ok(()),
            Some(_) => Err(self.fail(span, format!("%{name} is defined twice"))),
        }
    }

    fn name(&mut self) -> Result<(&'a str, Span)> {
        self.skip_space();
        let start = self.at;
        if !self.take("%") {
            return Err(self.fail(self.here(), "expected a name such as `%1`"));
        }
        let (word, span) = self.word("a name after `%`")?;
        let end = span.end;
        Ok((word, Span { start, end }))
    }

    fn integer(&mut self) -> Result<i64> {
        self.skip_space();
        let start = self.at;
        self.take("-");
        let digits = self.text[self.at..].bytes().take_while(u8::is_ascii_digit);
        self.at += digits.count();
        let span = Span {
            start,
            end: self.at,
        };
        let value = self.text[start..self.at].parse();
        value.map_err(|_| self.fail(span, "expected an integer"))
    }

    fn word(&mut self, what: &str) -> Result<(&'a str, Span)> {
        self.skip_space();
        let span = self.here();
        let word = &self.text[span.start..span.end];
        if !word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            return Err(self.fail(span, format!("expected {what}")));
        }
        self.at = span.end;
        Ok((word, span))
    }

    /// Whether the name at this position begins the next line.
    fn sees_binder(&self) -> bool {
        let rest = self.text[self.at..]
            .trim_start_matches(|c: char| c == '%' || c == '_' || c.is_ascii_alphanumeric());
        rest.trim_start().starts_with(':')
    }

    fn sees_digit(&self) -> bool {
        self.text[self.at..].starts_with(|c: char| c.is_ascii_digit())
    }

    fn sees(&mut self, token: &str) -> bool {
        self.skip_space();
        self.text[self.at..].starts_with(token)
    }

    fn take(&mut self, token: &str) -> bool {
        let seen = self.sees(token);
        if seen {
            self.at += token.len();
        }
        seen
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.fail(self.here(), format!("expected `{token}`")))
    }

    /// Whether a comma follows; otherwise `end` must.
    fn comma_or(&mut self, end: &str) -> Result<bool> {
        if self.take(",") {
            return Ok(true);
        }
        if self.take(end) {
            return Ok(false);
        }
        Err(self.fail(self.here(), format!("expected `,` or `{end}`")))
    }

    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                return;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }

    /// The next word or sign.
    fn here(&self) -> Span {
        let rest = &self.text[self.at..];
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let len = match word {
            Some(0) => rest.chars().next().map_or(0, char::len_utf8),
            Some(n) => n,
            None => rest.len(),
        };
        Span {
            start: self.at,
            end: self.at + len,
        }
    }

    fn fail(&self, span: Span, message: impl fmt::Display) -> Error {
        let before = &self.text[..span.start];
        let number = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        let line = self.text[start..].lines().next().unwrap_or_default();
        let column = before[start..].chars().count();
        let width = self.text[span.start..span.end].chars().count().max(1);
        Error::new(
            ErrorKind::Graph,
            format!(
                "line {number}: {message}\n  {line}\n  {}{}",
                " ".repeat(column),
                "^".repeat(width)
            ),
        )
    }
}
