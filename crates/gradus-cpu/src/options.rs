//! The memory of inputs that outputs may take.

use gradus_engine::CompileOptions;

/// Which inputs a program may write over, and which outputs may lie there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reuse {
    /// For each input whether the caller gives it away, so that a result may reuse its memory.
    /// Inputs without an entry are kept.
    pub donated: Vec<bool>,
    /// How many of the first outputs may reuse donated inputs; `None` means all.
    pub outputs: Option<usize>,
}

impl From<&CompileOptions> for Reuse {
    fn from(options: &CompileOptions) -> Reuse {
        Reuse {
            donated: options.donated.clone(),
            outputs: None,
        }
    }
}
