//! Models and checkpoints: safetensors files. The JSON of their header is damaged as JSON.

use super::Read;
use crate::random::Random;
use gradus_cli::inputs;
use serde_json::Value;
use std::error::Error;
use std::fs;
use std::path::Path;

/// The file with this name, of networks before their first step.
pub fn good(file: &str, folder: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let runs: [&[&str]; 4] = [
        &["--layers", "3"],
        &["--layers", "2,2", "--optimizer", "sgd", "--dtype", "f64"],
        &["--layers", "2", "--task", "rows", "--optimizer", "nesterov"],
        &["--layers", "4", "--clip", "1", "--shift", "1"],
    ];
    let made = runs.iter().map(|options| {
        inputs::untrained(folder, options)?;
        Ok(fs::read(folder.join(file))?)
    });
    made.collect()
}

pub fn read_model(input: &[u8], folder: &Path) -> Read {
    let path = folder.join("input");
    fs::write(&path, input)?;
    Ok(inputs::model(&path)?)
}

pub fn read_checkpoint(input: &[u8], folder: &Path) -> Read {
    let path = folder.join("input");
    fs::write(&path, input)?;
    Ok(inputs::checkpoint(&path)?)
}

pub fn damaged(good: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let file = random.choose(good);
    let Some((length, rest)) = file.split_first_chunk::<8>() else {
        return file.clone();
    };
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut data = data.to_vec();
    let mut header = match serde_json::from_slice::<Value>(header) {
        Ok(mut json) => {
            for _ in 0..=random.below(2) {
                change(&mut json, random);
            }
            json.to_string().into_bytes()
        }
        Err(_) => header.to_vec(),
    };
    if random.one_in(10) {
        random.damage(&mut header);
    }
    if random.one_in(10) {
        random.damage(&mut data);
    }
    let length = match random.below(20) {
        0 => random.next(),
        1 => random.edge().parse::<i128>().unwrap_or(0) as u64,
        _ => header.len() as u64,
    };
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(data);
    if random.one_in(20) {
        random.damage(&mut bytes);
    }
    bytes
}

/// Changes one entry of the header.
fn change(header: &mut Value, random: &mut Random) {
    let Some(objects) = header.as_object_mut() else {
        return;
    };
    let names: Vec<String> = objects.keys().cloned().collect();
    if names.is_empty() {
        return;
    }
    // Most changes are in the metadata.
    let name = match random.below(4) {
        0 => random.choose(&names).clone(),
        _ => "__metadata__".to_string(),
    };
    match random.below(12) {
        0 => drop(objects.remove(&name)),
        1 => {
            if let Some(value) = objects.remove(&name) {
                objects.insert(random.choose(&names).clone(), value);
            }
        }
        2 => {
            let value = objects.get(random.choose(&names)).cloned();
            objects.insert(
                format!(".layers.{}.weight", random.edge()),
                value.unwrap_or_default(),
            );
        }
        _ => {
            if let Some(object) = objects.get_mut(&name) {
                change_within(object, random);
            }
        }
    }
}

/// Changes an entry of the metadata, or of the description of a tensor.
fn change_within(object: &mut Value, random: &mut Random) {
    let Some(entries) = object.as_object_mut() else {
        *object = Value::from(random.edge());
        return;
    };
    let keys: Vec<String> = entries.keys().cloned().collect();
    if keys.is_empty() || random.one_in(20) {
        let many = [1, 3, 20_000][random.below(3)];
        entries.extend((0..many).map(|k| (format!("key {k}"), Value::from(""))));
        return;
    }
    let key = random.choose(&keys).clone();
    if random.one_in(10) {
        entries.remove(&key);
        return;
    }
    if let Some(value) = entries.get_mut(&key) {
        *value = changed(value, random);
    }
}

fn changed(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::String(text) => text_like(text, random),
        Value::Array(parts) => {
            let mut parts = parts.clone();
            let at = random.below(parts.len());
            match random.below(4) {
                0 => parts.push(number(random)),
                1 => parts.clear(),
                _ if at < parts.len() => parts[at] = number(random),
                _ => {}
            }
            Value::Array(parts)
        }
        _ => number(random),
    }
}

/// A similar text with numbers at the edges of their ranges.
fn text_like(text: &str, random: &mut Random) -> Value {
    let edge = random.edge();
    let known = [
        "mlp-classifier 1",
        "gru-classifier 1",
        "training-checkpoint 1",
        "relu",
        "tanh",
        "F32",
        "F64",
        "I64",
        "BOOL",
        "BF16",
        "f32",
        "f64",
        "digits",
        "rows",
        "sgd",
        "adamw",
        "",
        ",",
        "x",
        "8x8",
        "nowhere",
    ];
    let list: Vec<String> = (0..random.below(6)).map(|_| random.edge()).collect();
    // Another digit often makes a valid number.
    let digit = |random: &mut Random| random.below(10).to_string();
    Value::from(match random.below(12) {
        8..=11 => text.replacen(|c: char| c.is_ascii_digit(), &digit(random), 1),
        0 => edge,
        1 => format!("{text},{edge}"),
        2 => format!("{edge}x{}", random.edge()),
        3 => list.join(","),
        4 => random.choose(&known).to_string(),
        5 => text.replace(|c: char| c.is_ascii_digit(), &edge),
        6 => "1,".repeat(random.below(3000)),
        _ => {
            let mut bytes = text.as_bytes().to_vec();
            random.damage(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    })
}

fn number(random: &mut Random) -> Value {
    let edge = random.edge();
    match edge.parse::<u64>() {
        Ok(n) => Value::from(n),
        Err(_) => match edge.parse::<f64>() {
            Ok(x) => Value::from(x),
            Err(_) => Value::from(edge),
        },
    }
}
