//! Control flow whose course is not known while a program is traced: choices, loops, parts computed again.
//!
//! A Rust `if` or `for` inside a traced function is run while tracing: the branch is chosen then, the loop unrolled. The functions here become one
//! operation of the program, with the closures as programs inside it. They are differentiated in both modes and to any order, batched and compiled like
//! everything else; what their closures use from outside is passed in by itself. Up to 512 of them, and of transforms, may stand within each other; more is an error.
//! In a build without optimisation each level takes about 13 KB of the thread's stack. A spawned thread has 2 MB
//! unless told otherwise, and holds about 150 levels then.
//!
//! All that a closure does while it is traced belongs to its program, transforms in it included, also what it computes from captured tensors alone. Only what the steps of a loop that
//! makes at least one compute from those is computed before it, which is no difference but in time.
//! A value that follows from captured concrete tensors alone can still be read there. Another thread that a closure starts works for it where it is given traced tensors; what that thread does
//! with concrete tensors alone is done at once.

mod branch;
mod growing;
mod invariant;
mod keep;
mod loops;
mod scan;

pub use branch::{cond, switch};
pub use keep::{Keep, checkpoint};
pub use loops::{
    LoopBound, LoopOptions, LoopRange, fori_loop, fori_loop_with, while_loop, while_loop_with,
};
pub(crate) use scan::run as scan_at;
pub use scan::{ScanOptions, associative_scan, map, scan, scan_with};

use crate::function::check_same;
use crate::tree::Tree;
use gradus_ir::Result;

/// Checks that a step returns what it carries with the types that it got.
fn check_carried<A: Tree>(name: &str, wanted: &A, got: &A) -> Result<()> {
    let what = format!("{name}: a step changes the type of what it carries");
    check_same(&what, wanted, got, |w, g| {
        let remedy = if w.dtype == g.dtype {
            "begin with the shape that a step returns, or let it return the one that it gets".into()
        } else {
            format!(
                "convert it with `astype({:?})`, or begin with {}",
                w.dtype, g.dtype
            )
        };
        format!("was {w}, is {g}; {remedy}")
    })
}
