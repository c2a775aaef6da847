//! The process that reads the inputs, so that a crash ends only this process.

use crate::kinds::{Kind, Stock};
use crate::random::Random;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// The first argument of a worker.
pub const MARK: &str = "--worker";
/// Printed by a worker after an input. The input's number is printed before it.
pub const READ: &str = "read";
pub const REFUSED: &str = "refused";

/// Tries the inputs of a kind in a half-open range of numbers, and prints each number before its input is tried.
pub fn run(arguments: &[String]) -> ExitCode {
    match all(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn all(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [kind, seed, from, to] = arguments else {
        return Err("a worker is started by gradus-fuzz itself".into());
    };
    let kind = Kind::from_name(kind).ok_or("an unknown kind")?;
    let (seed, from, to) = (
        seed.parse::<u64>()?,
        from.parse::<u64>()?,
        to.parse::<u64>()?,
    );
    let folder = tempfile::tempdir()?;
    let stock = Stock::new(kind, folder.path())?;
    let mut out = io::stdout().lock();
    for number in from..to {
        let input = stock.input(&mut Random::new(seed, number));
        writeln!(out, "{number}")?;
        out.flush()?;
        let said = match kind.read(&input, folder.path()) {
            Ok(()) => READ,
            Err(_) => REFUSED,
        };
        writeln!(out, "{said}")?;
    }
    out.flush()?;
    Ok(())
}

/// Tries the input in `file`, and prints the outcome.
pub fn once(kind: Kind, file: &Path) -> Result<usize, Box<dyn Error>> {
    let input = std::fs::read(file)?;
    let folder = tempfile::tempdir()?;
    match kind.read(&input, folder.path()) {
        Ok(()) => println!("read"),
        Err(error) => println!("refused: {error}"),
    }
    Ok(0)
}
