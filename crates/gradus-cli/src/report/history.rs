//! What a run has to show, epoch by epoch.

/// What an epoch brought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Mean loss of the training images, each measured before the step that used it.
    pub loss: f64,
    /// Fraction of the training images that were right, measured alike.
    pub train_accuracy: f64,
    /// Mean loss of the test images after the epoch.
    pub test_loss: f64,
    /// Fraction of the test images that are right after the epoch.
    pub test_accuracy: f64,
}

/// The epochs of a run so far.
pub type History = [Epoch];
