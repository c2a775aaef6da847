//! The saved network: its tensors, and the data that it needs to read images.

use crate::dataset::{Dataset, shown};
use crate::limits;
use crate::network::{Kind, Network};
use crate::options::TaskName;
use clap::ValueEnum;
use gradus::nn::Activation;
use gradus::{DType, Error, ErrorKind, Result, Tensor, io, jit, random};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

/// The kind of file, stored under the key `gradus`.
fn kind_of_file(task: TaskName) -> &'static str {
    match task {
        TaskName::Digits => "mlp-classifier 1",
        TaskName::Rows => "gru-classifier 1",
    }
}

/// The number of images that the network reads at once when it is measured.
const CHUNK: usize = 1000;

/// A network that reads images of one size.
#[derive(Clone)]
pub struct Classifier {
    pub net: Network,
    pub rows: usize,
    pub columns: usize,
}

impl Classifier {
    /// Writes the classifier to `path`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut metadata = describe(&self.net, self.rows, self.columns);
        let kind = kind_of_file(self.net.kind().task());
        metadata.insert("gradus".into(), kind.into());
        io::save(path, &self.net, &metadata)
    }

    /// Reads a file that [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Classifier> {
        let about = Metadata::read(path)?;
        let tasks = TaskName::value_variants();
        let kinds: Vec<&str> = tasks.iter().map(|&task| kind_of_file(task)).collect();
        let task = tasks[about.expect("gradus", &kinds, "a model")?];
        let (blank, rows, columns) = about.network(task)?;
        let (net, _) = io::load(path, &blank)?;
        Ok(Classifier { net, rows, columns })
    }

    /// Checks that the network reads the images of `data`.
    pub fn fits(&self, path: &Path, data: &Dataset) -> Result<()> {
        let classes = self.net.widths().last().copied().unwrap_or(0);
        if (self.rows, self.columns) == (data.rows, data.columns) && classes == data.classes {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Data,
            format!(
                "{}: the network reads images of {}×{} in {classes} classes, but the images of {} are {}×{} in {} classes",
                path.display(),
                self.rows,
                self.columns,
                data.name,
                data.rows,
                data.columns,
                data.classes
            ),
        ))
    }
}

/// For `images`, the class with the highest score of each, and the mean loss.
pub fn scores(net: &Network, images: &Tensor, labels: &Tensor) -> Result<(Vec<i64>, f64)> {
    let measure = jit(|(net, x, y): &(Network, Tensor, Tensor)| {
        let logits = net.scores(x);
        let loss = gradus::nn::softmax_cross_entropy(&logits, y);
        (logits.argmax_axis(-1), loss)
    });
    let n = labels.len();
    let (mut guesses, mut loss) = (Vec::with_capacity(n), 0.0);
    for (x, y) in chunks(images, labels) {
        let seen = y.len() as f64;
        let (guess, mean) = measure.call(&(net.clone(), x, y))?;
        guesses.extend(guess.to_vec::<i64>()?);
        loss += mean.astype(DType::F64).item::<f64>()? * seen;
    }
    Ok((guesses, loss / n.max(1) as f64))
}

/// The images and labels in pieces of [`CHUNK`].
pub fn chunks(images: &Tensor, labels: &Tensor) -> impl Iterator<Item = (Tensor, Tensor)> {
    let n = labels.len();
    (0..n).step_by(CHUNK).map(move |start| {
        let part = start..(start + CHUNK).min(n);
        let images = images.slice_axis(0, part.clone());
        (images, labels.slice_axis(0, part))
    })
}

/// The metadata that describes the network in a file.
pub fn describe(net: &Network, rows: usize, columns: usize) -> BTreeMap<String, String> {
    let widths: Vec<String> = net.widths().iter().map(usize::to_string).collect();
    let mut entries = vec![
        ("layers", widths.join(",")),
        ("dtype", net.dtype().to_string()),
        ("image", format!("{rows}x{columns}")),
    ];
    if let Kind::Mlp(activation) = net.kind() {
        entries.push(("activation", activation.name().to_string()));
    }
    entries
        .into_iter()
        .map(|(key, value)| (key.to_string(), value))
        .collect()
}

/// The metadata of a file. Errors name the file.
pub struct Metadata<'a> {
    path: &'a Path,
    values: BTreeMap<String, String>,
}

impl<'a> Metadata<'a> {
    /// The metadata of the file at `path`.
    pub fn read(path: &'a Path) -> Result<Metadata<'a>> {
        let values = io::metadata(path)?;
        Ok(Metadata { path, values })
    }

    /// The position in `known` of the value of `key`. Every file that is `what` has one of these values.
    pub fn expect(&self, key: &str, known: &[&str], what: &str) -> Result<usize> {
        let Some(found) = self.values.get(key) else {
            return Err(self.broken(format!(
                "is not {what} of `gradus train`: nothing in it says so"
            )));
        };
        known.iter().position(|name| name == found).ok_or_else(|| {
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            self.broken(format!(
                "is not {what} of `gradus train`: it says `{found}`, expected {}",
                known.join(" or ")
            ))
        })
    }

    /// The value of `key`.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| self.not_so(key, text, None))
    }

