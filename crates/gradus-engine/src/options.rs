//! Options of the compiler.

/// Promises of the caller.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct CompileOptions {
    /// For each input, whether the caller gives it away, so that a result can reuse its memory.
    /// Inputs without an entry are kept.
    pub donated: Vec<bool>,
}

impl CompileOptions {
    /// The same with [`donated`](Self::donated).
    pub fn donated(self, donated: Vec<bool>) -> CompileOptions {
        CompileOptions { donated }
    }
}
