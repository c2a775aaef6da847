//! The confusion matrix: for each class, how often each guess was made.

/// A table of counts: a row for each class, a column for each guess, and the share of the class that was found.
pub fn table(guesses: &[i64], labels: &[u8], classes: usize) -> String {
    let mut counts = vec![vec![0usize; classes]; classes];
    for (&guess, &label) in guesses.iter().zip(labels) {
        counts[usize::from(label)][guess as usize] += 1;
    }
    let largest = counts.iter().flatten().max().copied().unwrap_or(0);
    let width = largest
        .to_string()
        .len()
        .max(classes.saturating_sub(1).to_string().len())
        + 2;
    let mut lines =
        vec!["confusion matrix: rows are the digits, columns the predictions".to_string()];
    let header: String = (0..classes).map(|c| format!("{c:>width$}")).collect();
    lines.push(format!("      {header}    found"));
    for (class, row) in counts.iter().enumerate() {
        let cells: String = row
            .iter()
            .map(|&n| match n {
                0 => format!("{:>width$}", "·"),
                n => format!("{n:>width$}"),
            })
            .collect();
        let all: usize = row.iter().sum();
        let found = 100.0 * row[class] as f64 / all.max(1) as f64;
        lines.push(format!("  {class:>3} {cells}  {found:5.1} %"));
    }
    lines.join("\n") + "\n"
}

/// The right guesses, in percent and as a count.
pub fn accuracy(guesses: &[i64], labels: &[u8]) -> String {
    let right = guesses
        .iter()
        .zip(labels)
        .filter(|&(&g, &l)| g == i64::from(l))
        .count();
    let share = 100.0 * right as f64 / labels.len().max(1) as f64;
    format!("{share:.2} % ({right} of {})", labels.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_table() {
        let (guesses, labels) = ([0, 1, 1, 2, 0], [0u8, 1, 1, 2, 2]);
        assert_eq!(
            table(&guesses, &labels, 3),
            "confusion matrix: rows are the digits, columns the predictions\n        0  1  2    found\n    0   1  ·  ·  100.0 %\n    1   ·  2  ·  100.0 %\n    2   1  ·  1   50.0 %\n"
        );
        assert_eq!(accuracy(&guesses, &labels), "80.00 % (4 of 5)");
    }
}
