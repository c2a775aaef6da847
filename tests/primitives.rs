//! The names of all operations, for tests that iterate over them.
//!
//! Names and matches come from the same lines, and the matches name every variant. A new operation does not compile
//! until it is listed here; then each test asks for its row.

use gradus_ir::Op;
use gradus_ir::primitives::region::{Recompute, Recomputed};
use gradus_ir::primitives::{
    ArgReduce, Binary, Call, Compare, Dynamic, Gather, Layout, Loop, Reduce, ReduceKind, Region,
    Resize, Trips, Unary,
};

/// A list of names, and a function that finds the name in it.
macro_rules! names {
    ($list:ident, $name:ident($type:ty) { $($pattern:pat => $text:literal,)* }) => {
        const $list: &[&str] = &[$($text),*];

        fn $name(of: &$type) -> &'static str {
            match of {
                $($pattern => $text,)*
            }
        }
    };
}

names!(LAYOUTS, layout(Layout) {
    Layout::Broadcast { .. } => "broadcast",
    Layout::Reshape(_) => "reshape",
    Layout::Transpose(_) => "transpose",
    Layout::Slice { .. } => "slice",
    Layout::Reverse(_) => "reverse",
});

names!(RESIZES, resize(Resize) {
    Resize::Pad { .. } => "pad",
    Resize::Concat(_) => "concat",
    Resize::SliceAdd { .. } => "slice_add",
});

names!(GATHERS, gather(Gather) {
    Gather::Take { .. } => "take",
    Gather::ScatterAdd { .. } => "scatter_add",
});

names!(DYNAMICS, dynamic(Dynamic) {
    Dynamic::Slice { .. } => "dynamic_slice",
    Dynamic::Update => "dynamic_update",
});

names!(REDUCTIONS, reduction(Reduce) {
    Reduce { kind: ReduceKind::Sum, .. } => "reduce_sum",
    Reduce { kind: ReduceKind::Prod, .. } => "reduce_prod",
    Reduce { kind: ReduceKind::Max, .. } => "reduce_max",
    Reduce { kind: ReduceKind::Min, .. } => "reduce_min",
});

names!(POSITIONS, position(ArgReduce) {
    ArgReduce { smallest: false, .. } => "argmax",
    ArgReduce { smallest: true, .. } => "argmin",
});

names!(REGIONS, region(Region) {
    Region::Loop(Loop { trips: Trips::Fixed(_), .. }) => "scan",
    Region::Loop(Loop { trips: Trips::Counted, .. }) => "for",
    Region::Loop(Loop { trips: Trips::While(_), .. }) => "while",
    Region::Switch(_) => "switch",
    Region::Check(_) => "check",
    Region::Call(Call::Recompute(Recompute { kind: Recomputed::Checkpoint, .. })) => "checkpoint",
    Region::Call(Call::Recompute(Recompute { kind: Recomputed::Scoped, .. })) => "scoped",
    Region::Call(Call::Recompute(Recompute { kind: Recomputed::Costed(_), .. })) => "with_cost",
    Region::Call(Call::CustomJvp(_)) => "custom_jvp",
    Region::Call(Call::CustomVjp(_)) => "custom_vjp",
    Region::Call(Call::BackwardOnly(_)) => "custom_vjp_tangent",
    Region::Call(Call::Hook(_)) => "with_cotangent",
    Region::Call(Call::Undefined(_)) => "undefined_tangent",
    Region::Call(Call::Linear(_)) => "linear_call",
    Region::Call(Call::Solve(_)) => "linear_solve",
});

/// The operations that have operands and are not regions, from the lists of their families.
pub fn operations() -> Vec<&'static str> {
    let mut names = Vec::new();
    names.extend(Unary::ALL.map(|u| Op::Unary(u).name()));
    names.extend(Binary::ALL.map(|b| Op::Binary(b).name()));
    names.extend(Compare::ALL.map(|c| Op::Compare(c).name()));
    names.extend(["cast", "select", "cumsum", "sort", "contract", "probe"]);
    let families = [LAYOUTS, RESIZES, GATHERS, DYNAMICS, REDUCTIONS, POSITIONS];
    names.extend(families.concat());
    names
}

/// The regions.
pub fn regions() -> &'static [&'static str] {
    REGIONS
}

/// The name under which `op` is listed; `None` for an operation without operands.
pub fn listed(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Input(_) | Op::Const(_) | Op::Iota(_) => return None,
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) => op.name(),
        Op::Cast(_) => "cast",
        Op::Select(_) => "select",
        Op::Layout(l) => layout(l),
        Op::Resize(r) => resize(r),
        Op::Gather(g) => gather(g),
        Op::Dynamic(d) => dynamic(d),
        Op::Reduce(r) => reduction(r),
        Op::ArgReduce(a) => position(a),
        Op::CumSum(_) => "cumsum",
        Op::Sort(_) => "sort",
        Op::Contract(_) => "contract",
        Op::Probe(_) => "probe",
        Op::Region(r) => region(r),
    })
}
