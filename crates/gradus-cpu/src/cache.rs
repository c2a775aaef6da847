//! Compiled programs, found again by what they compute.

use crate::executable::Executable;
use crate::limit;
use crate::options::CompileOptions;
use crate::recent::Recent;
use gradus_ir::primitives::Body;
use gradus_ir::{Graph, Op, Result};
use std::sync::{Arc, LazyLock};

/// How many programs are kept: those that ran last.
const MOST: usize = 4096;

struct Entry {
    /// Shared with the operation that holds the program, if one does.
    graph: Body,
    options: CompileOptions,
    executable: Arc<Executable>,
}

static CACHE: LazyLock<Recent<Arc<Entry>>> = LazyLock::new(|| {
    limit::on_release(release_memory);
    Recent::new(MOST)
});

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

/// The program with this fingerprint that computes the same as `graph`; if there is none, that of `compile`, which is
/// kept with the graph of `kept`.
///
/// # Errors
/// As `compile`.
pub(crate) fn find_or_compile(
    fingerprint: u64,
    graph: &Graph,
    options: &CompileOptions,
    kept: impl FnOnce() -> Body,
    compile: impl FnOnce() -> Result<Executable>,
) -> Result<Arc<Executable>> {
    let is = |e: &Arc<Entry>| {
        e.options == *options && e.graph.same(graph) && same_blame(&e.graph, graph)
    };
    if let Some(found) = CACHE.find(fingerprint, is) {
        return Ok(found.executable.clone());
    }
    // Others may compile meanwhile; at worst the same program is compiled twice.
    let entry = Arc::new(Entry {
        graph: kept(),
        options: options.clone(),
        executable: Arc::new(compile()?),
    });
    Ok(CACHE.keep(fingerprint, entry, is).executable.clone())
}

/// Gives back the memory that programs keep from run to run, where they do not run now.
fn release_memory() {
    CACHE.for_each(|entry| entry.executable.release_memory());
}
