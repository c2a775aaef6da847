//! The steps of a run of the chosen order.

use crate::candidate::Mode;
use crate::format::{counted, grouped};
use crate::order::Order;
use crate::plan::{Derivative, Plan};
use gradus_ir::primitives::{Call, Region, Work};
use gradus_ir::{Graph, Op, Type};

/// The most steps that are listed one by one.
const MOST: usize = 20;

impl Plan {
    /// The steps of a run of the chosen order. Long plans show the first steps and the last ones.
    pub fn steps(&self) -> Vec<String> {
        let mut steps = self.all_steps();
        if steps.len() > MOST {
            let left_out = steps.len() - MOST;
            let last = steps.split_off(steps.len() - MOST / 2);
            steps.truncate(MOST / 2);
            steps.push(format!("… {left_out} more of the same kind"));
            steps.extend(last);
        }
        steps
    }

    fn all_steps(&self) -> Vec<String> {
        let chosen = self.chosen();
        let widths = self.widths();
        let (n, m) = (widths[0], widths[widths.len() - 1]);
        if self.derivative == Derivative::HessianProduct {
            return self.product_steps();
        }
        let through = match &chosen.mode {
            Mode::ReverseOverForward => "the derivative of the gradient".to_string(),
            _ => format!(
                "its linear program ({})",
                counted(self.outline.operations.iter().sum(), "operation")
            ),
        };
        let mut steps = vec![self.first_step()];
        match &chosen.mode {
            Mode::Forward => steps.push(format!(
                "push {} through {through}",
                counted(n, "unit column")
            )),
            Mode::Reverse | Mode::ReverseOverForward => steps.push(format!(
                "pull {} back through {through}",
                counted(m, "unit row")
            )),
            Mode::Mixed(order) => self.order_steps(order, &mut steps),
            Mode::Elimination(order) => steps.extend(order.steps.iter().map(|step| {
                let (v, width) = (step.vertex + 1, order.widths[step.vertex]);
                let how = step.join.in_words();
                format!("eliminate array {v}, {}: {how}", counted(width, "number"))
            })),
            Mode::Scalar {
                vertices,
                multiplications,
            } => steps.push(format!(
                "eliminate {} of {through}: {}",
                counted(*vertices, "number"),
                counted(*multiplications as usize, "product")
            )),
            _ => steps.push(format!("accumulate the derivatives over {through}")),
        }
        if chosen.symmetric {
            steps.push(
                "compute one of two blocks that are equal by symmetry, and copy it to the other"
                    .into(),
            );
        }
        steps.push(format!(
            "write the {m} × {n} derivatives; in total {}",
            content(&chosen.program)
        ));
        steps
    }

    fn first_step(&self) -> String {
        let function = match (self.derivative, &self.chosen().mode) {
            (Derivative::Hessian, Mode::ReverseOverForward) => {
                let values =
                    "run the function with a tangent for each input: its gradient by forward mode";
                return values.to_string();
            }
            (Derivative::Hessian, _) => "the function and its gradient by reverse mode",
            _ => "the function",
        };
        if self.residuals.is_empty() {
            return format!("run {function}; its derivative needs none of its values");
        }
        let bytes: usize = self.residuals.iter().map(Type::bytes).sum();
        format!(
            "run {function}, and keep {} of {} that the derivative needs",
            counted(self.residuals.len(), "array"),
            counted(bytes, "byte")
        )
    }

    fn product_steps(&self) -> Vec<String> {
        let chosen = self.chosen();
        let (first, second) = match chosen.mode {
            Mode::ForwardOverReverse => (
                "run the function and its gradient by reverse mode",
                "push the vector, as a tangent, through both",
            ),
            Mode::ReverseOverReverse => (
                "run the function, its gradient by reverse mode, and the gradient's product with the vector",
                "pull 1 back through all three",
            ),
            _ => (
                "run the function, and push the vector through it as a tangent",
                "pull 1 back through both",
            ),
        };
        vec![
            first.to_string(),
            second.to_string(),
            format!(
                "write the product of {}; in total {}",
                counted(self.widths()[0], "number"),
                content(&chosen.program)
            ),
        ]
    }

    fn order_steps(&self, order: &Order, steps: &mut Vec<String>) {
        let widths = self.widths();
        let segment = |l: usize| {
            let size = counted(self.outline.operations[l], "operation");
            format!("segment {} ({size})", l + 1)
        };
        let matrix = |o: &Order| {
            let (from, to) = o.range();
            format!("{} ({} × {})", o.name(), widths[to + 1], widths[from])
        };
        let step = match order {
            Order::Forward(l) => format!(
                "push {} through {}: {}",
                counted(widths[*l], "unit column"),
                segment(*l),
                matrix(order)
            ),
            Order::Reverse(l) => format!(
                "pull {} back through {}: {}",
                counted(widths[l + 1], "unit row"),
                segment(*l),
                matrix(order)
            ),
            Order::Product(outer, inner) => {
                self.order_steps(inner, steps);
                self.order_steps(outer, steps);
                format!(
                    "multiply {} by {}: {}",
                    matrix(outer),
                    matrix(inner),
                    order.name()
                )
            }
            Order::Push(l, inner) => {
                self.order_steps(inner, steps);
                format!(
                    "push the {} of {} through {}: {}",
                    counted(widths[order.range().0], "column"),
                    inner.name(),
                    segment(*l),
                    matrix(order)
                )
            }
            Order::Pull(outer, l) => {
                self.order_steps(outer, steps);
                format!(
                    "pull the {} of {} back through {}: {}",
                    counted(widths[order.range().1 + 1], "row"),
                    outer.name(),
                    segment(*l),
                    matrix(order)
                )
            }
        };
        steps.push(step);
    }
}

/// Counts the operations of a program by the kind of work.
fn content(program: &Graph) -> String {
    const KINDS: [&str; 8] = [
        "product",
        "elementwise operation",
        "reduction",
        "copy",
        "indexing",
        "loop",
        "conditional",
        "call",
    ];
    let live = program.live();
    let mut counts = [0; KINDS.len()];
    for node in program.nodes().iter().filter(|node| node.runs(&live)) {
        if matches!(node.op, Op::Input(_) | Op::Const(_) | Op::Iota(_)) {
            continue;
        }
        let region = node.region().map(|region| &**region);
        counts[match (region, program.cost(node).work) {
            (Some(Region::Loop(_)), _) => 5,
            (Some(Region::Switch(_)), _) => 6,
            // A hook is the identity.
            (Some(Region::Call(Call::Hook(_))), _) => continue,
            (Some(Region::Call(_)), _) => 7,
            // A check is a comparison.
            (Some(Region::Check(_)), _) => 1,
            (None, Work::View) => continue,
            (None, Work::Product) => 0,
            (None, Work::Arithmetic | Work::Transcendental) => 1,
            (None, Work::Reduction) => 2,
            (None, Work::Copy) => 3,
            (None, Work::Indexing) => 4,
        }] += 1;
    }
    let kinds: Vec<String> = KINDS
        .iter()
        .zip(counts)
        .filter(|(_, n)| *n > 0)
        .map(|(kind, n)| match (*kind, n) {
            ("copy", 2..) => format!("{} copies", grouped(n as u64)),
            _ => counted(n, kind),
        })
        .collect();
    match kinds.split_last() {
        None => "no operation".to_string(),
        Some((one, [])) => one.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}
