//! Finds an order of the steps that holds less memory at once.
//!
//! Greedy list scheduling: the next step is the runnable step that adds least to the memory held,
//! because it writes small buffers and ends large ones.

use crate::buffers::{BufferSpec, Role};
use crate::step::PlannedStep;
use std::collections::BTreeSet;

/// A new order is taken only if it needs at most this fraction of the given order's memory:
/// the given order follows the program and has its data in the cache.
const WORTH_IT: f64 = 0.9;

/// The buffers that each step reads and writes, and the steps that read and write each buffer.
struct Links {
    reads: Vec<Vec<usize>>,
    writes: Vec<Vec<usize>>,
    readers: Vec<Vec<usize>>,
    writer: Vec<Option<usize>>,
}

/// The steps in a valid order that needs no more memory at once than the given one.
pub(crate) fn schedule(steps: Vec<PlannedStep>, buffers: &[BufferSpec]) -> Vec<PlannedStep> {
    let links = Links::new(&steps, buffers.len());
    // Sizes beyond any memory are capped, so that the sum of all sizes does not overflow.
    let most = i64::MAX as u64 / (buffers.len() as u64 + 1);
    let bytes: Vec<u64> = buffers
        .iter()
        .map(|b| match b.role {
            Role::Temporary | Role::Scratch => (b.ty.bytes() as u64).min(most),
            // Inputs and results have separate memory in any order.
            Role::Input(_) | Role::Output(_) => 0,
        })
        .collect();
    let given: Vec<usize> = (0..steps.len()).collect();
    let other = links.greedy(&bytes);
    if links.peak(&other, &bytes) as f64 > WORTH_IT * links.peak(&given, &bytes) as f64 {
        return steps;
    }
    let mut steps: Vec<Option<PlannedStep>> = steps.into_iter().map(Some).collect();
    other.into_iter().filter_map(|k| steps[k].take()).collect()
}

impl Links {
    fn new(steps: &[PlannedStep], buffers: usize) -> Links {
        let distinct = |mut list: Vec<usize>| {
            list.sort_unstable();
            list.dedup();
            list
        };
        let mut links = Links {
            reads: Vec::new(),
            writes: Vec::new(),
            readers: vec![Vec::new(); buffers],
            writer: vec![None; buffers],
        };
        for (k, PlannedStep { step, .. }) in steps.iter().enumerate() {
            let reads = distinct(step.reads().iter().map(|(b, _)| b.index()).collect());
            let writes = distinct(step.writes().iter().map(|b| b.index()).collect());
            reads.iter().for_each(|&b| links.readers[b].push(k));
            writes.iter().for_each(|&b| links.writer[b] = Some(k));
            links.reads.push(reads);
            links.writes.push(writes);
        }
        links
    }

    /// The most bytes held at once in this order.
    fn peak(&self, order: &[usize], bytes: &[u64]) -> u64 {
        let mut left: Vec<usize> = self.readers.iter().map(Vec::len).collect();
        let (mut held, mut peak) = (0, 0);
        for &k in order {
            held += self.writes[k].iter().map(|&s| bytes[s]).sum::<u64>();
            peak = peak.max(held);
            for &s in &self.reads[k] {
                left[s] -= 1;
                if left[s] == 0 {
                    held -= bytes[s];
                }
            }
            // A buffer that no step reads ends at once.
            let unread = self.writes[k].iter().filter(|&&s| left[s] == 0);
            held -= unread.map(|&s| bytes[s]).sum::<u64>();
        }
        peak
    }

    fn greedy(&self, bytes: &[u64]) -> Vec<usize> {
        let n = self.reads.len();
        let mut left: Vec<usize> = self.readers.iter().map(Vec::len).collect();
        let mut waiting: Vec<usize> = (0..n)
            .map(|k| {
                self.reads[k]
                    .iter()
                    .filter(|&&s| self.writer[s].is_some())
                    .count()
            })
            .collect();
        let growth = |k: usize, left: &[usize]| -> i64 {
            let made: u64 = self.writes[k].iter().map(|&s| bytes[s]).sum();
            let ended = self.reads[k].iter().filter(|&&s| left[s] == 1);
            made as i64 - ended.map(|&s| bytes[s] as i64).sum::<i64>()
        };
        let mut score: Vec<i64> = (0..n).map(|k| growth(k, &left)).collect();
        let mut ready: BTreeSet<(i64, usize)> = (0..n)
            .filter(|&k| waiting[k] == 0)
            .map(|k| (score[k], k))
            .collect();
        let mut order = Vec::with_capacity(n);
        while let Some((_, k)) = ready.pop_first() {
            order.push(k);
            waiting[k] = usize::MAX;
            for &s in &self.reads[k] {
                left[s] -= 1;
                // The last remaining reader ends the array.
                if left[s] == 1
                    && let Some(&last) = self.readers[s].iter().find(|&&r| waiting[r] != usize::MAX)
                {
                    let was_ready = ready.remove(&(score[last], last));
                    score[last] = growth(last, &left);
                    if was_ready {
                        ready.insert((score[last], last));
                    }
                }
            }
            for &s in &self.writes[k] {
                for &r in &self.readers[s] {
                    waiting[r] -= 1;
                    if waiting[r] == 0 {
                        ready.insert((score[r], r));
                    }
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use crate::{CompileOptions, compile};
    use gradus_ir::Graph;
    use std::fmt::Write;

    /// Ten chains that begin with a large array and end with a number.
    fn chains() -> Graph {
        let (mut inputs, mut lines, mut results) = (Vec::new(), String::new(), Vec::new());
        for k in 0..10 {
            inputs.push(format!("%x{k}: f64[100]"));
            let _ = writeln!(
                lines,
                "%a{k}: f64[100,100] = contract{{batch_left=[], batch_right=[], contract_left=[], contract_right=[]}} %x{k}, %x{k}"
            );
            let _ = writeln!(
                lines,
                "%b{k}: f64[100,100] = cumsum{{axis=0, reverse=0}} %a{k}"
            );
            let _ = writeln!(lines, "%s{k}: f64[] = reduce_sum{{axes=[0,1]}} %b{k}");
            results.push(format!("%s{k}"));
        }
        let text = format!(
            "graph({}) {{ {lines} return {} }}",
            inputs.join(", "),
            results.join(", ")
        );
        text.parse().unwrap()
    }

    #[test]
    fn chains_run_one_after_the_other() {
        let program = compile(&chains(), &CompileOptions::default()).unwrap();
        let one = 100 * 100 * 8;
        assert!(
            program.report().arena_bytes <= 3 * one,
            "{}",
            program.report()
        );
    }
}
