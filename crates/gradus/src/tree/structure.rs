//! The structure of a tree without its tensors, recorded for comparison and printing.

use super::Tree;
use gradus_ir::bf16;
use std::fmt;
use std::sync::Arc;

/// One step of a description.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Token {
    Enter(&'static str, usize),
    Field(&'static str),
    Key(String),
    Leaf,
    Fixed(&'static str, u64),
    Text(String),
    Leave,
}

/// The structure of a tree: kinds, names, lengths and static values.
///
/// Types that implement [`Tree`] describe themselves to it, with the methods from [`enter`](Structure::enter) on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Structure {
    tokens: Arc<Vec<Token>>,
    /// If a tree is compared with the tokens as it describes itself, rather than recorded.
    comparison: Option<Comparison>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Comparison {
    /// The number of the next token.
    next: usize,
    /// Whether all tokens so far were equal.
    is_same: bool,
}

/// Whether two names are equal. Most are the same text, so that their letters are not read.
#[inline]
fn is_same(a: &'static str, b: &'static str) -> bool {
    std::ptr::eq(a, b) || a == b
}

impl Structure {
    /// The structure of `tree`.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let structure = gradus::tree::Structure::record(&(Tensor::from(1.0), 3));
    /// assert_eq!(structure.to_string(), "(*, 3)");
    /// ```
    #[doc(alias = "tree_structure")]
    pub fn record<A: Tree>(tree: &A) -> Structure {
        let mut out = Structure {
            tokens: Arc::default(),
            comparison: None,
        };
        tree.describe(&mut out);
        out
    }

    /// Whether `tree` has this structure.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let structure = gradus::tree::Structure::record(&(Tensor::from(1.0), 3));
    /// assert!(structure.matches(&(Tensor::from([5.0, 6.0]), 3)));
    /// assert!(!structure.matches(&(Tensor::from(1.0), 4)));
    /// ```
    pub fn matches<A: Tree>(&self, tree: &A) -> bool {
        let mut other = Structure {
            tokens: Arc::clone(&self.tokens),
            comparison: Some(Comparison {
                next: 0,
                is_same: true,
            }),
        };
        tree.describe(&mut other);
        (other.comparison).is_some_and(|c| c.is_same && c.next == self.tokens.len())
    }

    /// Records or compares one token: what it equals, and how it is made.
    #[inline]
    fn add(&mut self, is: impl FnOnce(&Token) -> bool, make: impl FnOnce() -> Token) {
        match &mut self.comparison {
            Some(comparison) => {
                comparison.is_same &= self.tokens.get(comparison.next).is_some_and(is);
                comparison.next += 1;
            }
            None => Arc::make_mut(&mut self.tokens).push(make()),
        }
    }

    /// Begins a part with `len` members: a tuple, a list, a struct, or a variant by its name.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// # use gradus::tree::{Leaves, Structure};
    /// struct Pair(Tensor, f64);
    /// impl Tree for Pair {
    ///     fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) { leaves.push(&self.0); }
    ///     fn unflatten(&self, leaves: &mut Leaves) -> Pair { Pair(leaves.take_next(), self.1) }
    ///     fn describe(&self, out: &mut Structure) {
    ///         out.enter("Pair", 2);
    ///         out.leaf();
    ///         out.fixed("f64", self.1.to_bits());
    ///         out.leave();
    ///     }
    /// }
    /// assert_eq!(Structure::record(&Pair(Tensor::from(1.0), 2.5)).to_string(), "Pair { *, 2.5 }");
    /// ```
    #[inline]
    pub fn enter(&mut self, name: &'static str, len: usize) {
        self.add(
            |other| matches!(other, Token::Enter(own, of) if *of == len && is_same(own, name)),
            || Token::Enter(name, len),
        );
    }

    /// Names the next member.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// # use gradus::tree::Structure;
    /// #[derive(Tree)]
    /// struct Line { slope: Tensor } // its `describe` calls `field("slope")`
    /// assert_eq!(Structure::record(&Line { slope: Tensor::from(1.0) }).paths(), [".slope"]);
    /// ```
    #[inline]
    pub fn field(&mut self, name: &'static str) {
        self.add(
            |other| matches!(other, Token::Field(own) if is_same(own, name)),
            || Token::Field(name),
        );
    }

    /// Names the next member by a key of a map.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// # use gradus::tree::Structure;
    /// let map = std::collections::BTreeMap::from([("w", Tensor::from(1.0))]); // its `describe` calls `key("w")`
    /// assert_eq!(Structure::record(&map).paths(), [".w"]);
    /// ```
    pub fn key(&mut self, key: &str) {
        self.add(
            |other| matches!(other, Token::Key(own) if own == key),
            || Token::Key(key.into()),
        );
    }

    /// Records a tensor.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(gradus::tree::Structure::record(&Tensor::from(1.0)).to_string(), "*");
    /// ```
    #[inline]
    pub fn leaf(&mut self) {
        self.add(|other| matches!(other, Token::Leaf), || Token::Leaf);
    }

    /// Records a static value, by its type and its bits.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(gradus::tree::Structure::record(&2.5).to_string(), "2.5");
    /// ```
    #[inline]
    pub fn fixed(&mut self, kind: &'static str, bits: u64) {
        self.add(
            |other| matches!(other, Token::Fixed(own, of) if *of == bits && is_same(own, kind)),
            || Token::Fixed(kind, bits),
        );
    }

    /// Records a static text.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// assert_eq!(gradus::tree::Structure::record(&"relu").to_string(), "\"relu\"");
    /// ```
    pub fn text(&mut self, text: &str) {
        self.add(
            |other| matches!(other, Token::Text(own) if own == text),
            || Token::Text(text.into()),
        );
    }

    /// Ends the part that began last.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let structure = gradus::tree::Structure::record(&(vec![Tensor::from(1.0)], Tensor::from(2.0)));
    /// assert_eq!(structure.to_string(), "([*], *)");
    /// ```
    #[inline]
    pub fn leave(&mut self) {
        self.add(|other| matches!(other, Token::Leave), || Token::Leave);
    }

    /// The path of each leaf.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// let structure = gradus::tree::Structure::record(&vec![Tensor::from(1.0), Tensor::from(2.0)]);
    /// assert_eq!(structure.paths(), [".0", ".1"]);
    /// ```
    pub fn paths(&self) -> Vec<String> {
        self.with_paths()
            .into_iter()
            .filter(|(token, _)| **token == Token::Leaf)
            .map(|(_, path)| path)
            .collect()
    }

    /// Each token with the path of its part.
    fn with_paths(&self) -> Vec<(&Token, String)> {
        let mut out = Vec::with_capacity(self.tokens.len());
        // For each open part, its path and the number of members so far.
        let mut open: Vec<(String, usize)> = Vec::new();
        let mut name: Option<String> = None;
        for token in self.tokens.iter() {
            match token {
                Token::Field(field) => {
                    name = Some((*field).to_string());
                    continue;
                }
                Token::Key(key) => {
                    name = Some(key.clone());
                    continue;
                }
                Token::Leave => {
                    open.pop();
                    continue;
                }
                _ => {}
            }
            let path = match open.last_mut() {
                None => String::new(),
                Some((parent, members)) => {
                    let member = name.take().unwrap_or_else(|| members.to_string());
                    *members += 1;
                    format!("{parent}.{member}")
                }
            };
            out.push((token, path.clone()));
            if let Token::Enter(..) = token {
                open.push((path, 0));
            }
        }
        out
    }

    /// The first difference between this structure (`here`) and another (`there`); `None` if they are equal.
    ///
    /// ```
    /// # use gradus::prelude::*;
    /// # use gradus::tree::Structure;
    /// let one = Structure::record(&vec![Tensor::from(1.0)]);
    /// let two = Structure::record(&vec![Tensor::from(1.0), Tensor::from(2.0)]);
    /// assert_eq!(one.difference(&two).unwrap(), "expected a list of 1, got a list of 2");
    /// ```
    pub fn difference(&self, other: &Structure) -> Option<String> {
        if self == other {
            return None;
        }
        let (a, b) = (self.with_paths(), other.with_paths());
        for (x, y) in a.iter().zip(&b) {
            if x != y {
                let path = if x.1 == y.1 && !x.1.is_empty() {
                    format!("at `{}`, ", x.1)
                } else {
                    String::new()
                };
                let (wanted, got) = if x.1 == y.1 {
                    (describe(x.0), describe(y.0))
                } else {
                    (
                        format!("{} at `{}`", describe(x.0), x.1),
                        format!("{} at `{}`", describe(y.0), y.1),
                    )
                };
                return Some(format!("{path}expected {wanted}, got {got}"));
            }
        }
        Some(format!("expected {self}, got {other}"))
    }
}

fn describe(token: &Token) -> String {
    match token {
        Token::Enter("", n) => format!("a tuple of {n}"),
        Token::Enter("[", n) => format!("a list of {n}"),
        Token::Enter("{", n) => format!("a map of {n}"),
        Token::Enter(name, _) => format!("`{name}`"),
        Token::Leaf => "a tensor".into(),
        Token::Fixed(..) | Token::Text(_) => show(token),
        Token::Field(_) | Token::Key(_) | Token::Leave => "an end".into(),
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Fixed("f64", bits) => format!("{:?}", f64::from_bits(*bits)),
        Token::Fixed("bf16", bits) => format!("{:?}", bf16::from_bits(*bits as u16)),
        Token::Fixed("f32", bits) => format!("{:?}", f32::from_bits(*bits as u32)),
        Token::Fixed("bool", bits) => format!("{}", *bits != 0),
        Token::Fixed("char", bits) => {
            format!("{:?}", char::from_u32(*bits as u32).unwrap_or('\u{fffd}'))
        }
        Token::Fixed(kind, bits) if kind.starts_with('i') => format!("{}", *bits as i64),
        Token::Fixed(_, bits) => format!("{bits}"),
        Token::Text(text) => format!("{text:?}"),
        _ => String::new(),
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // For each open part, its closing text and whether it has a member yet.
        let mut open: Vec<(&str, bool)> = Vec::new();
        let mut named = false;
        for token in self.tokens.iter() {
            if !matches!(token, Token::Leave) && !named {
                match open.last_mut() {
                    Some((_, true)) => f.write_str(", ")?,
                    Some((_, first)) => *first = true,
                    None => {}
                }
            }
            named = false;
            match token {
                Token::Enter(name, _) => {
                    let (begin, end) = match *name {
                        "" => ("(".to_string(), ")"),
                        "[" => ("[".to_string(), "]"),
                        "{" => ("{".to_string(), "}"),
                        name => (format!("{name} {{ "), " }"),
                    };
                    f.write_str(&begin)?;
                    open.push((end, false));
                }
                Token::Field(name) => {
                    write!(f, "{name}: ")?;
                    named = true;
                }
                Token::Key(key) => {
                    write!(f, "{key:?}: ")?;
                    named = true;
                }
                Token::Leaf => f.write_str("*")?,
                Token::Fixed(..) | Token::Text(_) => f.write_str(&show(token))?,
                Token::Leave => {
                    if let Some((end, _)) = open.pop() {
                        f.write_str(end)?;
                    }
                }
            }
        }
        Ok(())
    }
}
