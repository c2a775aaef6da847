//! The results of a run, epoch by epoch.

/// The results of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Mean loss of the training images, each measured before the step that uses it.
    pub loss: f64,
    /// Fraction of the training images that were classified correctly, measured in the same way.
    pub train_accuracy: f64,
    /// Mean loss of the test images after the epoch.
    pub test_loss: f64,
    /// Fraction of the test images that are classified correctly after the epoch.
    pub test_accuracy: f64,
}

/// The epochs of a run so far.
pub type History = [Epoch];
