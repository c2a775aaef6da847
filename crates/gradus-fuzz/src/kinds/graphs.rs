//! Texts of programs, derived from the tests in `tests/graphs`.

use super::Read;
use crate::random::Random;
use gradus_cpu::{Array, CompileOptions, Input};
use gradus_ir::primitives::{Op, Region, Trips};
use gradus_ir::{Graph, Type, dot, verify};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The most elements of all arrays of a program that is run.
const MOST_ELEMENTS: u128 = 100_000;
/// The most steps of all loops of such a program.
const MOST_STEPS: u128 = 1_000;

/// The programs in the test files.
pub fn good() -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/graphs");
    let mut texts = Vec::new();
    let mut folders: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(|f| f.path());
    for folder in folders {
        let mut files: Vec<_> = fs::read_dir(folder.path())?.collect::<Result<_, _>>()?;
        files.sort_by_key(|f| f.path());
        for file in files {
            let text = fs::read_to_string(file.path())?;
            // The program ends at a line of dashes. Text about it may come first.
            let text = text.split("\n---").next().unwrap_or_default();
            if let Some(at) = text.find("graph(") {
                texts.push(text.as_bytes()[at..].to_vec());
            }
        }
    }
    match texts.is_empty() {
        true => Err("there are no programs in tests/graphs".into()),
        false => Ok(texts),
    }
}

pub fn damaged(good: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut one = || String::from_utf8_lossy(&good[random.below(good.len())]).into_owned();
    let (text, other) = (one(), one());
    let mut words = words(&text);
    let others = self::words(&other);
    for _ in 0..=random.below(3) {
        change(&mut words, &others, random);
    }
    let mut bytes = words.concat().into_bytes();
    if random.one_in(20) {
        random.damage(&mut bytes);
    }
    bytes
}

/// Splits a text into names, numbers, spaces and single signs.
fn words(text: &str) -> Vec<String> {
    let class = |c: char| match c {
        c if c.is_ascii_digit() || c == '.' => 0,
        c if c.is_alphabetic() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 3,
    };
    let mut words: Vec<String> = Vec::new();
    let mut last = 3;
    for c in text.chars() {
        let of = class(c);
        // Digits continue a name: `f64`, `%12` and `a1` are one word, apart from their sign.
        let goes_on = of == last && of != 3 || last == 1 && of == 0;
        match words.last_mut() {
            Some(word) if goes_on => word.push(c),
            _ => {
                words.push(c.to_string());
                last = of;
            }
        }
    }
    words
}

fn change(words: &mut Vec<String>, others: &[String], random: &mut Random) {
    if words.is_empty() {
        return;
    }
    let is_number = |w: &String| w.starts_with(|c: char| c.is_ascii_digit());
    let is_name = |w: &String| w.starts_with(|c: char| c.is_alphabetic());
    let at = random.below(words.len());
    // The next fitting word from there on.
    let next = |words: &[String], fits: &dyn Fn(&String) -> bool| {
        let from = words.iter().enumerate().skip(at);
        from.chain(words.iter().enumerate().take(at))
            .find(|(_, w)| fits(w))
            .map(|(k, _)| k)
    };
    match random.below(16) {
        0..=4 => {
            if let Some(k) = next(words, &is_number) {
                words[k] = random.edge();
            }
        }
        // A small number in place of another one is usually valid.
        5..=7 => {
            if let Some(k) = next(words, &is_number) {
                words[k] = random.below(9).to_string();
            }
        }
        8 | 9 => {
            let names: Vec<&String> = others.iter().filter(|w| is_name(w)).collect();
            if let (Some(k), false) = (next(words, &is_name), names.is_empty()) {
                words[k] = (*random.choose(&names)).clone();
            }
        }
        10 => {
            let types = [
                "bf16", "f32", "f64", "i32", "i64", "u32", "bool", "list", "graph",
            ];
            if let Some(k) = next(words, &|w| types.contains(&w.as_str())) {
                words[k] = random.choose(&types).to_string();
            }
        }
        11 => drop(words.remove(at)),
        12 => {
            let to = random.below(words.len());
            words.swap(at, to);
        }
        13 => {
            // A piece of the other program, about a line long.
            let from = random.below(others.len());
            let end = (from + 1 + random.below(30)).min(others.len());
            words.splice(at..at, others[from..end].iter().cloned());
        }
        14 => {
            let end = (at + 1 + random.below(30)).min(words.len());
            let part: Vec<String> = words[at..end].to_vec();
            words.splice(at..at, part);
        }
        _ => {
            let many = [2, 50, 5000][random.below(3)];
            let one = random.choose(&["[", "{", "1,", "graph(", "%", ",", "\n", "{body=graph() {"]);
            words.insert(at, one.repeat(many));
        }
    }
}

