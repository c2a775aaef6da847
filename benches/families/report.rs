//! Rows as text: lines of the terminal, and tables of the documents.

use crate::measure::{Compared, Row};

/// The head of a family's lines.
pub fn head(family: &str) -> String {
    format!(
        "\n{family:<58}{:>10}{:>11}{:>8}{:>6} {:>11}{:>8}{:>6}    compile",
        "Gradus", "JAX", "faster", "bar", "beside", "of it", "bar"
    )
}

/// A row as a line of the terminal. `!` marks a bar that is not met.
pub fn line(row: &Row) -> String {
    let show = |x: f64| figure(x, row.in_bytes);
    let compared = |peer: &Compared, met: Option<bool>| {
        let (figure, bar) = (show(peer.figure), short(peer.bar));
        format!("{figure:>11}{:>8}{bar:>6}{}", ratio(peer.ratio), mark(met))
    };
    let none = || " ".repeat(26);
    let jax = row.jax.as_ref().map(|peer| compared(peer, row.meets_jax()));
    let beside = row.beside.as_ref();
    let beside = beside.map(|peer| compared(peer, row.meets_beside()));
    let limit = || {
        let most = row.at_most?;
        let most = format!("at most {}", show(most));
        Some(format!("{most:>25}{}", mark(row.meets_limit())))
    };
    let compile: Vec<String> = [row.first_call, row.jax_compile]
        .iter()
        .flatten()
        .map(|ms| format!("{ms:.1} ms"))
        .collect();
    let line = format!(
        "{:<58}{:>10}{}{}   {}",
        row.name,
        show(row.ours),
        jax.unwrap_or_else(none),
        beside.or_else(limit).unwrap_or_else(none),
        compile.join(", ")
    );
    line.trim_end().to_string()
}

fn mark(met: Option<bool>) -> &'static str {
    match met {
        Some(false) => "!",
        _ => " ",
    }
}

/// The rows of a family as a table in Markdown. A ratio in bold letters misses its bar.
pub fn table(family: &str, rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let show = |x: f64| figure(x, row.in_bytes);
        let compared = |peer: &Option<Compared>, met: Option<bool>| match peer {
            None => ["", "", ""].map(String::from),
            Some(peer) => {
                let ratio = ratio(peer.ratio);
                let ratio = if met == Some(false) {
                    format!("**{ratio}**")
                } else {
                    ratio
                };
                [show(peer.figure), ratio, short(peer.bar)]
            }
        };
        let [jax, faster, bar] = compared(&row.jax, row.meets_jax());
        let [mut beside, of_it, mut most] = compared(&row.beside, row.meets_beside());
        let mut ours = show(row.ours);
        if let Some(limit) = row.at_most {
            (beside, most) = (String::new(), show(limit));
            if row.meets_limit() == Some(false) {
                ours = format!("**{ours}**");
            }
        }
        let name = row.name.replace('|', "\\|");
        format!("| {name} | {ours} | {jax} | {faster} | {bar} | {beside} | {of_it} | {most} |\n")
    });
    let rule = "|---|---|---|---|---|---|---|---|";
    format!(
        "| {family} | Gradus | JAX | faster | bar | beside | of it | at most |\n{rule}\n{}",
        lines.collect::<String>()
    )
}

/// A ratio with the digits that a repetition would give again.
fn ratio(x: f64) -> String {
    if x < 10.0 {
        format!("{x:.2}")
    } else {
        format!("{x:.0}")
    }
}

/// A bar without digits that say nothing.
fn short(bar: f64) -> String {
    let text = format!("{bar:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A time or a number of bytes with a unit that fits it.
fn figure(x: f64, in_bytes: bool) -> String {
    let (units, step) = match in_bytes {
        true => (["B", "KiB", "MiB", "GiB"], 1024.0),
        false => (["ns", "µs", "ms", "s"], 1000.0),
    };
    let (mut x, mut k) = (x, 0);
    while x >= step && k + 1 < units.len() {
        (x, k) = (x / step, k + 1);
    }
    match x {
        _ if k == 0 => format!("{x:.0} {}", units[k]),
        x if x < 10.0 => format!("{x:.2} {}", units[k]),
        x if x < 100.0 => format!("{x:.1} {}", units[k]),
        x => format!("{x:.0} {}", units[k]),
    }
}
