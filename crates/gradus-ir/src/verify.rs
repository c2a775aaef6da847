//! The verifier: what every graph must satisfy, checked after each transform and pass in debug builds.
//!
//! 1. The inputs are exactly the `input` nodes, each once, numbered in order.
//! 2. Operands come before their users; outputs exist.
//! 3. The type of each node is the one that its operation gives for its operands.
//! 4. A constant has the element type of its literal; the axis of an iota exists, and its elements are numbers.
//! 5. No array is larger than the address space.
//! 6. Programs take and return arrays: no lists, and no node that stands for all results of a region. Only a `result` takes such a node.
//! 7. The programs that regions hold are well formed themselves.
//! 8. (in [`check_after`]) The text of the graph reads back to the same text, if its programs are not nested deep: the text of those grows with the square of their number.

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, NodeId};
use crate::primitives::Op;
use crate::text;
use crate::types::DType;
use hashbrown::HashSet;
use std::cell::RefCell;

/// Checks points 1 to 7.
///
/// # Errors
/// Names the first node that is wrong and what is wrong with it, and prints its neighbours.
pub fn verify(graph: &Graph) -> Result<()> {
    for (k, &i) in graph.inputs().iter().enumerate() {
        if i.index() >= graph.len() || graph.node(i).op != Op::Input(k as u32) {
            return Err(Error::new(
                ErrorKind::Graph,
                format!("input {k} is {i:?}, which is not the node of input {k}"),
            ));
        }
    }
    if let Some(o) = graph.outputs().iter().find(|o| o.index() >= graph.len()) {
        return Err(Error::new(
            ErrorKind::Graph,
            format!("the output {o:?} does not exist"),
        ));
    }
    ends(graph)?;
    for id in graph.ids() {
        if let Some(region) = graph.region(id) {
            for (_, body) in region.bodies() {
                body.verify()?;
            }
        }
        if let Some(wrong) = node_fault(graph, id) {
            return Err(Error::new(
                ErrorKind::Graph,
                format!("{id:?} {wrong}\n{}", neighbours(graph, id)),
            )
            .at(graph.node(id).loc));
        }
    }
    Ok(())
}

/// Checks that what enters and leaves the program are arrays.
///
/// # Errors
/// Names the first input or output that is none.
pub fn ends(graph: &Graph) -> Result<()> {
    let mut ends = graph.inputs().iter().chain(graph.outputs());
    ends.try_for_each(|&end| match no_array(graph, end) {
        None => Ok(()),
        Some(what) => {
            let message = format!("{end:?} is {what}, which cannot enter or leave a program");
            Err(Error::new(ErrorKind::Graph, message).at(graph.node(end).loc))
        }
    })
}

/// What a node is that is no array.
pub(crate) fn no_array(graph: &Graph, id: NodeId) -> Option<String> {
    if graph.region(id).is_some() {
        let name = graph.node(id).op.name();
        return Some(format!("all results of `{name}` together"));
    }
    graph.ty(id).list.then(|| "a list".to_string())
}

/// Programs nested deeper are not printed and read at each step.
const DEEP: usize = 16;

/// So many programs are known to read back; then they are forgotten.
const MOST_READ: usize = 4096;

thread_local! {
    /// The fingerprints of programs whose text has been read back.
    static READ: RefCell<HashSet<u64>> = RefCell::default();
}

/// In debug builds, all checks on what `pass` made.
///
/// # Panics
/// If one fails, which is a mistake in the pass.
#[track_caller]
pub fn check_after(pass: &str, graph: &Graph) {
    if !cfg!(debug_assertions) {
        return;
    }
    if let Err(e) = verify(graph) {
        panic!("after `{pass}` the graph is wrong: {e}");
    }
    // Most passes leave most programs as they are, and candidates of a plan have programs in common.
    let program = graph.fingerprint();
    if graph.depth() > DEEP || READ.with_borrow(|read| read.contains(&program)) {
        return;
    }
    let printed = graph.to_string();
    match printed.parse::<Graph>() {
        Ok(read) if read.to_string() == printed => {}
        Ok(read) => panic!("after `{pass}` the text\n{printed}reads back as\n{read}"),
        Err(e) => panic!("after `{pass}` the text does not read back: {e}"),
    }
    READ.with_borrow_mut(|read| {
        if read.len() == MOST_READ {
            read.clear();
        }
        read.insert(program);
    });
}

fn node_fault(graph: &Graph, id: NodeId) -> Option<String> {
    let node = graph.node(id);
    if let Some(late) = node.operands.iter().find(|o| o.index() >= id.index()) {
        return Some(format!("uses {late:?}, which does not come before it"));
    }
    let ty = &node.ty;
    if !ty.is_addressable() {
        return Some(format!("is {ty}, which no memory can hold"));
    }
    match &node.op {
        Op::Input(k) if graph.inputs().get(*k as usize) != Some(&id) => {
            Some(format!("is not listed as input {k}"))
        }
        Op::Const(value) if value.dtype() != ty.dtype => {
            Some(format!("is {ty} with the literal {value:?}"))
        }
        Op::Iota(axis) if *axis >= ty.rank() || ty.dtype == DType::Bool => {
            Some(format!("is {ty} with the axis {axis}"))
        }
        Op::Input(_) | Op::Const(_) | Op::Iota(_) if !node.operands.is_empty() => {
            Some("has operands, but its operation takes none".into())
        }
        Op::Input(_) | Op::Const(_) | Op::Iota(_) => None,
        op => match graph.result_type(op, &node.operands) {
            Ok(given) if given == *ty => None,
            Ok(given) => Some(format!("is {ty}, but its operation gives {given}")),
            Err(e) => Some(format!("has operands that do not fit: {}", e.message())),
        },
    }
}

