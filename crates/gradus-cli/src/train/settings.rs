//! The settings of a run: everything that its result depends on, except the images.

use crate::dataset::{Dataset, shown};
use crate::limits;
use crate::model::Metadata;
use crate::network::Kind;
use crate::options::{FloatName, OptimizerName, ScheduleName, TaskName, TrainOptions, name_of};
use clap::ValueEnum;
use gradus::optim::Schedule;
use gradus::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt;

/// Images of more pixels than this use the larger defaults.
const LARGE: usize = 400;

#[derive(Clone, Debug)]
pub struct Settings {
    pub hidden: Vec<usize>,
    pub kind: Kind,
    pub epochs: usize,
    pub batch: usize,
    pub optimizer: OptimizerName,
    pub rate: f64,
    pub schedule: ScheduleName,
    pub weight_decay: f64,
    pub clip: Option<f64>,
    pub shift: usize,
    pub seed: u64,
    pub dtype: FloatName,
}

impl Settings {
    /// The user's settings, with defaults that suit the images.
    pub fn choose(options: &TrainOptions, data: &Dataset) -> Result<Settings> {
        let kind = match (options.task, options.activation) {
            (TaskName::Digits, activation) => Kind::Mlp(activation.unwrap_or_default()),
            (TaskName::Rows, None) => Kind::Gru,
            (TaskName::Rows, Some(_)) => {
                return Err(Error::new(
                    ErrorKind::Argument,
                    "--activation: the gates of a GRU have functions of their own; leave it out with --task rows",
                ));
            }
        };
        let large = data.pixels() > LARGE;
        let by_size = |small: u32, big: u32| if large { big } else { small };
        let adaptive = matches!(
            options.optimizer,
            OptimizerName::Adam | OptimizerName::Adamw
        );
        let rate = match (adaptive, kind) {
            (true, Kind::Mlp(_)) => 0.002,
            (true, Kind::Gru) => 0.005,
            (false, _) => 0.1,
        };
        let decay = if options.optimizer == OptimizerName::Adamw {
            0.01
        } else {
            0.0
        };
        let hidden = match &options.layers {
            Some(widths) => widths.iter().map(|&w| w as usize).collect(),
            None => match (kind, large) {
                (Kind::Mlp(_), false) => vec![128],
                (Kind::Mlp(_), true) => vec![512, 512],
                (Kind::Gru, false) => vec![64],
                (Kind::Gru, true) => vec![128],
            },
        };
        if hidden.len() > limits::MOST_LAYERS {
            return Err(Error::new(
                ErrorKind::Argument,
                format!(
                    "--layers: {} hidden layers; the most is {}",
                    hidden.len(),
                    limits::MOST_LAYERS
                ),
            ));
        }
        Ok(Settings {
            hidden,
            kind,
            epochs: options.epochs.unwrap_or(by_size(40, 15)) as usize,
            batch: options.batch.unwrap_or(by_size(64, 128)) as usize,
            optimizer: options.optimizer,
            rate: options.lr.unwrap_or(rate),
            schedule: options.schedule,
            weight_decay: options.weight_decay.unwrap_or(decay),
            clip: options.clip,
            shift: options.shift.unwrap_or(by_size(0, 2)) as usize,
            seed: options.seed,
            dtype: options.dtype,
        })
    }

    /// The settings with another number of epochs, if one is given.
    pub fn with_epochs(mut self, epochs: Option<u32>) -> Settings {
        if let Some(epochs) = epochs {
            self.epochs = epochs as usize;
        }
        self
    }

    /// The widths of all layers of the network.
    pub fn widths(&self, data: &Dataset) -> Vec<usize> {
        let mut widths = vec![self.kind.inputs(data.rows, data.columns)];
        widths.extend(&self.hidden);
        widths.push(data.classes);
        widths
    }

    /// The learning rate of each of `steps` steps.
    pub fn schedule(&self, steps: u64) -> Schedule {
        let rate = self.rate;
        match self.schedule {
            ScheduleName::Constant => Schedule::Constant { rate },
            ScheduleName::Cosine => Schedule::Cosine {
                rate,
                steps,
                floor: 0.01,
            },
            ScheduleName::WarmupCosine => Schedule::WarmupCosine {
                rate,
                warmup: steps / 20,
                steps,
            },
            ScheduleName::Step => Schedule::Step {
                rate,
                every: (steps / 5).max(1),
                factor: 0.5,
            },
        }
    }

    /// Writes the settings as entries of a file; [`read`](Self::read) reads them back.
    pub fn write(&self, out: &mut BTreeMap<String, String>) {
        let hidden: Vec<String> = self.hidden.iter().map(usize::to_string).collect();
        let entries = [
            ("hidden", hidden.join(",")),
            ("task", name_of(self.kind.task())),
            ("epochs", self.epochs.to_string()),
            ("batch", self.batch.to_string()),
            ("optimizer", name_of(self.optimizer)),
            ("lr", self.rate.to_string()),
            ("schedule", name_of(self.schedule)),
            ("weight_decay", self.weight_decay.to_string()),
            ("clip", self.clip.map_or(String::new(), |c| c.to_string())),
            ("shift", self.shift.to_string()),
            ("seed", self.seed.to_string()),
            ("dtype", name_of(self.dtype)),
        ];
        out.extend(entries.map(|(key, value)| (key.to_string(), value)));
    }

    /// Reads the settings from the entries of a file.
    pub fn read(file: &Metadata<'_>) -> Result<Settings> {
        fn choice<T: ValueEnum>(file: &Metadata<'_>, key: &str) -> Result<T> {
            let text = file.text(key)?;
            T::from_str(text, false)
                .map_err(|_| file.broken(format!("its entry `{key}` cannot be {}", shown(text))))
        }
        // Older checkpoints name no task.
        let task = match file.has("task") {
            true => choice(file, "task")?,
            false => TaskName::Digits,
        };
        let clip = match file.is_given("clip")? {
            true => Some(file.real("clip", |c| c > 0.0)?),
            false => None,
        };
        Ok(Settings {
            hidden: file.widths("hidden")?,
            kind: file.kind(task)?,
            epochs: file.number("epochs", limits::EPOCHS)?,
            batch: file.number("batch", limits::BATCH)?,
            optimizer: choice(file, "optimizer")?,
            rate: file.real("lr", |r| r > 0.0)?,
            schedule: choice(file, "schedule")?,
            weight_decay: file.real("weight_decay", |d| d >= 0.0)?,
            clip,
            shift: file.number("shift", limits::SHIFT)?,
            seed: file.get("seed")?,
            dtype: choice(file, "dtype")?,
        })
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} epochs in batches of {}, {} at {} ({}), weight decay {}, ",
            self.epochs,
            self.batch,
            name_of(self.optimizer),
            self.rate,
            name_of(self.schedule),
            self.weight_decay
        )?;
        if let Some(clip) = self.clip {
            write!(f, "gradients clipped at {clip}, ")?;
        }
        if self.shift > 0 {
            write!(f, "images shifted by up to {} pixels, ", self.shift)?;
        }
        write!(
            f,
            "{}, {}, seed {}",
            match self.kind {
                Kind::Mlp(activation) => activation.name(),
                Kind::Gru => "gru",
            },
            name_of(self.dtype),
            self.seed
        )
    }
}
