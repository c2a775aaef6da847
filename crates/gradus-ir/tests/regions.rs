//! Regions as text, mistakes in them, and drawings of them.

use gradus_ir::primitives::region::{BackwardOnly, CustomJvp, CustomVjp, Linear};
use gradus_ir::primitives::{Call, Loop, Region, Switch, Trips};
use gradus_ir::{DType, Graph, Type, ValueId, dot, verify};
use insta::assert_snapshot;

const SCAN: &str = "graph(%0: f64[], %1: f64[4]) {
  %2: f64[], %3: f64[4] = scan{consts=0, carries=1, length=4, body=graph(%0: i64[], %1: f64[], %2: f64[]) {
    %3: f64[] = mul %1, %2
    return %3, %1
  }} %0, %1
  return %2, %3
}
";

/// The error if `to` replaces `from` in the text of a scan.
fn damaged(from: &str, to: &str) -> String {
    assert!(SCAN.contains(from), "{from}");
    SCAN.replacen(from, to, 1)
        .parse::<Graph>()
        .unwrap_err()
        .to_string()
}

#[test]
fn a_region_reads_back_as_it_was_written() {
    let graph: Graph = SCAN.parse().unwrap();
    verify::verify(&graph).unwrap();
    assert!(graph.to_string().parse::<Graph>().unwrap().same(&graph));
    assert_eq!(graph.to_string(), SCAN);
    let places = format!("{graph:#}");
    assert!(places.parse::<Graph>().unwrap().same(&graph));
}

#[test]
fn mistakes_in_texts_of_regions_are_shown_with_a_caret() {
    let cases = [
        ("mul %1, %2", "mull %1, %2"),
        ("mul %1, %2", "mul %1, %7"),
        ("%3: f64[] = mul", "%3: f32[] = mul"),
        ("return %3, %1", "return %3, %9"),
        ("return %3, %1", "return"),
        ("return %3, %1\n  }}", "return %3, %1\n  }"),
        ("body=graph(", "boddy=graph("),
        ("body=graph(", "body=grapf("),
        ("length=4", "length=3"),
        ("length=4, ", ""),
        ("length=4", "length=-4"),
        ("length=4", "length=4, reverse=[1]"),
        ("length=4", "length=4, length=4"),
        ("length=4", "length=4, index=4"),
        ("carries=1", "carries=2"),
        ("carries=1", "carries=7"),
        ("consts=0", "consts=1"),
        ("consts=0", "consts=99999999999999999999"),
        ("%1: f64[], %2: f64[]", "%1: f64[], %2: f64[2]"),
        ("%1: f64[], %2: f64[]", "%1: f64[]"),
        ("%0: i64[]", "%0: i32[]"),
        ("}} %0, %1", "}} %0"),
        ("}} %0, %1", "}} %1, %0"),
        ("%2: f64[], %3", "%2: f32[], %3"),
        ("%2: f64[], %3", "%3"),
        ("%2: f64[], %3: f64[4]", "()"),
        ("%2: f64[], %3: f64[4]", ""),
        ("%2: f64[], %3: f64[4]", "%2: f64[], %3: f64[?]"),
        ("%2: f64[], %3: f64[4]", "%2: f64[], %3: f64[4], %4: f64[]"),
        ("%2: f64[], %3: f64[4]", "%2: f64[], %2: f64[4]"),
        ("%2: f64[], %3: f64[4] =", "%2: f64[], ="),
        ("%3: f64[] = mul", "%3: f64[], %4: f64[] = mul"),
        ("scan{", "while{"),
        ("scan{", "for{"),
        ("scan{", "switch{"),
        ("scan{", "custom_jvp{"),
        ("body=graph(", "body=3, other=graph("),
    ];
    let all = cases.map(|(from, to)| damaged(from, to));
    assert_snapshot!(all.join("\n\n"));
}

/// Everything that can be cut or inserted must be refused or read, and never crash the reader.
#[test]
fn no_damage_stops_the_reader() {
    let words = [
        "graph", "%1", "{", "}", "[?]", "()", "-1", "9", ",", "f64[2]", "=",
    ];
    for k in (0..SCAN.len()).filter(|&k| SCAN.is_char_boundary(k)) {
        let _ = SCAN[..k].parse::<Graph>();
        let _ = format!("{}{}", &SCAN[..k], &SCAN[k + 1..]).parse::<Graph>();
        for word in words {
            let text = format!("{}{word}{}", &SCAN[..k], &SCAN[k..]);
            if let Ok(graph) = text.parse::<Graph>() {
                let _ = verify::verify(&graph);
            }
        }
    }
}

