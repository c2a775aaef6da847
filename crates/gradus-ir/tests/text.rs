//! Graphs printed and read.

use gradus_ir::primitives::{Op, Unary};
use gradus_ir::{DType, Graph, Literal, Type, dot};
use insta::assert_snapshot;

fn refusal(text: &str) -> String {
    text.parse::<Graph>().unwrap_err().to_string()
}

#[test]
fn a_graph_reads_back_as_it_was_written() {
    let text = "graph(%0: f32[2,3], %1: i64[2]) {
  %2: f32[] = const 1.5
  %3: f32[2,3] = broadcast{shape=[2,3], axes=[]} %2
  %4: f32[2,3] = add %0, %3
  %5: i64[2] = iota{axis=0}
  %6: bool[2] = lt %1, %5
  %7: f32[2] = cast{to=f32} %6
  return %4, %7, %0
}
";
    let graph: Graph = text.parse().unwrap();
    assert_eq!(graph.to_string(), text);
    assert!(graph.to_string().parse::<Graph>().unwrap().same(&graph));
}

#[test]
fn the_inputs_are_named_first_wherever_they_are() {
    let mut graph = Graph::new();
    let one = graph.constant(Literal::from_f64(DType::F64, 1.0), &[]);
    let x = graph.input(Type::scalar(DType::F64));
    let y = graph.emit(Op::Unary(Unary::Sin), &[x]);
    graph.set_outputs(vec![y, one]);
    assert_snapshot!(graph, @"
    graph(%0: f64[]) {
      %1: f64[] = const 1.0
      %2: f64[] = sin %0
      return %2, %1
    }
    ");
}

#[test]
fn every_literal_reads_back_to_its_bits() {
    let floats = [
        0.0,
        -0.0,
        1.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -f64::NAN,
        f64::from_bits(0x7ff8_0000_0000_0123),
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        0.1,
    ];
    let mut literals: Vec<Literal> = Vec::new();
    for dtype in [DType::BF16, DType::F32, DType::F64] {
        literals.extend(floats.map(|v| Literal::from_f64(dtype, v)));
    }
    for dtype in [DType::I32, DType::I64, DType::U32, DType::Bool] {
        literals.extend([0, 1, -1, i64::MAX, i64::MIN].map(|v| Literal::from_i64(dtype, v)));
    }
    for literal in literals {
        if literal.dtype() == DType::Bool && literal.to_ne_bytes()[0] > 1 {
            continue;
        }
        let read = Literal::parse(literal.dtype(), &literal.to_string());
        assert_eq!(read, Some(literal), "{literal:?}");
        let mut graph = Graph::new();
        let c = graph.constant(literal, &[2]);
        graph.set_outputs(vec![c]);
        let read: Graph = graph.to_string().parse().unwrap();
        assert!(read.same(&graph), "{graph}");
    }
}

#[test]
fn comments_and_spacing_are_free() {
    let graph: Graph = "# a program
graph ( %x : f64 [ 3 ] ) { %y: f64[3]=neg %x # the sign
 return %y }"
        .parse()
        .unwrap();
    assert_snapshot!(graph, @"
    graph(%0: f64[3]) {
      %1: f64[3] = neg %0
      return %1
    }
    ");
}

#[test]
fn empty_programs_and_arrays_read_back() {
    for text in [
        "graph() {\n  return\n}\n",
        "graph(%0: f64[0,3]) {\n  %1: f64[0,3] = exp %0\n  return %1\n}\n",
    ] {
        assert_eq!(text.parse::<Graph>().unwrap().to_string(), text);
    }
}

#[test]
fn places_are_shown_on_demand() {
    let mut graph = Graph::new();
    let x = graph.input(Type::scalar(DType::F64));
    graph.set_loc(gradus_ir::Loc::caller());
    let y = graph.emit(Op::Unary(Unary::Sin), &[x]);
    graph.set_outputs(vec![y]);
    let text = format!("{graph:#}").replace('\\', "/");
    let line = text.lines().nth(1).unwrap();
    assert!(
        line.starts_with("  %1: f64[] = sin %0  # crates/gradus-ir/tests/text.rs:"),
        "{line}"
    );
    assert!(text.parse::<Graph>().unwrap().same(&graph));
}

#[test]
fn mistakes_are_shown_with_a_caret() {
    let cases = [
        "graph(%0: f64[3]) {\n  %1: f64[3] = sinn %0\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[3] = sin %2\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[4] = sin %0\n  return %1\n}",
        "graph(%0: f64[3], %1: f64[4]) {\n  %2: f64[3] = add %0, %1\n  return %2\n}",
        "graph(%0: f64[3]) {\n  %1: f64[] = reduce_sum{axes=[1]} %0\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[] = reduce_sum %0\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[] = reduce_sum{axes=0} %0\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[3] = sin{axes=[0]} %0\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %0: f64[3] = sin %0\n  return %0\n}",
        "graph(%0: f65[3]) {\n  return %0\n}",
        "graph(%0: f64[-3]) {\n  return %0\n}",
        "graph(%0: f64[4294967296,4294967296]) {\n  return %0\n}",
        "graph(%0: f64[3]) {\n  %1: i32[] = const 1.5\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: i64[3] = iota{axis=1}\n  return %1\n}",
        "graph(%0: f64[3]) {\n  %1: f64[3] = sin\n  %2: f64[3] = cos %1\n  return %2\n}",
        "graph(%0: f64[3]) {\n  %1: f64[3] = sin %0",
        "graph(%0: f64[3]) {\n  return %0 }\n}",
        "function(%0: f64[3]) {}",
        "",
    ];
    let all: Vec<String> = cases.iter().map(|c| refusal(c)).collect();
    assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_picture_shows_kinds_of_nodes() {
    let graph: Graph = "graph(%0: f64[2,3], %1: f64[3,2]) {
  %2: f64[2,2] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %0, %1
  %3: f64[2,2] = const 2.0
  %4: f64[2,2] = mul %2, %3
  return %4
}"
    .parse()
    .unwrap();
    assert_snapshot!(dot::render(&graph));
}

/// Programs with every kind of attribute.
const SAMPLES: [&str; 3] = [
    "graph(%0: f64[4,3], %1: i64[2], %2: f64[4,2]) {
  %3: f64[4,2] = take{batch=0, axis=1} %0, %1
  %4: f64[4,3] = scatter_add{batch=0, axis=1} %0, %1, %2
  %5: f64[3,4] = transpose{permutation=[1,0]} %4
  %6: f64[3,3] = contract{batch_left=[], batch_right=[], contract_left=[1], contract_right=[0]} %5, %4
  %7: f64[3] = reduce_max{axes=[1]} %6
  %8: f64[2,3] = broadcast{shape=[2,3], axes=[1]} %7
  return %3, %8
}
",
    "graph(%0: f32[5,6], %1: i64[2]) {
  %2: f32[2,3] = dynamic_slice{sizes=[2,3]} %0, %1
  %3: f32[5,6] = dynamic_update %0, %2, %1
  %4: f32[2,2] = slice{start=[1,0], limit=[5,3], stride=[2,2]} %3
  %5: f32[] = const 0.5
  %6: f32[4,5] = pad{low=[1,1], high=[1,1], interior=[0,1]} %4, %5
  %7: f32[4,5] = cumsum{axis=1, reverse=1} %6
  %8: f32[8,5] = concat{axis=0} %7, %7
  %9: f32[40] = reshape{shape=[40]} %8
  %10: i64[] = argmax{axis=0} %9
  return %9, %10
}
",
    "graph(%0: i32[3]) {
  %1: f64[3] = cast{to=f64} %0
  %2: f64[3] = powi{exponent=3} %1
  %3: f64[3] = reverse{axes=[0]} %2
  %4: bool[3] = lt %2, %3
  %5: f64[3] = select %4, %2, %3
  %6: f64[5] = slice_add{start=[1], stride=[1]} %7, %5
  return %6
}
",
];

