//! Runs a graph node by node.

use crate::array::{Tensor, Value};
use crate::{arrange, elementwise, index, product, reduce, region};
use gradus_engine::{Array, Counts, Member, Observer, TimedStep};
use gradus_ir::primitives::Op;
use gradus_ir::{Graph, Literal, Node, Result};
use std::time::Instant;

/// One run of a graph, including the graphs inside its regions.
#[derive(Default)]
pub struct Run {
    /// Values for observers, in the order in which they were made.
    seen: Vec<(u64, Array)>,
    counts: Counts,
    /// The bytes of the values that are held now.
    held: usize,
    /// Whether steps are timed.
    timed: bool,
    steps: Vec<TimedStep>,
}

impl Run {
    /// A run that times its nodes; nodes inside a region count towards the region's time.
    pub fn timed() -> Run {
        Run {
            timed: true,
            ..Run::default()
        }
    }

    /// Runs a graph on these inputs and gives the values of its outputs.
    /// Nodes run if an output needs them or they have an effect.
    ///
    /// # Errors
    /// The error of a node, with its line.
    pub fn graph(&mut self, graph: &Graph, inputs: &[Value]) -> Result<Vec<Value>> {
        let (live, before) = (graph.live(), self.held);
        let mut values: Vec<Option<Value>> = vec![None; graph.ids().len()];
        let timed = std::mem::take(&mut self.timed);
        for node in graph.nodes().iter().filter(|node| node.runs(&live)) {
            let begin = Instant::now();
            let results = match node.op {
                Op::Input(k) => vec![inputs[k as usize].clone()],
                _ => {
                    let operands = node.operands.iter().map(|o| values[o.index()].clone());
                    let operands: Vec<Value> = operands.flatten().collect();
                    let results = self
                        .node(graph, node, &operands)
                        .map_err(|e| e.at(node.loc))?;
                    self.hold(results.iter().map(Value::bytes).sum());
                    results
                }
            };
            if timed && !matches!(node.op, Op::Input(_)) {
                self.steps.push(step(graph, node, begin));
            }
            node.note(&mut values, results);
        }
        self.held = before;
        let outputs = graph.outputs().iter();
        Ok(outputs.filter_map(|o| values[o.index()].clone()).collect())
    }

    /// The results of one node.
    fn node(&mut self, graph: &Graph, node: &Node, operands: &[Value]) -> Result<Vec<Value>> {
        if let Op::Region(region) = &node.op {
            return region::region(self, region, node.types(), operands);
        }
        let cost = graph.cost(node);
        self.counts.by_work.add(cost.work, cost.operations);
        self.counts.bytes += cost.bytes_read + cost.bytes_written;
        if let Op::Sort(op) = &node.op {
            let results = index::sort(op, node.types(), operands[0].array())?;
            return Ok(results.into_iter().map(Value::Array).collect());
        }
        let (ty, x) = (node.ty(), |k: usize| operands[k].array());
        let arrays = || operands.iter().map(Value::array).collect::<Vec<_>>();
        let result = match &node.op {
            Op::Input(_) | Op::Region(_) | Op::Sort(_) => unreachable!("handled above"),
            Op::Const(value) => Tensor::build(ty, |_| *value),
            Op::Iota(axis) => {
                Tensor::build(ty, |index| Literal::from_i64(ty.dtype, index[*axis] as i64))
            }
            Op::Unary(op) => elementwise::unary(*op, ty, x(0)),
            Op::Cast(to) => elementwise::cast(*to, ty, x(0)),
            Op::Binary(op) => elementwise::binary(*op, ty, x(0), x(1)),
            Op::Compare(op) => elementwise::compare(*op, ty, x(0), x(1)),
            Op::Select(_) => elementwise::select(ty, x(0), x(1), x(2)),
            Op::Layout(op) => arrange::layout(op, ty, x(0)),
            Op::Resize(op) => arrange::resize(op, ty, &arrays()),
            Op::Gather(op) => index::gather(op, ty, &arrays()),
            Op::Dynamic(op) => index::dynamic(op, ty, &arrays()),
            Op::Reduce(op) => reduce::reduce(op, ty, x(0)),
            Op::ArgReduce(op) => reduce::arg_reduce(op, ty, x(0)),
            Op::CumSum(op) => reduce::cumsum(op, ty, x(0)),
            Op::Contract(op) => product::contract(op, ty, x(0), x(1)),
            Op::Probe(probe) => {
                self.see(probe.id, x(0), operands.get(1).map(Value::array))?;
                Ok(x(0).clone())
            }
        };
        Ok(vec![Value::Array(result?)])
    }

    /// Keeps a value for its observer: all of it, or only the rows that `shown` selects.
    fn see(&mut self, observer: u64, value: &Tensor, shown: Option<&Tensor>) -> Result<()> {
        let Some(shown) = shown else {
            self.seen.push((observer, value.to_array()?));
            return Ok(());
        };
        let axes = shown.ty.rank();
        let row = value.ty.with_shape(&value.ty.shape[axes..]);
        let rows = (0..shown.elements.len()).filter(|&k| shown.elements[k].as_i64() != 0);
        let n = row.elements();
        let rows = rows.map(|k| Tensor {
            ty: row.clone(),
            elements: value.elements[k * n..(k + 1) * n].to_vec(),
        });
        let rows: Vec<Tensor> = rows.collect();
        let ty = if axes == 0 {
            row
        } else {
            row.batched(rows.len())
        };
        if !rows.is_empty() {
            let array = Tensor::stacked(&ty, rows).to_array()?;
            self.seen.push((observer, array));
        }
        Ok(())
    }

    fn hold(&mut self, bytes: usize) {
        self.held += bytes;
        self.counts.peak_bytes = self.counts.peak_bytes.max(self.held as u64);
    }

    /// Shows the values to the observers that still exist. Gives the counts and the times.
    pub fn finish(mut self) -> (Counts, Vec<TimedStep>) {
        for (id, value) in &self.seen {
            if let Some(observer) = Observer::find(*id) {
                observer.see(value);
            }
        }
        self.counts.operations = self.counts.by_work.total();
        (self.counts, self.steps)
    }
}

/// The step that records a node, which began at this time.
fn step(graph: &Graph, node: &Node, begin: Instant) -> TimedStep {
    let cost = graph.cost(node);
    TimedStep {
        what: node.op.name().to_string(),
        loc: node.loc,
        time: begin.elapsed(),
        bytes: cost.bytes_read + cost.bytes_written,
        members: vec![Member {
            name: node.op.name(),
            loc: node.loc,
            cost,
        }],
    }
}