/// The node with its operands and its users, as printed.
fn neighbours(graph: &Graph, id: NodeId) -> String {
    // Names by position, as the message calls the node: the graph may be too broken for those of the text.
    let names: Vec<usize> = (0..graph.len()).collect();
    let mut lines = Vec::new();
    for near in graph.ids() {
        let node = graph.node(near);
        if near == id || graph.node(id).operands.contains(&near) || node.operands.contains(&id) {
            let mark = if near == id { ">" } else { " " };
            lines.push(format!("  {mark} {}", text::line(graph, &names, near)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::{Call, Region, Unary};
    use crate::{Operands, Type};

    #[test]
    fn a_wrong_type_is_shown_with_its_neighbours() {
        let mut graph = Graph::new();
        let x = graph.input(Type::new(DType::F64, &[3]));
        let y = graph.add_verbatim(
            Op::Unary(Unary::Sin),
            Operands::from_slice(&[x]),
            Type::new(DType::F64, &[2]),
        );
        let z = graph.emit(Op::Unary(Unary::Cos), &[y]);
        graph.set_outputs(vec![z]);
        let message = verify(&graph).unwrap_err().to_string();
        insta::assert_snapshot!(message, @"
        %1 is f64[2], but its operation gives f64[3]
            %0: f64[3] = input
          > %1: f64[2] = sin %0
            %2: f64[2] = cos %1
        ");
    }

    #[test]
    #[cfg(debug_assertions)]
    fn the_pass_is_named() {
        let mut graph = Graph::new();
        let ty = Type::new(DType::F32, &[2]);
        let wrong = graph.add_verbatim(
            Op::Const(crate::Literal::from_f64(DType::F64, 1.0)),
            Operands::new(),
            ty,
        );
        graph.set_outputs(vec![wrong]);
        let panic = std::panic::catch_unwind(|| check_after("fold", &graph)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        insta::assert_snapshot!(message, @"
        after `fold` the graph is wrong: %0 is f32[2] with the literal 1.0f64
          > %0: f32[2] = const 1.0
        ");
    }

    /// A program of one loop over `f64[4]`, and the node of the loop.
    fn looped() -> (Graph, NodeId) {
        let text = "graph(%0: f64[], %1: f64[4]) {
          %2: bool[0] = scan{consts=0, carries=1, length=4, body=graph(%0: i64[], %1: f64[], %2: f64[]) {
            return %2, %1
          }} %0, %1
          %3: f64[] = result{index=0} %2
          return %3
        }";
        let graph: Graph = text.parse().unwrap();
        let region = graph.ids().find(|&id| graph.region(id).is_some());
        (graph, region.unwrap())
    }

    #[test]
    fn results_that_no_region_has() {
        let (graph, region) = looped();
        let wrong = |of: NodeId, index: u32, ty: Type| {
            let mut g = graph.clone();
            let op = Op::Result {
                index,
                ty: ty.clone(),
            };
            g.add_verbatim(op, Operands::from_slice(&[of]), ty);
            let message = verify(&g).unwrap_err().message().to_string();
            message.lines().next().unwrap().to_string()
        };
        let scalar = Type::scalar(DType::F64);
        insta::assert_snapshot!(wrong(region, 5, scalar.clone()), @"%4 has operands that do not fit: result: 5 of a region of 2 results");
        insta::assert_snapshot!(wrong(region, 0, Type::new(DType::F64, &[7])), @"%4 has operands that do not fit: result: 0 of this region is f64[], not f64[7]");
        insta::assert_snapshot!(wrong(graph.inputs()[0], 0, scalar), @"%4 has operands that do not fit: result: takes a region, such as a loop");
    }

    #[test]
    fn what_is_wrong_in_a_body_is_wrong() {
        let ty = Type::new(DType::F64, &[2]);
        let mut inner = Graph::new();
        inner.input(ty.clone());
        let literal = crate::Literal::from_f64(DType::F32, 1.0);
        let y = inner.add_verbatim(Op::Const(literal), Operands::new(), ty.clone());
        inner.set_outputs(vec![y]);
        let mut outer = Graph::new();
        let x = outer.input(ty);
        let call = Region::Call(Call::Checkpoint(inner.into()));
        let y = outer.add_region(call, &[x]).unwrap();
        outer.set_outputs(y);
        insta::assert_snapshot!(verify(&outer).unwrap_err(), @"
        %1 is f64[2] with the literal 1.0f32
          > %1: f64[2] = const 1.0
        ");
    }

    #[test]
    fn lists_neither_enter_nor_leave_a_program() {
        let mut inner = Graph::new();
        let list = inner.input(Type::scalar(DType::F64).listed());
        insta::assert_snapshot!(verify(&inner).unwrap_err(), @"%0 is a list, which cannot enter or leave a program");
        // Inside a region no more than outside.
        inner.set_outputs(vec![list]);
        let mut outer = Graph::new();
        let x = outer.input(Type::scalar(DType::F64));
        let call = Op::Region(std::sync::Arc::new(Region::Call(Call::Checkpoint(
            inner.into(),
        ))));
        outer.add_verbatim(call, Operands::from_slice(&[x]), Type::token());
        insta::assert_snapshot!(verify(&outer).unwrap_err(), @"%0 is a list, which cannot enter or leave a program");
    }
}