#[test]
fn samples_read_or_say_where_they_fail() {
    for sample in &SAMPLES[..2] {
        let graph: Graph = sample.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(graph.to_string(), *sample);
    }
    assert!(refusal(SAMPLES[2]).contains("%7 is not defined above"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    /// Every text is either read or refused.
    #[test]
    fn broken_texts_are_refused(
        sample in 0usize..3,
        changes in proptest::collection::vec((0usize..1000, 0usize..24), 1..5),
    ) {
        const PARTS: [&str; 24] = [
            "0", "1", "7", "-1", "99999999999999999999", "[", "]", "{", "}", "(", ")", ",", "=", ":", "%", "%0", "%1",
            "f64", "axes", "sin", "[2,3]", "[]", "4294967295", "é",
        ];
        let mut text = SAMPLES[sample].to_string();
        for (at, part) in changes {
            let places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
            let from = places[at % places.len()];
            let width = text[from..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(from..from + width, PARTS[part]);
        }
        if let Ok(graph) = text.parse::<Graph>() {
            gradus_ir::verify::verify(&graph).unwrap();
            proptest::prop_assert_eq!(graph.to_string().parse::<Graph>().unwrap().to_string(), graph.to_string());
        }
    }
}

/// A program of `depth` nested calls.
fn nested(depth: usize) -> String {
    let begin = "graph(%0: f64[]) { %1: f64[] = checkpoint{body=";
    let end = "} %0 return %1 }";
    let inner = "graph(%0: f64[]) { %1: f64[] = sin %0 return %1 }";
    [&begin.repeat(depth - 1), inner, &end.repeat(depth - 1)].concat()
}

/// On the default stack of a thread.
#[test]
fn programs_within_each_other_have_a_limit() {
    for depth in [1, 2, 5, 100, 512] {
        let graph: Graph = nested(depth).parse().unwrap();
        assert_eq!(graph.depth() + 1, depth);
        let printed = graph.to_string();
        let again: Graph = printed.parse().unwrap();
        assert_eq!(again.to_string(), printed);
        // Each level is indented by two more columns,
        // so the text grows with the square of the depth, and no faster.
        assert!(printed.len() < 200 * depth + 40 * depth * depth);
    }
    for depth in [514, 1_000, 10_000, 100_000] {
        let error = nested(depth).parse::<Graph>().unwrap_err();
        let message = error.message();
        let first = message.lines().next().unwrap();
        assert_eq!(first, "line 1: more than 512 programs are nested");
    }
}

#[test]
fn of_many_attributes_the_wrong_one_is_found() {
    let attributes = |n: usize| -> String { (0..n).map(|k| format!(", a{k}=1")).collect() };
    let with = |more: &str| {
        format!("graph(%0: f64[2]) {{ %1: f64[] = reduce_sum{{axes=[0]{more}}} %0 return %1 }}")
    };
    let first = |text: &str| {
        let error = text.parse::<Graph>().unwrap_err();
        error.message().lines().next().unwrap().to_string()
    };
    let many = attributes(100_000);
    assert_eq!(
        first(&with(&many)),
        "line 1: `reduce_sum` has no attribute `a0`"
    );
    assert_eq!(
        first(&with(&format!("{many}, a77=1"))),
        "line 1: `a77` is given twice"
    );
}
