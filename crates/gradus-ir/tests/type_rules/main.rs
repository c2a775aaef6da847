//! The type rule of every primitive on attributes and operands at the ends of their ranges: an error,
//! or the type that arithmetic without wrapping gives.
//! In debug builds a sum that wraps stops the test; in release builds its result is compared.

mod draw;
mod oracle;
#[path = "../../../../tests/primitives.rs"]
mod primitives;
mod regions;

use draw::Draw;
use gradus_ir::{Graph, Op, Type, ValueId, Values, verify};
use std::collections::{BTreeMap, BTreeSet};

/// Draws for each member of a family.
const CASES: usize = 600;

/// The operations that take operands, by name.
fn all_names() -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&'static str> = primitives::operations().into_iter().collect();
    names.extend(primitives::regions());
    names
}

/// The outcomes of the draws of one operation.
#[derive(Default)]
struct Seen {
    right: usize,
    refused: usize,
}

/// An operation with this name on arrays that memory can hold, rarely with one too few or too many.
/// Graphs contain no other arrays.
fn drawn(draw: &mut Draw, name: &str) -> (Op, Vec<Type>) {
    loop {
        let (op, mut operands) = match primitives::regions().contains(&name) {
            true => regions::draw(draw, name),
            false => draw.op(name),
        };
        match (draw.below(24), operands.last().cloned()) {
            (0, _) => drop(operands.pop()),
            (1, Some(last)) => operands.push(last),
            _ => {}
        }
        if operands.iter().all(Type::is_addressable) {
            return (op, operands);
        }
    }
}

/// Compares the rule with the oracle, alone and in a graph, and reads the printed graph back.
fn compare(op: &Op, operands: &[Type], expected: Option<Vec<Type>>) {
    let types: Vec<&Type> = operands.iter().collect();
    let say = || format!("{} on {operands:?}: {op:?}", op.name());
    let mut graph = Graph::new();
    let inputs: Vec<ValueId> = operands.iter().map(|t| graph.input(t.clone())).collect();
    let made = graph.add_all(op.clone(), &inputs);
    let of = |ids: &Values| ids.iter().map(|&id| graph.ty(id).clone()).collect();
    let given: Option<Vec<Type>> = made.as_ref().ok().map(of);
    assert_eq!(given, expected, "{}: {made:?}", say());
    let alone = op.results(&types).ok().map(|types| types.to_vec());
    assert_eq!(alone, expected, "{}", say());
    if let Err(error) = &made {
        let message = error.message();
        assert!(message.contains(": ") && message.len() < 600, "{message}");
    }
    let Ok(made) = made else {
        return;
    };
    if let Some(&first) = made.first() {
        graph.cost(graph.maker(first));
    }
    let arrays = made.into_iter().filter(|&id| !graph.ty(id).is_list());
    let arrays = arrays.collect();
    graph.set_outputs(arrays);
    verify::verify(&graph).unwrap_or_else(|e| panic!("{}: {e}", say()));
    let text = graph.to_string();
    let read: Graph = text.parse().unwrap_or_else(|e| panic!("{}: {e}", say()));
    assert_eq!(read.to_string(), text);
}

#[test]
fn rules_are_right_or_refuse_at_the_ends_of_their_ranges() {
    let mut seen: BTreeMap<&'static str, Seen> = BTreeMap::new();
    let mut draw = Draw::new(14);
    for name in all_names() {
        for _ in 0..CASES {
            let (op, operands) = drawn(&mut draw, name);
            assert_eq!((op.name(), primitives::listed(&op)), (name, Some(name)));
            let expected = oracle::results(&op, &operands);
            let seen = seen.entry(name).or_default();
            match expected {
                Some(_) => seen.right += 1,
                None => seen.refused += 1,
            }
            compare(&op, &operands, expected);
        }
    }
    for name in all_names() {
        let Seen { right, refused } = seen[name];
        assert!(
            right > 0 && refused > 0,
            "{name}: {right} right, {refused} refused"
        );
    }
}

