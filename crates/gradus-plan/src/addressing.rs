//! Checks whether a machine can address the arrays of an order.
//! The planner builds no program whose arrays are too large.

use crate::problem::Problem;
use gradus_ir::{Error, ErrorKind, Graph, Op, Result, Type};

/// The sizes that bound the arrays of an order.
pub(crate) struct Addressing {
    /// Elements of the largest input.
    x: usize,
    /// Elements of the largest output.
    y: usize,
    /// Bytes of the largest array of the linear program.
    widest: usize,
}

/// The vectors that an order carries through the linear program.
#[derive(Clone, Copy)]
pub(crate) enum Carried {
    /// One for each element of an input.
    Inputs,
    /// One for each element of an output.
    Outputs,
    /// One for each element of any array.
    Arrays,
}

impl Addressing {
    /// # Errors
    /// If a machine cannot address the derivative itself.
    pub fn of(problem: &Problem) -> Result<Addressing> {
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
        Ok(Addressing {
            x: largest(problem.inputs()),
            y: largest(problem.outputs()),
            widest: widest(problem.tangent()),
        })
    }

    /// Whether all arrays of an order that carries these vectors can be addressed, even without structural zeros.
    pub fn holds(&self, carried: Carried) -> bool {
        let vectors = match carried {
            Carried::Inputs => self.x,
            Carried::Outputs => self.y,
            Carried::Arrays => self.widest,
        };
        let bytes = self.widest.checked_mul(vectors.max(1));
        bytes.is_some_and(|n| isize::try_from(n).is_ok())
    }

    /// The error of a derivative for which no order is left.
    pub fn error(&self) -> Error {
        let Addressing { x, y, widest } = self;
        let message = format!(
            "the derivative of {y} numbers by {x} passes through arrays of {widest} bytes, and no memory can hold as many of them in any order"
        );
        Error::new(ErrorKind::Memory, message)
    }
}

/// Bytes of the largest array of a program and of the programs in it.
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
