//! The ways in which a command ends.

/// How a command ended that made no mistake.
pub enum End {
    /// Everything is done.
    Done,
    /// By this signal, after everything was saved.
    Signal(u8),
}
