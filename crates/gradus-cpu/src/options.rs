//! The inputs whose memory outputs can reuse.

use gradus_engine::CompileOptions;

/// The inputs that a program can overwrite, and the outputs that can reuse their memory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reuse {
    /// For each input, whether the caller gives it away, so that a result can reuse its memory.
    /// Inputs without an entry are kept.
    pub donated: Vec<bool>,
    /// The number of leading outputs that can reuse donated inputs; `None` means all.
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
