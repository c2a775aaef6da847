//! A run in a file, from which it can continue.

use super::run::{Run, Sums};
use super::settings::Settings;
use super::step::State;
use crate::dataset::broken;
use crate::model::{Metadata, describe};
use crate::report::history::Epoch;
use gradus::{Result, io};
use std::path::{Path, PathBuf};

/// The kind of file, stored under the key `gradus`.
const KIND: &str = "training-checkpoint 1";

/// The description of the run in a checkpoint.
pub struct Saved {
    pub settings: Settings,
    pub history: Vec<Epoch>,
    /// The sums of an interrupted epoch.
    pub sums: Sums,
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
    // Between two epochs there are no sums.
    if run.sums.steps > 0 {
        let Sums {
            steps,
            loss,
            right,
            seen,
        } = run.sums;
        entries.insert("epoch_steps".into(), steps.to_string());
        entries.insert("epoch_loss".into(), loss.to_string());
        entries.insert("epoch_right".into(), right.to_string());
        entries.insert("epoch_seen".into(), seen.to_string());
    }
    io::save(path, state, &entries)
}

/// Reads the description of the run in the file at `path`; [`Run::resume`] reads the tensors.
pub fn read(path: &Path) -> Result<Saved> {
    let file = Metadata::read(path)?;
    file.expect("gradus", &[KIND], "a checkpoint")?;
    let settings = Settings::read(&file)?;
    let columns = ["loss", "train_accuracy", "test_loss", "test_accuracy"];
    let columns = columns.map(|name| file.list::<f64>(name, settings.epochs));
    let [loss, train, test_loss, test] = columns;
    let (loss, train, test_loss, test) = (loss?, train?, test_loss?, test?);
    if [&train, &test_loss, &test]
        .iter()
        .any(|c| c.len() != loss.len())
    {
        return Err(file.broken(
            "its entries `loss`, `train_accuracy`, `test_loss` and `test_accuracy` are of different lengths".into(),
        ));
    }
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
    let sums = match file.has("epoch_steps") {
        false => Sums::default(),
        true => {
            let seen = file.number("epoch_seen", 1..=i64::from(u32::MAX))?;
            Sums {
                steps: file.number("epoch_steps", 1..=i64::from(u32::MAX))?,
                loss: file.real("epoch_loss", |_| true)?,
                right: file.number("epoch_right", 0..=seen as i64)? as i64,
                seen,
            }
        }
    };
    let data = file.is_given("data")?.then(|| file.text("data"));
    Ok(Saved {
        settings,
        history,
        sums,
        data: data.transpose()?.map(PathBuf::from),
    })
}

impl Run {
    /// The state in the checkpoint at `path`, whose description is `saved`. The run takes over its history.
    pub fn resume(&mut self, path: &Path, saved: Saved) -> Result<State> {
        let (net, rows, columns) = Metadata::read(path)?.network(saved.settings.kind.task())?;
        if (rows, columns) != (self.data.rows, self.data.columns) {
            return Err(broken(
                path,
                format_args!(
                    "the run was on images of {rows}×{columns}, but the images of {} are {}×{}",
                    self.data.name, self.data.rows, self.data.columns
                ),
            ));
        }
        let (done, epochs) = (saved.history.len(), self.settings.epochs);
        if done > epochs {
            return Err(broken(
                path,
                format_args!("{done} epochs of the run are done, more than --epochs {epochs}"),
            ));
        }
        let (widths, described) = (self.settings.widths(&self.data), net.widths());
        if widths != described {
            return Err(broken(
                path,
                format_args!(
                    "its entry `hidden` and the images of {} make a network of widths {widths:?}; its entry `layers` is {described:?}",
                    self.data.name
                ),
            ));
        }
        let (steps, all) = (saved.sums.steps, self.steps_per_epoch());
        if steps >= all && steps > 0 {
            return Err(broken(
                path,
                format_args!(
                    "it stopped after step {steps} of an epoch; with the images of {} an epoch has {all}",
                    self.data.name
                ),
            ));
        }
        let (state, _) = io::load(path, &self.start()?)?;
        self.history = saved.history;
        self.sums = saved.sums;
        Ok(state)
    }
}
