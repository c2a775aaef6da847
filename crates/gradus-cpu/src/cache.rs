//! Compiled programs, found again by what they compute.

use crate::compile::{CompileOptions, compile};
use crate::run::Executable;
use gradus_ir::{Graph, Op, Result};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// So many programs are kept; beyond that all are forgotten, which costs time and changes no result.
const MOST: usize = 4096;

struct Entry {
    graph: Graph,
    options: CompileOptions,
    executable: Arc<Executable>,
}

static CACHE: LazyLock<Mutex<HashMap<u64, Vec<Entry>>>> = LazyLock::new(Mutex::default);

/// Whether what may go wrong while running belongs to the same lines in two programs that compute the same.
fn same_blame(a: &Graph, b: &Graph) -> bool {
    let mut pairs = a.nodes().iter().zip(b.nodes());
    pairs.all(|(a, b)| match (&a.op, &b.op) {
        (op, _) if !op.may_fail() => true,
        _ if a.loc != b.loc => false,
        (Op::Region(x), Op::Region(y)) => {
            let (x, y) = (x.bodies(), y.bodies());
            let mut bodies = x.iter().zip(&y);
            bodies.all(|((_, x), (_, y))| x.identity() == y.identity() || same_blame(x, y))
        }
        _ => true,
    })
}

/// The compiled program of `graph`, compiled now if no equal one was before.
///
/// # Errors
/// As [`compile`].
pub fn cached(graph: &Graph, options: &CompileOptions) -> Result<Arc<Executable>> {
    let key = graph.fingerprint();
    let find = |cache: &HashMap<u64, Vec<Entry>>| {
        let entries = cache.get(&key)?;
        entries
            .iter()
            .find(|e| e.options == *options && e.graph.same(graph) && same_blame(&e.graph, graph))
            .map(|e| e.executable.clone())
    };
    if let Some(found) = find(&CACHE.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(found);
    }
    // Others may compile meanwhile; at worst the same program is compiled twice.
    let executable = Arc::new(compile(graph, options)?);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = find(&cache) {
        return Ok(found);
    }
    if cache.len() >= MOST {
        cache.clear();
    }
    cache.entry(key).or_default().push(Entry {
        graph: graph.clone(),
        options: options.clone(),
        executable: executable.clone(),
    });
    Ok(executable)
}
