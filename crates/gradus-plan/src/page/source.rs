//! The user's source: lines, if their files can be read, and quoted texts.

use crate::quote;
use gradus_ir::Loc;
use std::collections::HashMap;
use std::path::PathBuf;
use std::{env, fs};

/// Source files, each read once.
#[derive(Default)]
pub struct Sources {
    files: HashMap<&'static str, Option<Vec<String>>>,
}

impl Sources {
    /// The source at `loc`, as HTML: the line, or the whole text with the piece marked in it.
    pub fn shown(&mut self, loc: Loc) -> Option<String> {
        if let Some((text, piece)) = loc.piece() {
            let parts = [
                &text[..piece.start],
                &text[piece.clone()],
                &text[piece.end..],
            ];
            let [before, piece, after] = parts.map(quote::html);
            return Some(format!("{before}<mark>{piece}</mark>{after}"));
        }
        let (file, line) = loc.file_line()?;
        self.line(file, line).map(quote::html)
    }

    /// Line `number` of `file`, counted from 1, in the current version of the file.
    pub fn line(&mut self, file: &'static str, number: u32) -> Option<&str> {
        let lines = self.files.entry(file).or_insert_with(|| {
            let text = places(file).find_map(|path| fs::read_to_string(path).ok())?;
            Some(text.lines().map(str::to_string).collect())
        });
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        lines.as_ref()?.get(at).map(|l| l.trim())
    }
}

/// The possible paths of `file`.
/// The compiler names it relative to the folder of the workspace, which is the current folder or one above it.
fn places(file: &'static str) -> impl Iterator<Item = PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let all: Vec<PathBuf> = here.ancestors().map(|folder| folder.join(file)).collect();
    all.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_line_is_found_from_the_folder_of_the_crate() {
        let mut sources = Sources::default();
        let line = line!();
        assert_eq!(
            sources.line(file!(), line),
            Some("let line = line!();"),
            "{}",
            file!()
        );
        assert_eq!(sources.line(file!(), 100_000), None);
        assert_eq!(sources.line(file!(), 0), None);
        assert_eq!(sources.line("no/such/file.rs", 1), None);
    }
}
