//! The embedded digits; `data/README.md` names their source.

use super::{Dataset, Split};
use flate2::read::GzDecoder;
use gradus::{Error, ErrorKind, Result};
use std::io::Read;

const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");
const SIDE: usize = 8;

/// Every fifth image of each class is held out.
const HELD_OUT: usize = 5;

pub fn embedded() -> Result<Dataset> {
    let broken = |what: &str| Error::new(ErrorKind::Data, format!("the embedded digits: {what}"));
    let mut text = String::new();
    GzDecoder::new(FILE)
        .read_to_string(&mut text)
        .map_err(|e| broken(&e.to_string()))?;
    let (mut train, mut test) = (Split::default(), Split::default());
    let mut seen = [0usize; 10];
    for line in text.lines() {
        let values = line
            .split(',')
            .map(|v| v.trim().parse::<u8>())
            .collect::<Result<Vec<u8>, _>>()
            .map_err(|e| broken(&e.to_string()))?;
        let Some((&label, pixels)) = values.split_last() else {
            return Err(broken("an empty line"));
        };
        if pixels.len() != SIDE * SIDE || usize::from(label) >= seen.len() {
            return Err(broken("a line that is not an image"));
        }
        let count = &mut seen[usize::from(label)];
        *count += 1;
        let part = if *count % HELD_OUT == 0 {
            &mut test
        } else {
            &mut train
        };
        part.pixels.extend_from_slice(pixels);
        part.labels.push(label);
    }
    Ok(Dataset {
        name: "UCI digits (8×8)".into(),
        rows: SIDE,
        columns: SIDE,
        classes: seen.len(),
        brightest: 16,
        train,
        test,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_stratified_and_complete() {
        let data = embedded().unwrap();
        assert_eq!(data.train.labels.len() + data.test.labels.len(), 1797);
        assert_eq!(data.train.pixels.len(), 64 * data.train.labels.len());
        for digit in 0..10 {
            let count = |s: &Split| s.labels.iter().filter(|&&l| l == digit).count();
            let (kept, held) = (count(&data.train), count(&data.test));
            assert_eq!(held, (kept + held) / HELD_OUT, "digit {digit}");
        }
        assert_eq!(data.train.pixels.iter().max(), Some(&16));
    }
}