/// A program with inputs of these types that returns the listed ones.
fn body(inputs: &[Type], outputs: &[usize]) -> Graph {
    let mut g = Graph::new();
    let ids: Vec<ValueId> = inputs.iter().map(|t| g.input(t.clone())).collect();
    g.set_outputs(outputs.iter().map(|&k| ids[k]).collect());
    g
}

/// The error of a region on operands of these types.
fn refused(region: Region, operands: &[Type]) -> String {
    let mut g = Graph::new();
    let ids: Vec<ValueId> = operands.iter().map(|t| g.input(t.clone())).collect();
    g.add_region(region, &ids).unwrap_err().to_string()
}

fn f(shape: &[usize]) -> Type {
    Type::new(DType::F64, shape)
}

fn number() -> Type {
    Type::scalar(DType::I64)
}

#[test]
fn regions_whose_bodies_do_not_fit() {
    let repeated = |trips: Trips, reverse: bool, carries: usize, body: Graph| {
        let body = body.into();
        let consts = 0;
        Region::Loop(Loop {
            trips,
            reverse,
            consts,
            carries,
            body,
        })
    };
    let three = || Trips::Fixed(3);
    let (x, v) = (f(&[]), f(&[3]));
    let keeps = |outputs: &[usize]| body(&[number(), f(&[])], outputs);
    assert_snapshot!(refused(repeated(three(), false, 1, keeps(&[0])), std::slice::from_ref(&x)), @"scan: the body carries [f64[]] in and returns [i64[]]");
    assert_snapshot!(refused(repeated(three(), false, 1, keeps(&[])), std::slice::from_ref(&x)), @"scan: the body carries [f64[]] in and returns []");
    assert_snapshot!(refused(repeated(three(), false, 0, keeps(&[1])), std::slice::from_ref(&x)), @"scan: f64[] is not a sequence with an item for each step");
    assert_snapshot!(refused(repeated(three(), false, 0, keeps(&[1])), &[f(&[4])]), @"scan: f64[4] is not a sequence with an item for each step");
    assert_snapshot!(refused(repeated(three(), false, 0, keeps(&[1])), &[v.listed()]), @"scan: f64[?,3] is not a sequence with an item for each step");
    assert_snapshot!(refused(repeated(Trips::Counted, false, 1, keeps(&[1])), std::slice::from_ref(&x)), @"for: 1 operands for a body of 2 inputs");
    assert_snapshot!(refused(repeated(Trips::Counted, false, 1, keeps(&[1])), &[x.clone(), x.clone()]), @"for: the number of steps is f64[], not i64[]");
    assert_snapshot!(refused(repeated(Trips::Counted, false, 0, keeps(&[1])), &[number(), v.clone()]), @"for: f64[3] is not a sequence with an item for each step");
    let asks = |inputs: &[Type], k: usize| Trips::While(body(inputs, &[k]).into());
    let truth = Type::scalar(DType::Bool);
    assert_snapshot!(refused(repeated(asks(&[number(), f(&[])], 1), false, 1, keeps(&[1])), std::slice::from_ref(&x)), @"while: the condition returns [f64[]], not one boolean");
    assert_snapshot!(refused(repeated(asks(&[number()], 0), false, 1, keeps(&[1])), std::slice::from_ref(&x)), @"while: the condition takes [i64[]], but is given [i64[], f64[]]");
    let on = || body(&[number(), truth.clone()], &[1]);
    assert_snapshot!(refused(repeated(Trips::While(on().into()), true, 1, on()), std::slice::from_ref(&truth)), @"while: a loop with a condition has no last step to begin with");
    let choice = |branches: Vec<Graph>| {
        Region::Switch(Switch {
            branches: branches.into_iter().map(Into::into).collect(),
        })
    };
    let one = |outputs: &[usize]| body(&[f(&[]), f(&[3])], outputs);
    assert_snapshot!(refused(choice(vec![]), &[number()]), @"switch: there is no branch");
    assert_snapshot!(refused(choice(vec![one(&[0])]), &[x.clone(), x.clone(), v.clone()]), @"switch: the number of the branch must be i64[]");
    assert_snapshot!(refused(choice(vec![one(&[0])]), &[]), @"switch: the number of the branch must be i64[]");
    assert_snapshot!(refused(choice(vec![one(&[0]), one(&[1])]), &[number(), x.clone(), v.clone()]), @"switch: branch 1 returns [f64[3]], branch 0 [f64[]]");
    assert_snapshot!(refused(choice(vec![one(&[0]), one(&[0, 1])]), &[number(), x.clone(), v.clone()]), @"switch: branch 1 returns [f64[], f64[3]], branch 0 [f64[]]");
    assert_snapshot!(refused(choice(vec![one(&[0])]), &[number(), x.clone()]), @"switch: branch 0 takes [f64[], f64[3]], but is given [f64[]]");
    let with_rule = |rule: Graph| {
        Region::Call(Call::CustomJvp(CustomJvp {
            body: one(&[0]).into(),
            rule: rule.into(),
            fixed: 0,
        }))
    };
    assert_snapshot!(refused(with_rule(one(&[0])), &[x.clone(), v.clone()]), @"custom_jvp: the rule takes [f64[], f64[3]], but is given [f64[], f64[3], f64[], f64[], f64[3]]");
    assert_snapshot!(refused(with_rule(body(&[f(&[]), f(&[3]), f(&[]), f(&[]), f(&[3])], &[4])), &[x.clone(), v.clone()]), @"custom_jvp: the rule returns [f64[3]], and should return [f64[]]");
    let backwards = |forward: Graph, backward: Graph| {
        Region::Call(Call::CustomVjp(CustomVjp {
            body: one(&[0]).into(),
            forward: forward.into(),
            backward: backward.into(),
            fixed: 0,
        }))
    };
    assert_snapshot!(refused(backwards(one(&[1]), one(&[0])), &[x.clone(), v.clone()]), @"custom_vjp: the forward rule returns [f64[3]], and should return [f64[]]");
    assert_snapshot!(refused(backwards(one(&[0, 1]), one(&[0, 1])), &[x.clone(), v.clone()]), @"custom_vjp: the backward rule takes [f64[], f64[3]], but is given [f64[3], f64[]]");
    assert_snapshot!(refused(backwards(one(&[0, 1]), body(&[f(&[3]), f(&[])], &[1])), &[x.clone(), v.clone()]), @"custom_vjp: the backward rule returns [f64[]], and should return [f64[], f64[3]]");
    let linear = |residuals: usize, transpose: Graph| {
        Region::Call(Call::Linear(Linear {
            body: one(&[0]).into(),
            transpose: transpose.into(),
            residuals,
        }))
    };
    assert_snapshot!(refused(linear(1, one(&[0])), &[x.clone(), v.clone()]), @"linear_call: the transpose takes [f64[], f64[3]], but is given [f64[], f64[]]");
    assert_snapshot!(refused(linear(9, body(&[f(&[]), f(&[3]), f(&[])], &[0])), &[x.clone(), v.clone()]), @"linear_call: sets the first 9 operands apart, and has 2");
    let only = Region::Call(Call::BackwardOnly(BackwardOnly {
        backward: one(&[0]).into(),
        residuals: 1,
    }));
    assert_snapshot!(refused(only, std::slice::from_ref(&x)), @"custom_vjp_tangent: operands [f64[]], not [f64[], f64[]]");
}

