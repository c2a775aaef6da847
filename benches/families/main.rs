//! The benchmark: families of cases, each beside JAX and, where that is the bar, beside other Rust.
//!
//!     cargo run --release -p gradus-benches -- rows layout
//!     cargo run --release -p gradus-benches -- --only softmax
//!     cargo run --release -p gradus-benches -- --only attention --profile
//!     cargo run --release -p gradus-benches -- --save-tables
//!
//! Without a name all families run. JAX needs an interpreter that has it (`GRADUS_PYTHON=venv/bin/python`).
//! Both sides are compiled, warm, of the same precision, and use all threads.
//! They are timed in turn; a ratio is the median of three.
//! Both get the same numbers, and results that differ are an error.
//!
//! *beside* is the figure of the same work written by hand, or of the function that the case names.
//! `!` marks a bar that is not met. The last column has the time to compile: of the first call, and in JAX.
//! `--profile` prints the steps of each compiled function with their times instead, on tiles.
//! `--save-tables` writes the tables of the families into benches/README.md, and, when all ran, the picture.
//! It saves nothing if JAX is missing or a case fails.

mod argument;
#[cfg(target_arch = "x86_64")]
mod by_hand;
mod calls;
mod case;
mod compiling;
mod derivatives;
mod elementwise;
mod functions;
mod indexing;
mod jax;
mod layout;
mod loops;
mod measure;
mod memory;
mod numbers;
mod picture;
mod products;
mod report;
mod rows;
mod save;
mod systems;
mod training;

use case::Case;
use gradus_benches::machine;
use jax::Jax;
use measure::{Row, measure};
use std::process::ExitCode;

type Family = (&'static str, fn() -> Vec<Case>);

const FAMILIES: [Family; 12] = [
    ("calls", calls::cases),
    ("numbers", numbers::cases),
    ("loops", loops::cases),
    ("derivatives", derivatives::cases),
    ("elementwise", elementwise::cases),
    ("rows", rows::cases),
    ("layout", layout::cases),
    ("indexing", indexing::cases),
    ("products", products::cases),
    ("training", training::cases),
    ("memory", memory::cases),
    ("compiling", compiling::cases),
];

/// What the command line asks for.
#[derive(Default)]
struct Options {
    families: Vec<String>,
    only: Option<String>,
    save_tables: bool,
    profile: bool,
}

impl Options {
    fn read() -> Result<Options, String> {
        let mut options = Options::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--only" => options.only = arguments.next(),
                "--save-tables" => options.save_tables = true,
                "--profile" => options.profile = true,
                name if FAMILIES.iter().any(|(family, _)| *family == name) => {
                    options.families.push(argument);
                }
                name => {
                    let known = FAMILIES.map(|(family, _)| family).join(", ");
                    return Err(format!(
                        "no family `{name}`; there are {known}, and `--only WORD`, `--profile`, `--save-tables`"
                    ));
                }
            }
        }
        if options.save_tables && (options.only.is_some() || options.profile) {
            return Err("`--save-tables` saves whole families, measured".into());
        }
        Ok(options)
    }

    fn wants(&self, family: &str) -> bool {
        self.families.is_empty() || self.families.iter().any(|f| f == family)
    }
}

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let mut jax = Jax::start();
    let machine = match &jax {
        Ok(jax) => format!("{}; JAX {}", machine(), jax.version),
        Err(why) => format!("{}; JAX is not measured: {why}", machine()),
    };
    println!("{machine}");
    if options.save_tables && jax.is_err() {
        eprintln!("tables without JAX are not saved");
        return ExitCode::FAILURE;
    }
    let (mut families, mut wrong) = (Vec::new(), 0);
    for (family, cases) in FAMILIES {
        if !options.wants(family) {
            continue;
        }
        println!("{}", report::head(family));
        let mut rows = Vec::new();
        for case in cases() {
            if (options.only.as_ref()).is_some_and(|word| !case.name.contains(word)) {
                continue;
            }
            if options.profile {
                println!("{}", case.name);
                if let Err(why) = case.profile() {
                    eprintln!("{why}");
                    wrong += 1;
                }
                continue;
            }
            match measure(case, jax.as_mut().ok()) {
                Ok(row) => {
                    println!("{}", report::line(&row));
                    rows.push(row);
                }
                Err(why) => {
                    eprintln!("{why}");
                    wrong += 1;
                }
            }
        }
        families.push((family, rows));
    }
    let bars = || {
        families
            .iter()
            .flat_map(|(_, rows)| rows)
            .flat_map(Row::bars)
    };
    let met = bars().filter(|met| *met).count();
    println!("\n{met} of {} bars are met", bars().count());
    if options.save_tables
        && wrong == 0
        && let Err(why) = save(&machine, &families)
    {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    match wrong {
        0 => ExitCode::SUCCESS,
        n => {
            eprintln!("{n} cases failed");
            ExitCode::FAILURE
        }
    }
}

/// Saves the tables and, if all families ran, the picture.
fn save(machine: &str, families: &[(&str, Vec<Row>)]) -> Result<(), String> {
    save::save_tables(machine, families)?;
    if families.len() == FAMILIES.len() {
        picture::write_svg(&save::file("families.svg"), families).map_err(|e| e.to_string())?;
    }
    Ok(())
}
