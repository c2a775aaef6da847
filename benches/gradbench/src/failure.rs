//! What the tool answers instead of an output.

/// Why an evaluation has no output, in words.
#[derive(Debug)]
pub struct Failure(pub String);

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with these words.
    pub fn new(words: impl Into<String>) -> Failure {
        Failure(words.into())
    }

    /// An eval has no function of this name.
    pub fn unknown(function: &str) -> Failure {
        Failure(format!("there is no function `{function}`"))
    }
}

impl From<gradus::Error> for Failure {
    fn from(error: gradus::Error) -> Failure {
        Failure(error.to_string())
    }
}
