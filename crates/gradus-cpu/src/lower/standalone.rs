//! Lowers one operation to its step, with operands in the layout that the step needs.

use super::Lowering;
use crate::buffers::Role;
use crate::origin::Origin;
use crate::region::{self, Arrays};
use crate::standalone::{self, Product, Standalone};
use crate::step::Operand;
use crate::view::View;
use gradus_ir::primitives::{Contract, Gather, Region};
use gradus_ir::{DType, Graph, Node, NodeId, Op, Type, ValueId};

impl Lowering<'_> {
    /// Appends the step of an operation that does not fuse.
    pub(super) fn standalone(&mut self, id: NodeId) {
        let graph = self.graph;
        let node = graph.node(id);
        match &node.op {
            Op::Region(region) => self.region(id, region),
            Op::Contract(contract) => self.product(id, contract),
            Op::Gather(gather) => self.gather(id, gather),
            op => {
                let operands = node.operands.iter().map(|&o| self.whole(o)).collect();
                let results = node.results().map(|v| self.define(v)).collect();
                let types = (&operand_types(graph, node)[..], node.types());
                let step = standalone::step(op, types, operands, results);
                self.push(step, Origin::of_node(graph, id));
            }
        }
    }

    /// `take` or `scatter_add`. The step handles negative indices itself.
    /// A `scatter_add` to zeros gets no first operand.
    fn gather(&mut self, id: NodeId, gather: &Gather) {
        let (graph, fused) = (self.graph, self.fused);
        let node = graph.node(id);
        let mut given = fused.operands(graph, id);
        let (x, indices) = (graph.ty(given[0]), graph.ty(given[1]));
        let mut origin: Vec<ValueId> = Vec::new();
        let mut range = standalone::Range::Axis;
        if let Some(from_end) = fused.from_end.get(&id) {
            origin.extend(from_end.computed);
            range = standalone::Range::FromEnd;
        }
        origin.push(node.result());
        let adds = matches!(gather, Gather::ScatterAdd { .. });
        if adds && is_zero(&graph.maker(fused.resolved[given[0].index()].base).op) {
            given.remove(0);
        }
        let operands = given.into_iter().map(|o| self.whole(o)).collect();
        let results = node.results().map(|v| self.define(v)).collect();
        let step = standalone::gather(gather, (x, indices, range), operands, results);
        self.push(step, Origin::of(graph, &origin));
    }

    /// A product reads its operands in place if they have the layout of matrices. If not, it reads copies.
    fn product(&mut self, id: NodeId, contract: &Contract) {
        let graph = self.graph;
        let node = graph.node(id);
        let types = operand_types(graph, node);
        let product = |operands: &[Operand]| {
            let (left, right) = (&operands[0].view, &operands[1].view);
            Product::new(contract, &types, left, right)
        };
        let mut operands: Vec<Operand> = node.operands.iter().map(|&o| self.operand(o)).collect();
        let mut kernel = product(&operands);
        if kernel.is_none() {
            operands = node.operands.iter().map(|&o| self.whole(o)).collect();
            kernel = product(&operands);
        }
        if kernel.is_none() {
            operands = self.matrices(node, contract);
            kernel = product(&operands);
        }
        let Some(kernel) = kernel else {
            unreachable!("operands in matrix order always fit");
        };
        let results = node.results().map(|v| self.define(v)).collect();
        let step = Standalone::step(kernel, operands, results);
        self.push(step, Origin::of_node(graph, id));
    }

    /// Copies of both operands of a product with batch, free and summed axes in matrix order.
    fn matrices(&mut self, node: &Node, contract: &Contract) -> Vec<Operand> {
        let rank = |k: usize| self.graph.ty(node.operands[k]).rank();
        let (free_left, free_right) = (contract.free_left(rank(0)), contract.free_right(rank(1)));
        let left = [&contract.batch_left, &free_left, &contract.contract_left];
        let right = [&contract.batch_right, &contract.contract_right, &free_right];
        let orders = [left, right].map(|axes| axes.into_iter().flatten().copied().collect());
        let operands = node.operands.iter().zip(orders);
        operands
            .map(|(&o, order): (_, Vec<usize>)| self.in_order(o, &order, node))
            .collect()
    }

    /// A copy of value `o` with its axes in this order, seen in the value's own order.
    fn in_order(&mut self, o: ValueId, order: &[usize], user: &Node) -> Operand {
        let ty = self.graph.ty(o);
        let given = self.operand(o);
        let transposed = View {
            shape: order.iter().map(|&a| given.view.shape[a]).collect(),
            offset: given.view.offset,
            strides: order.iter().map(|&a| given.view.strides[a]).collect(),
        };
        let copied = ty.with_shape(&transposed.shape);
        let buffer = self.buffer(copied.clone(), Role::Temporary);
        let from = Operand {
            buffer: given.buffer,
            view: transposed,
        };
        self.copy(&from, &copied, buffer, user.loc);
        let mut view = View::whole(&copied.shape);
        for (&stride, &a) in View::whole(&copied.shape).strides.iter().zip(order) {
            view.strides[a] = stride;
        }
        view.shape = ty.shape.clone();
        Operand { buffer, view }
    }

    /// A region reads contiguous operands. It writes unused results, too.
    fn region(&mut self, id: NodeId, region: &Region) {
        let (graph, compile) = (self.graph, self.compile);
        let node = graph.node(id);
        let arrays = Arrays {
            operands: node.operands.iter().map(|&o| self.contiguous(o)).collect(),
            types: &operand_types(graph, node),
            results: node.results().map(|v| self.define(v)).collect(),
        };
        let scratch = |bytes: usize| {
            let ty = Type::new(DType::Bool, &[bytes]);
            self.buffer(ty, Role::Scratch)
        };
        let step = region::step(region, arrays, compile, scratch);
        self.push(step, Origin::of_region(graph, id));
    }
}

fn operand_types<'a>(graph: &'a Graph, node: &Node) -> Vec<&'a Type> {
    node.operands.iter().map(|&o| graph.ty(o)).collect()
}

/// Whether this is a literal whose elements have no bit set.
fn is_zero(op: &Op) -> bool {
    matches!(op, Op::Const(literal) if literal.to_ne_bytes().iter().all(|&byte| byte == 0))
}
