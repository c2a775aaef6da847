//! Plans for derivatives: which order of the chain rule is taken, and what it costs.

use gradus_ir::{Graph, Result};
use gradus_plan::{Modes, PlanOptions};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// So many programs are kept; beyond that all are forgotten, which costs time and changes no result.
const MOST: usize = 1024;

struct Entry {
    graph: Graph,
    n: usize,
    modes: Modes,
    program: Arc<Graph>,
}

static PLANNED: LazyLock<Mutex<HashMap<u64, Vec<Entry>>>> = LazyLock::new(Mutex::default);

/// The program that computes the Jacobian of `graph` by its first `n` inputs in the cheapest order of `modes`; planned now if no equal one was before.
pub(super) fn planned(graph: &Graph, n: usize, modes: Modes) -> Result<Arc<Graph>> {
    let key = graph.fingerprint();
    let find = |cache: &HashMap<u64, Vec<Entry>>| {
        let mut entries = cache.get(&key)?.iter();
        entries
            .find(|e| {
                e.n == n && e.modes == modes && e.graph.same(graph) && same_places(&e.graph, graph)
            })
            .map(|e| e.program.clone())
    };
    if let Some(found) = find(&PLANNED.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(found);
    }
    let options = PlanOptions {
        modes,
        ..PlanOptions::default()
    };
    let plan = gradus_plan::jacobian(graph, n, &options, &|_| Ok(0))?;
    let program = Arc::new(plan.chosen().program.clone());
    let mut cache = PLANNED.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= MOST {
        cache.clear();
    }
    cache.entry(key).or_default().push(Entry {
        graph: graph.clone(),
        n,
        modes,
        program: program.clone(),
    });
    Ok(program)
}

/// Whether both programs come from the same lines, which errors and profiles name.
fn same_places(a: &Graph, b: &Graph) -> bool {
    a.nodes().iter().zip(b.nodes()).all(|(a, b)| a.loc == b.loc)
}
