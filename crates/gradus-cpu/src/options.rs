//! Options of the compiler.

/// Promises and wishes of the caller.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct CompileOptions {
    /// For each input whether the caller gives it away, so that a result may reuse its memory.
    /// Inputs without an entry are kept.
    pub donated: Vec<bool>,
    /// How many of the first outputs may reuse donated inputs; `None` means all.
    pub reusing_outputs: Option<usize>,
}
