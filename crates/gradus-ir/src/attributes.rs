//! The attributes of an operation in text: names with integers, lists of integers,
//! element types, types, texts or graphs.

use crate::error::{Error, ErrorKind, Result};
use crate::primitives::Body;
use crate::types::{DType, Dims, Type};

/// The value of one attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// A list of integers.
    Ints(Vec<i64>),
    /// An element type.
    DType(DType),
    /// A list of types.
    Types(Vec<Type>),
    /// A text.
    Text(String),
    /// A program.
    Graph(Body),
}

/// Named attributes in the order in which they are printed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Attributes(pub Vec<(String, Attribute)>);

impl Attributes {
    /// Adds an integer.
    pub fn int(mut self, name: &str, value: i64) -> Attributes {
        self.0.push((name.into(), Attribute::Int(value)));
        self
    }

    /// Adds a list of sizes or axes.
    pub fn dims(mut self, name: &str, value: &[usize]) -> Attributes {
        let ints = value.iter().map(|&v| v as i64).collect();
        self.0.push((name.into(), Attribute::Ints(ints)));
        self
    }

    /// Adds an element type.
    pub fn dtype(mut self, name: &str, value: DType) -> Attributes {
        self.0.push((name.into(), Attribute::DType(value)));
        self
    }

    /// Adds a program.
    pub fn graph(mut self, name: &str, value: &Body) -> Attributes {
        self.0.push((name.into(), Attribute::Graph(value.clone())));
        self
    }

    /// Adds a list of types.
    pub fn types(mut self, name: &str, value: &[Type]) -> Attributes {
        self.0.push((name.into(), Attribute::Types(value.to_vec())));
        self
    }

    /// Adds a text.
    pub fn text(mut self, name: &str, value: &str) -> Attributes {
        self.0.push((name.into(), Attribute::Text(value.into())));
        self
    }

    /// The attributes without programs.
    pub fn without_graphs(mut self) -> Attributes {
        self.0
            .retain(|(_, value)| !matches!(value, Attribute::Graph(_)));
        self
    }

    /// Whether an attribute is called `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n == name)
    }

    fn get(&self, op: &str, name: &str) -> Result<&Attribute> {
        self.0
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, a)| a)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Graph,
                    format!("{op}: the attribute `{name}` is missing"),
                )
            })
    }

    /// The integer `name` of operation `op`.
    pub fn get_int(&self, op: &str, name: &str) -> Result<i64> {
        match self.get(op, name)? {
            Attribute::Int(v) => Ok(*v),
            _ => Err(wrong(op, name, "an integer")),
        }
    }

    /// The non-negative integer `name` of operation `op`.
    pub fn get_size(&self, op: &str, name: &str) -> Result<usize> {
        usize::try_from(self.get_int(op, name)?)
            .map_err(|_| wrong(op, name, "a non-negative integer"))
    }

    /// The list of non-negative integers `name` of operation `op`.
    pub fn get_dims(&self, op: &str, name: &str) -> Result<Dims> {
        let Attribute::Ints(list) = self.get(op, name)? else {
            return Err(wrong(op, name, "a list of integers"));
        };
        list.iter()
            .map(|&v| {
                usize::try_from(v).map_err(|_| wrong(op, name, "a list of non-negative integers"))
            })
            .collect()
    }

    /// The list of types `name` of operation `op`.
    pub fn get_types(&self, op: &str, name: &str) -> Result<Vec<Type>> {
        match self.get(op, name)? {
            Attribute::Types(types) => Ok(types.clone()),
            _ => Err(wrong(op, name, "a list of types")),
        }
    }

    /// The text `name` of operation `op`.
    pub fn get_text(&self, op: &str, name: &str) -> Result<String> {
        match self.get(op, name)? {
            Attribute::Text(text) => Ok(text.clone()),
            _ => Err(wrong(op, name, "a text")),
        }
    }

    /// The program `name` of operation `op`.
    pub fn get_graph(&self, op: &str, name: &str) -> Result<Body> {
        match self.get(op, name)? {
            Attribute::Graph(body) => Ok(body.clone()),
            _ => Err(wrong(op, name, "a graph")),
        }
    }

    /// The element type `name` of operation `op`.
    pub fn get_dtype(&self, op: &str, name: &str) -> Result<DType> {
        match self.get(op, name)? {
            Attribute::DType(d) => Ok(*d),
            _ => Err(wrong(op, name, "an element type")),
        }
    }
}

fn wrong(op: &str, name: &str, wanted: &str) -> Error {
    Error::new(
        ErrorKind::Graph,
        format!("{op}: the attribute `{name}` must be {wanted}"),
    )
}
