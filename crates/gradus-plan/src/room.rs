//! Whether a machine can address the arrays that an order makes: of those that it cannot, no program is made.

use crate::bound::{FORWARD, REVERSE};
use crate::plan::Problem;
use gradus_ir::{Error, ErrorKind, Graph, Op, Result, Type};

/// Why a candidate is left out.
pub(crate) const TOO_LARGE: &str = "no memory can hold its arrays";

/// The sizes that say how large the arrays of an order get, in bytes and elements.
pub(crate) struct Room {
    /// Elements of what is differentiated by, and of what is differentiated.
    x: usize,
    y: usize,
    /// Bytes of the largest array on the way.
    widest: usize,
}

impl Room {
    /// # Errors
    /// If a machine cannot address the derivative itself.
    pub fn of(problem: &Problem) -> Result<Room> {
        for y in problem.outputs() {
            for x in problem.inputs() {
                let whole = y.with_shape(&[&y.shape[..], &x.shape[..]].concat());
                if !whole.is_addressable() {
                    let message = format!(
                        "the derivative of {y} by {x} would be {whole}, more than a machine can address"
                    );
                    return Err(Error::new(ErrorKind::Memory, message));
                }
            }
        }
        let largest = |types: &[Type]| types.iter().map(Type::elements).max().unwrap_or(0);
        Ok(Room {
            x: largest(problem.inputs()),
            y: largest(problem.outputs()),
            widest: widest(problem.tangent()),
        })
    }

    /// Whether all arrays of the candidate can be addressed, if nothing is known of zeros in them.
    pub fn holds(&self, mode: &str) -> bool {
        let times = match mode {
            FORWARD => self.x,
            REVERSE => self.y,
            // An array by another one.
            _ => self.widest,
        };
        let bytes = self.widest.checked_mul(times.max(1));
        bytes.is_some_and(|n| isize::try_from(n).is_ok())
    }

    /// That no order is left.
    pub fn error(&self) -> Error {
        let Room { x, y, widest } = self;
        let message = format!(
            "the derivative of {y} numbers by {x} passes through arrays of {widest} bytes, and no memory can hold as many of them in any order"
        );
        Error::new(ErrorKind::Memory, message)
    }
}

/// Bytes of the largest array of a program and of those inside of it.
fn widest(graph: &Graph) -> usize {
    let of_node = graph.nodes().iter().map(|node| {
        let inside = match &node.op {
            Op::Region(region) => {
                let bodies = region.bodies();
                bodies.iter().map(|(_, body)| widest(body)).max()
            }
            _ => None,
        };
        let own = node.types().iter().map(Type::bytes).max();
        own.max(inside).unwrap_or(0)
    });
    of_node.max().unwrap_or(0)
}