const KEPT: &str = "graph(%0: i64[], %1: f64[]) {
  %2: f64[], %3: f64[?] = for{consts=0, carries=1, body=graph(%0: i64[], %1: f64[]) {
    return %1, %1
  }} %0, %1
  return %1
}
";

/// The error if `to` replaces the last line of a program with a loop, its result and a list.
fn refused_end(to: &str) -> String {
    let text = KEPT.replace("return %1\n}", &format!("{to}\n}}"));
    text.parse::<Graph>().unwrap_err().to_string()
}

#[test]
fn only_arrays_leave_a_program() {
    assert_snapshot!(refused_end("return %3"), @"
    line 5: this is a list, which cannot leave a program
        return %3
               ^^
    ");
    let inside = refused_end(
        "%4: f64[] = checkpoint{body=graph(%0: i64[], %1: f64[]) {
    %2: f64[?] = for{consts=0, carries=0, body=graph(%0: i64[]) {
      %1: f64[] = const 1.0
      return %1
    }} %0
    return %2
  }} %0, %1
  return",
    );
    assert_snapshot!(inside, @"
    line 10: this is a list, which cannot leave a program
          return %2
                 ^^
    ");
}

#[test]
fn only_arrays_enter_a_program() {
    let body = "() = checkpoint{body=graph(%0: f64[?]) {\n    return\n  }} %3\n  return";
    assert_snapshot!(refused_end(body), @"
    line 5: a list cannot enter a program
        () = checkpoint{body=graph(%0: f64[?]) {
                                       ^^^^^^
    ");
}

/// An operation without results runs for its effects, and nothing can refer to it.
#[test]
fn a_region_without_results_stays_for_its_effects() {
    let text = "graph(%0: f64[]) {
  () = checkpoint{body=graph(%0: f64[]) {
    %1: f64[] = probe{id=7} %0
    return
  }} %0
  return %0
}
";
    let graph: Graph = text.parse().unwrap();
    verify::verify(&graph).unwrap();
    assert_eq!(graph.to_string(), text);
    assert_eq!((graph.len(), graph.nodes().len()), (1, 2));
    assert_eq!(graph.pruned().to_string(), text);
    let mut around = Graph::new();
    let x = around.input(f(&[]));
    let y = around.inline(&graph, &[x]).unwrap();
    around.set_outputs(y);
    assert_eq!(around.to_string(), text);
    // Without its effects it disappears.
    assert_eq!(graph.without_effects().nodes().len(), 1);
}

/// A loop keeps no list in a list, and only loops take lists.
#[test]
fn only_loops_take_lists() {
    assert_snapshot!(refused_end("%4: f64[?] = neg %3\n  return"), @"
    line 5: neg: takes arrays, and f64[?] is a list, which only loops read
        %4: f64[?] = neg %3
                     ^^^
    ");
    assert_snapshot!(refused_end("() = check{message=\"\", reported=0, passed=(f64[?])} %3, %3\n  return"), @r#"
    line 5: check: takes arrays, and f64[?] is a list, which only loops read
        () = check{message="", reported=0, passed=(f64[?])} %3, %3
             ^^^^^
    "#);
    assert_snapshot!(refused_end("() = for{consts=1, carries=0, body=graph(%0: i64[], %1: f64[]) {\n    return\n  }} %0, %3\n  return"), @"
    line 5: for: takes arrays, and f64[?] is a list, which loops read as a sequence and nothing else does
        () = for{consts=1, carries=0, body=graph(%0: i64[], %1: f64[]) {
             ^^^
    ");
    assert_snapshot!(refused_end("() = scan{consts=0, carries=0, length=2, body=graph(%0: i64[], %1: f64[]) {\n    return\n  }} %3\n  return"), @"
    line 5: scan: f64[?] is not a sequence with an item for each step
        () = scan{consts=0, carries=0, length=2, body=graph(%0: i64[], %1: f64[]) {
             ^^^^
    ");
}

/// The same for graphs that never were text: the verifier refuses them.
#[test]
fn the_verifier_refuses_lists_at_the_ends() {
    let mut graph: Graph = KEPT.parse().unwrap();
    graph.set_outputs(vec![graph.id_at(3)]);
    let said = verify::verify(&graph).unwrap_err().to_string();
    assert_snapshot!(said, @"%3 is a list, which cannot enter or leave a program");
}

#[test]
fn a_picture_shows_a_region_by_the_sizes_of_its_bodies() {
    let graph: Graph = SCAN.parse().unwrap();
    assert_snapshot!(dot::render(&graph), @r##"
    digraph gradus {
      rankdir=TB;
      node [shape=box, style=filled, fillcolor=white, fontname=monospace];
      n0 [label="%0: f64[]\ninput", shape=house];
      n1 [label="%1: f64[4]\ninput", shape=house];
      n2 [label="%2: f64[], %3: f64[4]\nscan consts=0 carries=1 length=4\nbody: 4 nodes", fillcolor="#d9ead3", peripheries=2];
      n0 -> n2;
      n1 -> n2;
    }
    "##);
}
