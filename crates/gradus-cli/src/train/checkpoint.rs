//! A run in a file, to go on with.

use super::run::Run;
use super::settings::Settings;
use super::step::State;
use crate::dataset::broken;
use crate::model::{Metadata, describe};
use crate::report::history::Epoch;
use gradus::{Result, io};
use std::path::{Path, PathBuf};

/// Says what kind of file it is, under the key `gradus`.
const KIND: &str = "training-checkpoint 1";

/// What a checkpoint says of its run.
pub struct Saved {
    pub settings: Settings,
    pub history: Vec<Epoch>,
    pub data: Option<PathBuf>,
}

/// Writes the run at `state` to `path`.
pub fn write(path: &Path, run: &Run, state: &State) -> Result<()> {
    let mut entries = describe(&state.net, run.data.rows, run.data.columns);
    run.settings.write(&mut entries);
    let folder = run.folder.as_deref().map(Path::to_string_lossy);
    entries.insert("gradus".into(), KIND.into());
    entries.insert("data".into(), folder.unwrap_or_default().into_owned());
    let mut column = |name: &str, value: &dyn Fn(&Epoch) -> f64| {
        let values: Vec<String> = run.history.iter().map(|e| value(e).to_string()).collect();
        entries.insert(name.into(), values.join(","));
    };
    column("loss", &|e| e.loss);
    column("train_accuracy", &|e| e.train_accuracy);
    column("test_loss", &|e| e.test_loss);
    column("test_accuracy", &|e| e.test_accuracy);
    io::save(path, state, &entries)
}

/// Reads what the file at `path` says of its run; [`Run::resume`] reads the tensors.
pub fn read(path: &Path) -> Result<Saved> {
    let file = Metadata::read(path)?;
    file.expect("gradus", &[KIND], "a checkpoint")?;
    let columns =
        ["loss", "train_accuracy", "test_loss", "test_accuracy"].map(|name| file.list::<f64>(name));
    let [loss, train, test_loss, test] = columns;
    let (loss, train, test_loss, test) = (loss?, train?, test_loss?, test?);
    let history = (loss.iter().zip(&train))
        .zip(test_loss.iter().zip(&test))
        .map(
            |((&loss, &train_accuracy), (&test_loss, &test_accuracy))| Epoch {
                loss,
                train_accuracy,
                test_loss,
                test_accuracy,
            },
        )
        .collect();
    Ok(Saved {
        settings: Settings::read(&file)?,
        history,
        data: file.option("data")?,
    })
}

impl Run {
    /// The state in the checkpoint at `path`, which says `saved` of itself; the run takes over its history.
    pub fn resume(&mut self, path: &Path, saved: Saved) -> Result<State> {
        let (_, rows, columns) = Metadata::read(path)?.network(saved.settings.kind.task())?;
        if (rows, columns) != (self.data.rows, self.data.columns) {
            return Err(broken(
                path,
                format_args!(
                    "the run was on images of {rows}×{columns}; those of {} are {}×{}",
                    self.data.name, self.data.rows, self.data.columns
                ),
            ));
        }
        if saved.history.len() >= self.settings.epochs {
            return Err(broken(
                path,
                format_args!(
                    "all {} epochs of the run are done; give more with --epochs",
                    saved.history.len()
                ),
            ));
        }
        let (state, _) = io::load(path, &self.start()?)?;
        self.history = saved.history;
        Ok(state)
    }
}
