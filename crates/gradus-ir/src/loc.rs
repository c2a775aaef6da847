//! Where a node comes from: the user's line, and which part of a derivative it is.

use std::fmt;
use std::panic::Location;

/// The place in the user's program that made a node (unknown for graphs read from text), and the part of a derivative that the node belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Loc {
    place: Option<&'static Location<'static>>,
    part: Part,
}

/// Which part of a derivative a node belongs to. What the rule of an operation adds carries the name of that operation, the user's: the rules of second derivatives
/// keep it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The function itself.
    Value,
    /// What a JVP rule added: slopes, and tangents on their way to the outputs.
    Tangent(&'static str),
    /// What transposition added: cotangents on their way to the inputs.
    Cotangent(&'static str),
}

impl Part {
    /// The operation whose derivative this is part of.
    pub fn of(self) -> Option<&'static str> {
        match self {
            Part::Value => None,
            Part::Tangent(op) | Part::Cotangent(op) => Some(op),
        }
    }
}

impl Loc {
    /// No known place.
    pub const UNKNOWN: Loc = Loc {
        place: None,
        part: Part::Value,
    };

    /// The place that called the caller of this function, through `#[track_caller]`.
    #[track_caller]
    pub fn caller() -> Loc {
        Loc {
            place: Some(Location::caller()),
            part: Part::Value,
        }
    }

    /// Whether a place is known.
    pub fn is_known(self) -> bool {
        self.place.is_some()
    }

    /// File and line, where known.
    pub fn file_line(self) -> Option<(&'static str, u32)> {
        self.place.map(|l| (l.file(), l.line()))
    }

    /// The part of a derivative.
    pub fn part(self) -> Part {
        self.part
    }

    /// The same place, for what the JVP rule of the operation `op` adds there.
    pub fn tangent(self, op: &'static str) -> Loc {
        let part = Part::Tangent(self.part.of().unwrap_or(op));
        Loc { part, ..self }
    }

    /// The same place, for what transposing the operation `op` adds there.
    pub fn cotangent(self, op: &'static str) -> Loc {
        let part = Part::Cotangent(self.part.of().unwrap_or(op));
        Loc { part, ..self }
    }

    /// The same, at the place of `outer` if this one is unknown.
    pub(crate) fn or_place(self, outer: Option<Loc>) -> Loc {
        let place = self.place.or(outer.and_then(|l| l.place));
        Loc { place, ..self }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(l) => write!(f, "{}:{}", l.file(), l.line()),
            None => f.write_str("unknown place"),
        }
    }
}

impl fmt::Debug for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
