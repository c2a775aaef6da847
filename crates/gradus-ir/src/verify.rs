//! The verifier: what every graph must satisfy, checked after each transform and pass in debug builds.
//!
//! 1. The inputs are exactly the `input` nodes, each once, numbered in order.
//! 2. Operands come before their users; outputs exist.
//! 3. The types of a node's results are the types that its operation gives for its operands.
//! 4. A constant has the element type of its literal; the axis of an iota exists, and its elements are numbers.
//! 5. No array is larger than the address space.
//! 6. Programs take and return arrays, no lists.
//! 7. The programs in regions are well formed themselves.
//! 8. (in [`check_after`]) The text of each node reads back to the same text, and so does that of one program in sixteen,
//!    unless its programs are nested deep: their text grows with the square of the depth.

use crate::Operands;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, Node, ValueId};
use crate::primitives::Op;
use crate::text;
use crate::types::{DType, Type};
use hashbrown::{DefaultHashBuilder, HashSet};
use std::cell::RefCell;
use std::hash::{BuildHasher, Hash, Hasher};

/// Checks points 1 to 7.
///
/// # Errors
/// Names the first wrong node and the fault, and prints its neighbours.
pub fn verify(graph: &Graph) -> Result<()> {
    for (k, &i) in graph.inputs().iter().enumerate() {
        if i.index() >= graph.len() || graph.maker(i).op != Op::Input(k as u32) {
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
    for node in graph.nodes() {
        if let Some(region) = node.region() {
            for (_, body) in region.bodies() {
                body.check_once(verify)?;
            }
        }
        if let Some(wrong) = node_fault(graph, node) {
            return Err(Error::new(
                ErrorKind::Graph,
                format!("{} {wrong}\n{}", called(node), neighbours(graph, node)),
            )
            .at(node.loc));
        }
    }
    Ok(())
}

/// The name of a node in messages: its first result.
fn called(node: &Node) -> String {
    match node.results().next() {
        Some(v) => format!("{v:?}"),
        None => format!("`{}`", node.op.name()),
    }
}

/// Checks that the inputs and outputs of the program are arrays.
///
/// # Errors
/// Names the first input or output that is not an array.
pub fn ends(graph: &Graph) -> Result<()> {
    let mut ends = graph.inputs().iter().chain(graph.outputs());
    ends.try_for_each(|&end| match graph.ty(end).is_list() {
        false => Ok(()),
        true => {
            let message = format!("{end:?} is a list, which cannot enter or leave a program");
            Err(Error::new(ErrorKind::Graph, message).at(graph.maker(end).loc))
        }
    })
}

/// Programs that are nested deeper are not printed and read at each step.
const DEEP: usize = 16;

/// One program in this many is read back as a whole. Of the others, each new node is read back.
const WHOLE: usize = 16;

/// The number of texts that are remembered as read back. After that the memory is cleared.
const MOST_READ: usize = 4096;

/// What has been read back, as hashes.
#[derive(Default)]
struct ReadBack {
    hasher: DefaultHashBuilder,
    /// Operations with the types of their operands and results.
    nodes: HashSet<u64>,
    programs: HashSet<u64>,
}

thread_local! {
    static READ: RefCell<ReadBack> = RefCell::default();
}

/// In debug builds, runs all checks on the result of `pass`.
///
/// # Panics
/// If a check fails, which is a mistake in the pass.
#[track_caller]
pub fn check_after(pass: &str, graph: &Graph) {
    if !cfg!(debug_assertions) {
        return;
    }
    if let Err(e) = verify(graph) {
        panic!("after `{pass}` the graph is wrong: {e}");
    }
    READ.with_borrow_mut(|read| {
        if graph.depth() <= DEEP && read.is_its_turn(graph) {
            reads_back(pass, graph);
        }
        let alone = graph.nodes().iter().filter(|node| read.is_new(graph, node));
        alone.for_each(|node| reads_back(pass, &program_of(graph, node)));
    });
}

impl ReadBack {
    /// Whether this program is new, and one of those that are read back as a whole.
    fn is_its_turn(&mut self, graph: &Graph) -> bool {
        // Most passes leave most programs unchanged, and candidates of a plan share programs.
        let turn = self.programs.len().is_multiple_of(WHOLE);
        remember(&mut self.programs, graph.fingerprint()) && turn
    }

    /// Whether such a node is new, and can be a program by itself. What is inside a region has been checked in its turn.
    fn is_new(&mut self, graph: &Graph, node: &Node) -> bool {
        let operands = || node.operands.iter().map(|&o| graph.ty(o));
        if matches!(node.op, Op::Input(_))
            || node.region().is_some()
            || operands().chain(node.types()).any(Type::is_list)
        {
            return false;
        }
        let mut hasher = self.hasher.build_hasher();
        node.op.hash(&mut hasher);
        operands().for_each(|ty| ty.hash(&mut hasher));
        node.types().hash(&mut hasher);
        remember(&mut self.nodes, hasher.finish())
    }
}

/// Whether `hash` was not in the set before.
fn remember(set: &mut HashSet<u64>, hash: u64) -> bool {
    if set.len() == MOST_READ {
        set.clear();
    }
    set.insert(hash)
}

/// The program that does what the node does.
fn program_of(graph: &Graph, node: &Node) -> Graph {
    let mut program = Graph::new();
    let operands: Operands = (node.operands.iter())
        .map(|&o| program.input_like(graph, o))
        .collect();
    let results = program.add_again(node, &operands);
    program.set_outputs(results.to_vec());
    program
}

#[track_caller]
fn reads_back(pass: &str, graph: &Graph) {
    let printed = graph.to_string();
    match printed.parse::<Graph>() {
        Ok(read) if read.to_string() == printed => {}
        Ok(read) => panic!("after `{pass}` the text\n{printed}reads back as\n{read}"),
        Err(e) => panic!("after `{pass}` the text does not read back: {e}"),
    }
}

fn node_fault(graph: &Graph, node: &Node) -> Option<String> {
    let late = |o: &&ValueId| node.results().next().is_some_and(|first| **o >= first);
    if let Some(late) = node.operands.iter().find(late) {
        return Some(format!("uses {late:?}, which does not come before it"));
    }
    let types = node.types();
    if let Some(ty) = types.iter().find(|ty| !ty.is_addressable()) {
        return Some(format!("is {ty}, which no memory can hold"));
    }
    let leaf = matches!(node.op, Op::Input(_) | Op::Const(_) | Op::Iota(_));
    if leaf && !node.operands.is_empty() {
        return Some("has operands, but its operation takes none".into());
    }
    match &node.op {
        Op::Input(k) if graph.inputs().get(*k as usize) != Some(&node.result()) => {
            Some(format!("is not listed as input {k}"))
        }
        Op::Const(value) if value.dtype() != node.ty().dtype => {
            Some(format!("is {} with the literal {value:?}", node.ty()))
        }
        Op::Iota(axis) if *axis >= node.ty().rank() || node.ty().dtype == DType::Bool => {
            Some(format!("is {} with the axis {axis}", node.ty()))
        }
        Op::Input(_) | Op::Const(_) | Op::Iota(_) => None,
        op => match graph.result_types(op, &node.operands) {
            Ok(given) if *given == *types => None,
            Ok(given) => Some(format!(
                "is {}, but its operation gives {}",
                text::listed(types),
                text::listed(&*given)
            )),
            Err(e) => Some(format!("has operands that do not fit: {}", e.message())),
        },
    }
}

/// The node with the makers of its operands and its users, as printed.
fn neighbours(graph: &Graph, of: &Node) -> String {
    // Names by position, as the message names the node: the graph can be too broken for the names of the text.
    let names: Vec<usize> = (0..graph.len()).collect();
    let mut lines = Vec::new();
    for near in graph.nodes() {
        let makes = |user: &Node| {
            user.operands
                .iter()
                .any(|o| near.results().any(|v| v == *o))
        };
        let uses = || near.operands.iter().any(|o| of.results().any(|v| v == *o));
        let itself = std::ptr::eq(near, of);
        if itself || makes(of) || uses() {
            let mark = if itself { ">" } else { " " };
            lines.push(format!("  {mark} {}", text::line(&names, near)));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::region::Recompute;
    use crate::primitives::{Region, Unary};
    use crate::{Operands, Type, Types};

    #[test]
    fn a_wrong_type_is_shown_with_its_neighbours() {
        let mut graph = Graph::new();
        let x = graph.input(Type::new(DType::F64, &[3]));
        let y = graph.add_verbatim(
            Op::Unary(Unary::Sin),
            Operands::from_slice(&[x]),
            Types::One(Type::new(DType::F64, &[2])),
        );
        let z = graph.emit(Op::Unary(Unary::Cos), &y);
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
            Types::One(ty),
        );
        graph.set_outputs(wrong.to_vec());
        let panic = std::panic::catch_unwind(|| check_after("fold", &graph)).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        insta::assert_snapshot!(message, @"
        after `fold` the graph is wrong: %0 is f32[2] with the literal 1.0f64
          > %0: f32[2] = const 1.0
        ");
    }

    #[test]
    fn results_that_no_region_has() {
        let text = "graph(%0: f64[], %1: f64[4]) {
          %2: f64[], %3: f64[4] = scan{consts=0, carries=1, length=4, body=graph(%0: i64[], %1: f64[], %2: f64[]) {
            return %2, %1
          }} %0, %1
          return %2
        }";
        let graph: Graph = text.parse().unwrap();
        let node = &graph.nodes()[2];
        let wrong = |types: &[Type]| {
            let mut g = graph.clone();
            g.add_verbatim(
                node.op.clone(),
                node.operands.clone(),
                types.to_vec().into(),
            );
            let message = verify(&g).unwrap_err().message().to_string();
            message.lines().next().unwrap().to_string()
        };
        let (scalar, rows) = (Type::scalar(DType::F64), Type::new(DType::F64, &[4]));
        insta::assert_snapshot!(wrong(std::slice::from_ref(&scalar)), @"%4 is f64[], but its operation gives f64[], f64[4]");
        insta::assert_snapshot!(wrong(&[rows, scalar]), @"%4 is f64[4], f64[], but its operation gives f64[], f64[4]");
    }

    #[test]
    fn what_is_wrong_in_a_body_is_wrong() {
        let ty = Type::new(DType::F64, &[2]);
        let mut inner = Graph::new();
        inner.input(ty.clone());
        let literal = crate::Literal::from_f64(DType::F32, 1.0);
        let y = inner.add_verbatim(Op::Const(literal), Operands::new(), Types::One(ty.clone()));
        inner.set_outputs(y.to_vec());
        let mut outer = Graph::new();
        let x = outer.input(ty);
        let call = Region::Call(Recompute::checkpoint(inner.into()));
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
        // Inside a region the same holds as outside.
        inner.set_outputs(vec![list]);
        let mut outer = Graph::new();
        let x = outer.input(Type::scalar(DType::F64));
        let call = Op::Region(std::sync::Arc::new(Region::Call(Recompute::checkpoint(
            inner.into(),
        ))));
        outer.add_verbatim(call, Operands::from_slice(&[x]), Types::Several(Vec::new()));
        insta::assert_snapshot!(verify(&outer).unwrap_err(), @"%0 is a list, which cannot enter or leave a program");
    }
}
