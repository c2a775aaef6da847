//! Reports of a run, on the terminal and in files.

pub mod chart;
pub mod clock;
pub mod confusion;
pub mod costs;
pub mod curve;
pub mod history;
pub mod modes;
pub mod profile;
pub mod progress;
