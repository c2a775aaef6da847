//! The one error type of Gradus.

use crate::loc::Loc;
use std::fmt;
use std::sync::Arc;

/// The kind of mistake that an [`Error`] reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes that do not fit together.
    Shape,
    /// An element type that the operation does not support.
    DType,
    /// An axis, an index or an attribute out of its range.
    Axis,
    /// Trees of different structure, or leaves that do not match.
    Tree,
    /// The value of a tensor was read while it is only traced, or after its trace ended.
    Traced,
    /// A derivative that does not exist, such as with respect to an integer.
    Derivative,
    /// An index found out of bounds while running.
    Index,
    /// A NaN or an infinity in checked results.
    NotFinite,
    /// A solver that did not reach its tolerance while running.
    Convergence,
    /// A graph text that cannot be read, or a malformed graph.
    Graph,
    /// A file or data that cannot be read, written or parsed.
    Data,
    /// An argument outside its allowed range.
    Argument,
    /// More memory than is available.
    Memory,
}

/// A mistake: what went wrong, where, and what would fit.
///
/// It is cheap to move and to clone. [`kind`](Error::kind) gives the kind of mistake; the text is for people.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    loc: Option<Loc>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// `Result` with Gradus's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            loc: None,
            source: None,
        }))
    }

    /// The same error with the place `loc`, unless it has a place already.
    ///
    /// The operation that finds an index out of bounds can be one that the user did not write.
    /// The error names the [function](Loc::function) that the user called.
    pub fn at(mut self, loc: Loc) -> Error {
        if self.0.loc.is_none() && loc.is_known() {
            self.0.loc = Some(loc);
            if let (ErrorKind::Index, Some(name)) = (self.0.kind, loc.function()) {
                return self.named(name);
            }
        }
        self
    }

    /// The same error for the function `name`: messages begin with the name of the function that fails.
    pub fn named(mut self, name: &str) -> Error {
        let is_name = |text: &str| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || "_:".contains(c))
        };
        let said = match self.0.message.split_once(": ") {
            Some((inner, rest)) if is_name(inner) => rest,
            _ => &self.0.message,
        };
        self.0.message = format!("{name}: {said}");
        self
    }

    /// The same error with its cause.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The kind of mistake.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The line of the user's program that is wrong, if recorded.
    pub fn loc(&self) -> Option<Loc> {
        self.0.loc
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(loc) = self.0.loc {
            write!(f, "\n  at {loc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {self}", self.0.kind)?;
        if let Some(source) = &self.0.source {
            write!(f, "\n  caused by: {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as _)
    }
}
