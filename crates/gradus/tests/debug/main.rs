//! Debugging: pages, values while running, the first NaN, profiles by line.

mod browser;
mod control;
mod nan;
mod page;
mod probe;
mod profile;