    /// The value of `key`, an integer in `range`.
    pub fn number(&self, key: &str, range: RangeInclusive<i64>) -> Result<usize> {
        let text = self.text(key)?;
        match text.parse::<i64>() {
            Ok(n) if range.contains(&n) => Ok(n as usize),
            _ => Err(self.not_so(key, text, Some(range))),
        }
    }

    /// The value of `key`, a finite number for which `fit` is true.
    pub fn real(&self, key: &str, fit: impl Fn(f64) -> bool) -> Result<f64> {
        let value: f64 = self.get(key)?;
        match value.is_finite() && fit(value) {
            true => Ok(value),
            false => Err(self.not_so(key, self.text(key)?, None)),
        }
    }

    /// Whether `key` has a value that is not empty.
    pub fn is_given(&self, key: &str) -> Result<bool> {
        Ok(!self.text(key)?.is_empty())
    }

    /// The numbers of `key`, separated by commas, at most `most` of them.
    pub fn list<T: FromStr>(&self, key: &str, most: usize) -> Result<Vec<T>> {
        let parts = self.text(key)?.split(',').filter(|part| !part.is_empty());
        let mut list = Vec::new();
        for part in parts {
            if list.len() == most {
                return Err(
                    self.broken(format!("its entry `{key}` holds more than {most} numbers"))
                );
            }
            list.push(part.parse().map_err(|_| {
                self.broken(format!("its entry `{key}` cannot hold {}", shown(part)))
            })?);
        }
        Ok(list)
    }

    /// The widths of layers that `key` lists.
    pub fn widths(&self, key: &str) -> Result<Vec<usize>> {
        // The widths of the input, the hidden layers and the output.
        let widths: Vec<i64> = self.list(key, limits::MOST_LAYERS + 2)?;
        if let Some(wrong) = widths.iter().find(|w| !limits::WIDTH.contains(w)) {
            return Err(self.not_so(key, &wrong.to_string(), Some(limits::WIDTH)));
        }
        Ok(widths.into_iter().map(|w| w as usize).collect())
    }

    fn not_so(&self, key: &str, text: &str, range: Option<RangeInclusive<i64>>) -> Error {
        let range = range.map_or(String::new(), |r| {
            format!("; a number from {} to {} is expected", r.start(), r.end())
        });
        self.broken(format!(
            "its entry `{key}` cannot be {}{range}",
            shown(text)
        ))
    }

    /// The kind of network that does `task`.
    pub fn kind(&self, task: TaskName) -> Result<Kind> {
        if task == TaskName::Rows {
            return Ok(Kind::Gru);
        }
        let activation = self.text("activation")?;
        Activation::from_name(activation)
            .map(Kind::Mlp)
            .ok_or_else(|| self.not_so("activation", activation, None))
    }

    /// A network of the described shape for `task`, with weights still to be read, and the size of its images.
    ///
    /// The network is made only if the file holds as many numbers as the network has.
    pub fn network(&self, task: TaskName) -> Result<(Network, usize, usize)> {
        let kind = self.kind(task)?;
        let widths = self.widths("layers")?;
        let name = self.text("dtype")?;
        let dtype = [DType::F32, DType::F64]
            .into_iter()
            .find(|d| d.to_string() == name)
            .ok_or_else(|| self.not_so("dtype", name, None))?;
        let (rows, columns) = self.image()?;
        let held: u128 = io::shapes(self.path)?
            .values()
            .map(|shape| shape.iter().map(|&n| n as u128).product::<u128>())
            .sum();
        let needed = kind.parameters(&widths);
        if needed > held {
            return Err(self.broken(format!(
                "its entry `layers` describes a network of {needed} numbers, but its tensors hold {held}"
            )));
        }
        let inputs = widths.first().copied().unwrap_or(0);
        let needed = kind.inputs(rows, columns);
        if needed != inputs {
            return Err(self.broken(format!(
                "its entry `image` is `{rows}x{columns}`, so the network takes {needed} numbers at once, but its entry `layers` has {inputs} inputs"
            )));
        }
        let net = Network::new(kind, &random::key(0), &widths, dtype)
            .map_err(|e| self.broken(format!("its entry `layers`: {e}")))?;
        Ok((net, rows, columns))
    }

    /// Height and width of the images.
    fn image(&self) -> Result<(usize, usize)> {
        let text = self.text("image")?;
        let (rows, columns): (usize, usize) = text
            .split_once('x')
            .and_then(|(r, c)| Some((r.parse().ok()?, c.parse().ok()?)))
            .ok_or_else(|| {
                self.broken(format!(
                    "its entry `image` is not the size of an image: {}",
                    shown(text)
                ))
            })?;
        let pixels = rows.checked_mul(columns);
        if pixels.is_none_or(|n| n == 0 || n > limits::MOST_PIXELS) {
            return Err(self.broken(format!(
                "its entry `image` is `{rows}x{columns}`; an image has 1 to {} pixels",
                limits::MOST_PIXELS
            )));
        }
        Ok((rows, columns))
    }

    /// Whether there is an entry `key`.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The text of `key`.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| self.broken(format!("has no entry `{key}`")))
    }

    /// An error about this file.
    pub fn broken(&self, what: String) -> Error {
        crate::dataset::broken(self.path, what)
    }
}
