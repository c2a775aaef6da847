//! The source of a node: the line of the user, the function that was called there, and the part of a derivative
//! that the node belongs to.

use std::fmt;
use std::ops::Range;
use std::panic::Location;

/// The place in the user's program that made a node (unknown for graphs from text), and the part of a derivative
/// that the node belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Loc {
    place: Option<Place>,
    part: Part,
}

/// A place in source code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In a source file, and the function of the library that was called there, if it consists of several operations.
    Line(&'static Location<'static>, Option<&'static str>),
    /// A range of bytes in a text that the user's program reads and evaluates.
    Piece(&'static str, u32, u32),
}

/// The part of a derivative that a node belongs to.
/// A node that a rule adds carries the name of the user's operation; the rules of second derivatives keep it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    /// The function itself.
    Value,
    /// Added by a JVP rule: slopes, and tangents on the path to the outputs.
    Tangent(&'static str),
    /// Added by transposition: cotangents on the path to the inputs.
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
    /// An unknown place.
    pub const UNKNOWN: Loc = Loc {
        place: None,
        part: Part::Value,
    };

    /// The place of the caller's caller, through `#[track_caller]`.
    #[track_caller]
    pub fn caller() -> Loc {
        Loc {
            place: Some(Place::Line(Location::caller(), None)),
            ..Loc::UNKNOWN
        }
    }

    /// The bytes `range` of `text`, such as a formula that the user's program evaluates.
    /// Messages name them instead of a line of that program.
    ///
    /// # Panics
    /// If `range` is not a piece of `text`.
    pub fn piece_of(text: &'static str, range: Range<usize>) -> Loc {
        assert!(
            text.get(range.clone()).is_some() && text.len() <= u32::MAX as usize,
            "Loc::piece_of: a text of {} bytes has no piece {range:?}",
            text.len()
        );
        Loc {
            place: Some(Place::Piece(text, range.start as u32, range.end as u32)),
            ..Loc::UNKNOWN
        }
    }

    /// Whether the place is recorded.
    pub fn is_known(self) -> bool {
        self.place.is_some()
    }

    /// File and line, if recorded.
    pub fn file_line(self) -> Option<(&'static str, u32)> {
        match self.place? {
            Place::Line(l, _) => Some((l.file(), l.line())),
            Place::Piece(..) => None,
        }
    }

    /// The text and the range that [`piece_of`](Self::piece_of) was given.
    pub fn piece(self) -> Option<(&'static str, Range<usize>)> {
        match self.place? {
            Place::Line(..) => None,
            Place::Piece(text, start, end) => Some((text, start as usize..end as usize)),
        }
    }

    /// The same line, in a call of this function of the library, which consists of several operations.
    /// Pieces of a text name their function themselves.
    pub fn in_function(self, name: &'static str) -> Loc {
        match self.place {
            Some(Place::Line(line, _)) => Loc {
                place: Some(Place::Line(line, Some(name))),
                ..self
            },
            _ => self,
        }
    }

    /// The function of the library that the user called here, if it consists of several operations.
    pub fn function(self) -> Option<&'static str> {
        match self.place? {
            Place::Line(_, function) => function,
            Place::Piece(..) => None,
        }
    }

    /// The part of a derivative.
    pub fn part(self) -> Part {
        self.part
    }

    /// The same place, for nodes that the JVP rule of the operation `op` adds there.
    pub fn tangent(self, op: &'static str) -> Loc {
        let part = Part::Tangent(self.part.of().unwrap_or(op));
        Loc { part, ..self }
    }

    /// The same place, for nodes that transposing the operation `op` adds there.
    pub fn cotangent(self, op: &'static str) -> Loc {
        let part = Part::Cotangent(self.part.of().unwrap_or(op));
        Loc { part, ..self }
    }

    /// The same, with the place of `outer` if this one is unknown.
    pub(crate) fn or_place(self, outer: Option<Loc>) -> Loc {
        match outer {
            Some(outer) if self.place.is_none() => Loc {
                part: self.part,
                ..outer
            },
            _ => self,
        }
    }
}

impl fmt::Display for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place::Line(l, _)) => write!(f, "{}:{}", l.file(), l.line()),
            Some(Place::Piece(text, start, end)) => {
                let (start, end) = (start as usize, end as usize);
                let column = text[..start].chars().count() + 1;
                write!(f, "`{}`, from character {column} on", &text[start..end])
            }
            None => f.write_str("unknown place"),
        }
    }
}

impl fmt::Debug for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_of_a_text_is_named_by_itself_and_its_column() {
        let text = "α + sin(x)";
        let at = text.find("sin").unwrap();
        let loc = Loc::piece_of(text, at..text.len());
        assert_eq!(loc.to_string(), "`sin(x)`, from character 5 on");
        assert_eq!(loc.piece(), Some((text, at..text.len())));
        assert_eq!(loc.file_line(), None);
        assert!(loc.tangent("sin").is_known());
        assert_eq!(Loc::caller().piece(), None);
    }

    #[test]
    #[should_panic(expected = "a text of 2 bytes has no piece 1..2")]
    fn a_piece_is_made_of_whole_letters() {
        Loc::piece_of("α", 1..2);
    }
}