/// The most types that are corrected in one text.
const MOST_REPAIRS: usize = 8;

/// The program of the text.
/// If a changed number has changed the result type of an operation,
/// the written type is corrected, so that the text after it is reached.
fn parsed(text: &str) -> gradus_ir::Result<Graph> {
    let mut text = text.to_string();
    for _ in 0..MOST_REPAIRS {
        match text.parse::<Graph>() {
            Ok(graph) => return Ok(graph),
            Err(error) => match repaired(&text, error.message()) {
                Some(better) => text = better,
                None => return Err(error),
            },
        }
    }
    text.parse()
}

/// The text with the type that the message asks for, such as `line 3: `neg` gives f64[2] here, not f64[3]`.
fn repaired(text: &str, message: &str) -> Option<String> {
    let (number, rest) = message.strip_prefix("line ")?.split_once(": ")?;
    let (_, types) = rest.lines().next()?.split_once(" gives ")?;
    let (given, stated) = types.split_once(" here, not ")?;
    let number: usize = number.parse().ok()?;
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let line = lines.get_mut(number.checked_sub(1)?)?;
    let wrong = format!(": {stated} =");
    if !line.contains(&wrong) {
        return None;
    }
    *line = line.replacen(&wrong, &format!(": {given} ="), 1);
    Some(lines.join("\n"))
}

/// Reads, checks and prints the program. A small program is also batched and run.
pub fn read(text: &str) -> Read {
    let graph = parsed(text)?;
    verify::verify(&graph)?;
    let printed = graph.to_string();
    let again: Graph = printed.parse()?;
    assert!(
        graph.same(&again),
        "the text reads back to another program:\n{printed}"
    );
    dot::render(&graph);
    let inputs = graph.input_types();
    if cost(&graph)
        .is_some_and(|(elements, steps)| elements <= MOST_ELEMENTS && steps <= MOST_STEPS)
    {
        let (batched, _) = gradus_ad::batch(&graph, 2, &vec![true; inputs.len()]);
        verify::verify(&batched)?;
        let executable = gradus_cpu::compile(&graph, &CompileOptions::default())?;
        let zeros = inputs
            .iter()
            .map(|ty| Array::from_bytes(ty.clone(), &vec![0; ty.bytes()]));
        let zeros = zeros.collect::<Result<Vec<Array>, _>>()?;
        executable.run(zeros.iter().map(Input::Borrowed).collect())?;
    }
    Ok(())
}

/// The elements of all arrays, including the arrays of bodies, and the steps of loops.
/// `None` for a loop of unknown length.
fn cost(graph: &Graph) -> Option<(u128, u128)> {
    let size = |ty: &Type| {
        ty.shape
            .iter()
            .map(|&n| n as u128)
            .fold(1u128, u128::saturating_mul)
    };
    let (mut elements, mut steps) = (0u128, 0u128);
    for id in graph.ids() {
        elements = elements.saturating_add(size(graph.ty(id)));
        let Op::Region(region) = &graph.maker(id).op else {
            continue;
        };
        let times = match &**region {
            Region::Loop(r) => match r.trips {
                Trips::Fixed(n) => n as u128,
                _ => return None,
            },
            _ => 1,
        };
        for (_, body) in region.bodies() {
            let (inner, inner_steps) = cost(body)?;
            elements = elements.saturating_add(inner.saturating_mul(times.max(1)));
            steps = steps.saturating_add(inner_steps.saturating_add(1).saturating_mul(times));
        }
    }
    Some((elements, steps))
}
