//! `gradus calibrate`: how fast this machine does each kind of work.

use gradus::{Result, calibrate, save_profile};

pub fn run() -> Result<()> {
    let profile = calibrate()?;
    print!("{profile}");
    println!(
        "kept in {}; plans use these rates from now on",
        save_profile(&profile)?.display()
    );
    Ok(())
}
