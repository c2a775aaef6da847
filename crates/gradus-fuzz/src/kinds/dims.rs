//! Widths of chains.

use super::Read;
use crate::random::Random;
use gradus_cli::inputs;

/// Widths separated by commas, a space, and options.
pub fn made(random: &mut Random) -> Vec<u8> {
    let count = match random.below(12) {
        0 => random.below(1200),
        _ => random.below(12),
    };
    let width = |random: &mut Random| match random.below(6) {
        0 => random.edge(),
        _ => (1 + random.below(100)).to_string(),
    };
    let widths: Vec<String> = (0..count).map(|_| width(random)).collect();
    let mut text = widths.join(",").into_bytes();
    if random.one_in(4) {
        random.damage(&mut text);
    }
    let options = [
        " ",
        " --format json",
        " --scalar-loss",
        " --scalar-loss --format json",
        " --format dot",
    ];
    text.extend(random.choose(&options).as_bytes());
    text
}

pub fn read(input: &str) -> Read {
    let (widths, options) = input.split_once(" --").unwrap_or((input, ""));
    let options = match options {
        "" => String::new(),
        options => format!("--{options}"),
    };
    let options: Vec<&str> = options.split_whitespace().collect();
    inputs::explain_dims(widths.trim_end(), &options)?;
    Ok(())
}
