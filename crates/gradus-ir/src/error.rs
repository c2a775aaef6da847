//! The one error type of Gradus.

use crate::loc::Loc;
use std::fmt;
use std::sync::Arc;

/// What kind of mistake an [`Error`] reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes that do not fit together.
    Shape,
    /// An element type that the operation does not take.
    DType,
    /// An axis, an index or an attribute out of its range.
    Axis,
    /// Trees of different structure, or leaves that do not match.
    Tree,
    /// The value of a tensor was asked for while it is only being traced, or after its trace ended.
    Traced,
    /// A derivative that does not exist, such as with respect to an integer.
    Derivative,
    /// An index found out of bounds while running.
    Index,
    /// A NaN or an infinity where results are checked for them.
    NotFinite,
    /// A solver that found while running that it does not reach its tolerance.
    Convergence,
    /// A graph text that cannot be read, or a graph that is not well formed.
    Graph,
    /// A file or data that cannot be read, written or understood.
    Data,
    /// An argument outside its allowed range.
    Argument,
    /// More memory than can be had.
    Memory,
}

/// What went wrong, where, and what would fit.
///
/// Cheap to move and to clone. [`kind`](Error::kind) says what sort of mistake it is; the text is for people.
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

    /// The same error, made at `loc`; a place that is already known stays.
    pub fn at(mut self, loc: Loc) -> Error {
        if self.0.loc.is_none() && loc.is_known() {
            self.0.loc = Some(loc);
        }
        self
    }

    /// The same error with what caused it.
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What sort of mistake this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The text without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The line of the user's program that is wrong, where there is one.
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