#[test]
fn sizes_that_wrap_are_refused_with_the_sizes() {
    let refused = |text: &str| text.parse::<Graph>().unwrap_err().to_string();
    insta::assert_snapshot!(refused("graph(%0: f64[3], %1: f64[]) {
      %2: f64[1] = pad{low=[9223372036854775807], high=[9223372036854775807], interior=[0]} %0, %1
      return %2
    }"), @"
    line 2: pad: 9223372036854775807 elements before axis 0 of f64[3], 9223372036854775807 behind it and 0 between two of it make an axis longer than 9223372036854775807; a difference of sizes that is below zero wraps to such a number
            %2: f64[1] = pad{low=[9223372036854775807], high=[9223372036854775807], interior=[0]} %0, %1
                         ^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: f64[10], %1: f64[3]) {
      %2: f64[10] = slice_add{start=[1], stride=[9223372036854775807]} %0, %1
      return %2
    }"), @"
    line 2: slice_add: f64[3] from [1] by [9223372036854775807] does not lie in f64[10]
            %2: f64[10] = slice_add{start=[1], stride=[9223372036854775807]} %0, %1
                          ^^^^^^^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: bool[4611686018427387904], %1: bool[2]) {
      %2: bool[2] = concat{axis=0} %0, %0, %0, %0, %1
      return %2
    }"), @"
    line 2: concatenate: 5 arrays such as bool[4611686018427387904] make axis 0 longer than 9223372036854775807
            %2: bool[2] = concat{axis=0} %0, %0, %0, %0, %1
                          ^^^^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: f64[0]) {
      %1: f64[4294967296,4294967296] = reshape{shape=[4294967296,4294967296]} %0
      return %1
    }"), @"
    line 2: an array of this shape does not fit into memory
            %1: f64[4294967296,4294967296] = reshape{shape=[4294967296,4294967296]} %0
                ^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: f64[3037000500], %1: f64[3037000500]) {
      %2: f64[3037000500,3037000500] = contract{batch_left=[], batch_right=[], contract_left=[], contract_right=[]} %0, %1
      return %2
    }"), @"
    line 2: an array of this shape does not fit into memory
            %2: f64[3037000500,3037000500] = contract{batch_left=[], batch_right=[], contract_left=[], contract_right=[]} %0, %1
                ^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: f64[]) {
      () = scan{consts=0, carries=1, length=4611686018427387904, body=graph(%0: i64[], %1: f64[]) {
        return %1, %1
      }} %0
      return
    }"), @"
    line 2: scan: no memory can hold f64[4611686018427387904]
            () = scan{consts=0, carries=1, length=4611686018427387904, body=graph(%0: i64[], %1: f64[]) {
                 ^^^^
    ");
    insta::assert_snapshot!(refused("graph(%0: f64[]) {
      () = scan{consts=9223372036854775807, carries=9223372036854775807, length=1, body=graph(%0: i64[]) {
        return
      }} %0
      return
    }"), @"
    line 2: scan: 1 operands for a body of 1 inputs
            () = scan{consts=9223372036854775807, carries=9223372036854775807, length=1, body=graph(%0: i64[]) {
                 ^^^^
    ");
}

/// The other kinds of nodes: inputs, literals, indices.
#[test]
fn no_node_is_larger_than_memory() {
    let huge = Type::new(gradus_ir::DType::F64, &[1 << 62]);
    let zero = gradus_ir::Literal::from_f64(huge.dtype, 0.0);
    let refused = |make: &dyn Fn(&mut Graph) -> ValueId| {
        let made =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(&mut Graph::new())));
        made.unwrap_err().downcast_ref::<String>().unwrap().clone()
    };
    let messages = [
        refused(&|g| g.input(huge.clone())),
        refused(&|g| g.constant(zero, &huge.shape)),
        refused(&|g| g.iota(huge.clone(), 0)),
    ];
    insta::assert_snapshot!(messages.join("\n"), @"
    input: no memory can hold f64[4611686018427387904]
    const: no memory can hold f64[4611686018427387904]
    iota: no memory can hold f64[4611686018427387904]
    ");
}
