//! Compiled programs, found again by what they compute.

use crate::compile::{CompileOptions, compile};
use crate::recent::Recent;
use crate::run::Executable;
use gradus_ir::primitives::Body;
use gradus_ir::{Graph, Op, Result};
use std::sync::{Arc, LazyLock};

/// So many programs are kept; beyond that those that ran last.
const MOST: usize = 4096;

struct Entry {
    /// Shared with the operation that holds the program, if one does.
    graph: Body,
    options: CompileOptions,
    executable: Arc<Executable>,
}

static CACHE: LazyLock<Recent<Arc<Entry>>> = LazyLock::new(|| Recent::new(MOST));

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

/// The compiled program of `graph`, compiled now if no equal one was before or it was forgotten: the 4,096 programs used last are kept.
///
/// # Errors
/// As [`compile`].
pub fn cached(graph: &Graph, options: &CompileOptions) -> Result<Arc<Executable>> {
    find_or_compile(graph.fingerprint(), graph, || graph.clone().into(), options)
}

/// As [`cached`], of a program that an operation holds: it is shared, not copied.
///
/// # Errors
/// As [`compile`].
pub(crate) fn cached_body(body: &Body, options: &CompileOptions) -> Result<Arc<Executable>> {
    find_or_compile(body.fingerprint(), body, || body.clone(), options)
}

fn find_or_compile(
    key: u64,
    graph: &Graph,
    kept: impl FnOnce() -> Body,
    options: &CompileOptions,
) -> Result<Arc<Executable>> {
    let is = |e: &Arc<Entry>| {
        e.options == *options && e.graph.same(graph) && same_blame(&e.graph, graph)
    };
    if let Some(found) = CACHE.find(key, is) {
        return Ok(found.executable.clone());
    }
    // Others may compile meanwhile; at worst the same program is compiled twice.
    let entry = Arc::new(Entry {
        graph: kept(),
        options: options.clone(),
        executable: Arc::new(compile(graph, options)?),
    });
    Ok(CACHE.keep(key, entry, is).executable.clone())
}

/// Gives back the memory that programs keep from run to run, of those that do not run now.
pub(crate) fn release_memory() {
    CACHE.for_each(|entry| entry.executable.release_memory());
}
