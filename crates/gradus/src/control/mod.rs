//! Control flow that depends on values of a traced program: choices, loops, and checkpoints.
//!
//! A Rust `if` or `for` inside a traced function runs while tracing:
//! it chooses the branch then, and unrolls the loop.
//! The functions here become one operation of the program instead, with the closures as programs inside it.
//! They are differentiated in both modes and to any order, batched and compiled like other operations.
//! Values that their closures capture are passed in automatically.
//! They can be nested, with transforms, up to 512 levels deep; more is an error.
//! In a build without optimisation each level takes about 13 KB of the thread's stack.
//! A spawned thread has 2 MB by default, which is enough for about 150 levels.
//!
//! Every operation of a closure belongs to its program, including transforms,
//! and even if it uses captured tensors alone.
//! There is one exception: if a loop makes at least one step, computations of its steps from captured tensors
//! alone are moved before the loop, which only saves time.
//! A value that follows from captured concrete tensors alone can still be read in a closure.
//! If a closure starts another thread and gives it traced tensors, the thread's operations on them belong to the
//! closure; operations on concrete tensors alone run at once.

mod branch;
mod growing;
mod invariant;
mod keep;
mod loops;
mod operands;
mod scan;

pub use branch::{cond, switch};
pub use keep::{Keep, checkpoint};
pub use loops::{
    LoopBound, LoopOptions, LoopRange, fori_loop, fori_loop_with, while_loop, while_loop_with,
};
pub(crate) use scan::run as scan_at;
pub use scan::{ScanOptions, associative_scan, associative_scan_reverse, map, scan, scan_with};

use crate::function::check_same;
use crate::tree::Tree;
use gradus_ir::Result;

/// Checks that a step returns the types that it carries.
fn check_carried<A: Tree>(name: &str, wanted: &A, got: &A) -> Result<()> {
    let what = format!("{name}: a step changes the type of a carried value");
    check_same(&what, wanted, got, |w, g| {
        let remedy = if w.dtype == g.dtype {
            "begin with the shape that a step returns, or let the step return the shape that it gets".into()
        } else {
            format!(
                "convert it with `astype({:?})`, or begin with {}",
                w.dtype, g.dtype
            )
        };
        format!("was {w}, is {g}; {remedy}")
    })
}
