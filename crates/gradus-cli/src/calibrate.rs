//! `gradus calibrate`: measures the speed of this machine for each kind of work.

use crate::dataset::broken;
use crate::options::CalibrateOptions;
use crate::output::{note, say};
use gradus::plan::{Calibration, Profile, measure_machine, profile_path, save_profile};
use gradus::{Error, ErrorKind, Result};
use std::fs;
use std::io;
use std::path::PathBuf;

/// If the samples spread by more than this share of their median, the machine was busy with other work.
const QUIET: f64 = 0.25;

pub fn run(options: &CalibrateOptions) -> Result<()> {
    let path = profile_path().ok_or_else(|| {
        Error::new(
            ErrorKind::Argument,
            "there is no folder for the rates: neither XDG_CACHE_HOME nor a home folder is set",
        )
    })?;
    let kept = Kept::read(path)?;
    if options.show {
        kept.show();
        return Ok(());
    }
    if options.reset {
        return kept.reset();
    }
    let measured = measure_machine()?;
    say!("{}", table(&measured, &kept.profile()));
    if let Some(warning) = warning(&measured) {
        note!("warning: {warning}");
    }
    if options.dry_run {
        say!(
            "not kept: without --dry-run these rates would be kept in {}",
            kept.path.display()
        );
    } else {
        let path = save_profile(&measured.profile)?;
        say!(
            "kept in {}; plans use these rates from now on",
            path.display()
        );
    }
    Ok(())
}

/// The content of the file of rates.
struct Kept {
    path: PathBuf,
    /// `None` if there is no file, an error if the file has other content.
    content: Option<Result<Profile>>,
}

impl Kept {
    fn read(path: PathBuf) -> Result<Kept> {
        let content = match fs::read_to_string(&path) {
            Ok(text) => Some(text.parse::<Profile>()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(broken(&path, e)),
        };
        Ok(Kept { path, content })
    }

    /// The rates that plans use.
    fn profile(&self) -> Profile {
        match &self.content {
            Some(Ok(profile)) => *profile,
            _ => Profile::default(),
        }
    }

    fn show(&self) {
        let path = self.path.display();
        for (name, rate, unit) in self.profile().rates() {
            say!("{name:15} {rate:>9.2e} {unit}");
        }
        match &self.content {
            Some(Ok(_)) => say!("measured on this machine, from {path}"),
            Some(Err(e)) => say!("built in; {path} cannot be understood: {e}"),
            None => say!("built in; `gradus calibrate` measures this machine, there is no {path}"),
        }
    }

    fn reset(&self) -> Result<()> {
        let path = self.path.display();
        if self.content.is_none() {
            say!("nothing to forget: there is no {path}");
            return Ok(());
        }
        fs::remove_file(&self.path)
            .map_err(|e| broken(&self.path, format_args!("cannot be removed: {e}")))?;
        say!("{path} is removed; plans use the built-in rates from now on");
        Ok(())
    }
}

/// Each rate beside its previous value.
fn table(measured: &Calibration, before: &Profile) -> String {
    let mut lines = vec![format!(
        "{:15} {:>9} {:>9} {:>8} {:>7}  unit",
        "rate", "measured", "before", "change", "spread"
    )];
    let rates = measured.profile.rates().into_iter().zip(before.rates());
    for (((name, rate, unit), (_, before, _)), spread) in rates.zip(measured.spreads) {
        let change = 100.0 * (rate / before - 1.0);
        lines.push(format!(
            "{name:15} {rate:>9.2e} {before:>9.2e} {change:>+6.0} % {:>5.0} %  {unit}",
            100.0 * spread
        ));
    }
    lines.join("\n")
}

/// The warning if the samples of a rate are far from each other.
fn warning(measured: &Calibration) -> Option<String> {
    let rates = measured.profile.rates().into_iter().zip(measured.spreads);
    let wide: Vec<&str> = rates
        .filter(|(_, spread)| *spread > QUIET)
        .map(|((name, _, _), _)| name)
        .collect();
    (!wide.is_empty()).then(|| {
        format!(
            "the samples of {} differ by more than {:.0} % of their median: the machine is busy; measure again when it is quiet",
            wide.join(", "),
            100.0 * QUIET
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn measured(spreads: [f64; 9]) -> Calibration {
        Calibration {
            profile: Profile {
                product_f32: 1.2e11,
                launch: 1e-7,
                ..Profile::default()
            },
            spreads,
        }
    }

    #[test]
    fn each_rate_stands_beside_the_one_before() {
        let quiet = measured([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.25]);
        assert_snapshot!(table(&quiet, &Profile::default()), @"
        rate             measured    before   change  spread  unit
        product_f32       1.20e11   2.40e11    -50 %     1 %  operations/s
        product_f64       1.20e11   1.20e11     +0 %     2 %  operations/s
        arithmetic        1.20e10   1.20e10     +0 %     3 %  operations/s
        transcendental     7.50e8    7.50e8     +0 %     4 %  functions/s
        reduction         1.80e10   1.80e10     +0 %     5 %  elements/s
        indexing           2.00e8    2.00e8     +0 %     6 %  elements/s
        cache             8.00e10   8.00e10     +0 %     7 %  bytes/s
        memory            2.00e10   2.00e10     +0 %     8 %  bytes/s
        launch            1.00e-7   5.00e-8   +100 %    25 %  s a kernel
        ");
        assert_eq!(warning(&quiet), None);
    }

    #[test]
    fn a_busy_machine_is_told() {
        let mut spreads = [0.0; 9];
        spreads[2] = 0.26;
        spreads[7] = 3.0;
        assert_snapshot!(warning(&measured(spreads)).unwrap(), @"the samples of arithmetic, memory differ by more than 25 % of their median: the machine is busy; measure again when it is quiet");
    }
}
