//! The files of a run, and the lock that keeps two runs out of one folder.

use crate::dataset::broken;
use gradus::{Error, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const MODEL: &str = "model.safetensors";
const CHECKPOINT: &str = "checkpoint.safetensors";
const CURVE: &str = "loss.svg";
const LOCK: &str = ".gradus-train.lock";

/// The files that a run writes. No other run writes them during the lifetime of this value.
pub struct Files {
    pub model: PathBuf,
    pub checkpoint: PathBuf,
    pub curve: PathBuf,
    /// The system releases the lock when the file is closed, also if the program is killed.
    _lock: File,
}

impl Files {
    /// The files in `folder`, which is created if it does not exist.
    ///
    /// # Errors
    /// If the folder cannot be written, or another run writes to it.
    pub fn in_folder(folder: &Path) -> Result<Files> {
        fs::create_dir_all(folder)
            .map_err(|e| broken(folder, format_args!("cannot be made: {e}")))?;
        let lock = lock(folder)?;
        remove_partial(folder);
        Ok(Files {
            model: folder.join(MODEL),
            checkpoint: folder.join(CHECKPOINT),
            curve: folder.join(CURVE),
            _lock: lock,
        })
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let failed =
        |e: std::io::Error| -> Error { broken(&path, format_args!("cannot be written: {e}")) };
    let mut options = OpenOptions::new();
    // The content belongs to the run that holds the lock.
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
        }
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Failing to read it does no harm. The number only helps to find the other run.
            let _ = file.read_to_string(&mut owner);
            let owner = match owner.is_empty() {
                true => String::new(),
                false => format!(" (process {owner})"),
            };
            return Err(broken(
                folder,
                format_args!(
                    "another `gradus train`{owner} writes to this folder; wait until it ends, or name another folder with --out"
                ),
            ));
        }
        // Some network file systems have no locks.
        // Writes are still safe, because temporary files have names per process.
        Err(TryLockError::Error(_)) => {}
    }
    Ok(file)
}

/// Removes partly written files of runs that were killed.
fn remove_partial(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = [MODEL, CHECKPOINT, CURVE].iter().any(|file| {
            let rest = name.strip_prefix(file);
            rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".partial"))
        });
        if ours {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}
