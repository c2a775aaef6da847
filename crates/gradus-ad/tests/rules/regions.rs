//! Rows for regions. Each is the only region of a program in text.

use crate::table::{Row, Sample};
use gradus_ir::{DType, Error, Graph, Type};

/// The region of a text whose operands are the inputs.
/// Floats are sampled from an interval, integers are below 4, conditions are true.
fn row(inputs: &str, region: &str) -> Row {
    let read = |results: &str| -> Result<Graph, Error> {
        format!("graph({inputs}) {{ {results} = {region} return }}").parse()
    };
    let graph = read("()").unwrap_or_else(|e| {
        // The error message of the reader lists the results.
        let types = e.message().split_once("gives (").map(|(_, rest)| rest);
        let types = types.and_then(|rest| Some(rest.split_once(") here")?.0));
        let types = types.unwrap_or_else(|| panic!("{e}")).split(", ");
        let named = types.enumerate().map(|(k, ty)| format!("%r{k}: {ty}"));
        read(&named.collect::<Vec<_>>().join(", ")).unwrap()
    });
    let node = graph.nodes().iter().find(|node| node.region().is_some());
    let node = node.expect("a region");
    let operands = node.operands.iter().map(|&o| {
        let ty: Type = graph.ty(o).clone();
        let sample = match ty.dtype {
            DType::I64 => Sample::Below(4),
            DType::Bool => Sample::Below(i64::MAX),
            _ => Sample::Between(0.2, 1.2),
        };
        (ty, sample)
    });
    Row {
        operands: operands.collect(),
        op: node.op.clone(),
        tolerance: 2e-7,
    }
}

/// A body of a loop.
/// It carries a vector, an integer and a scalar, and has one constant; `items` are declared after these.
fn step(items: &str, uses: &str, kept: &str) -> String {
    format!(
        "graph(%i: i64[], %c: f64[2], %s: f64[2], %k: i64[], %t: f64[]{items}) {{
          %a: f64[2] = mul %s, %c
          %b: f64[2] = sin %a
          %f: f64[] = cast{{to=f64}} %k
          %h: f64[] = const 0.1
          %d: f64[] = mul %f, %h
          %u: f64[] = reduce_sum{{axes=[0]}} %b
          %v: f64[] = mul %u, %t
          %w: f64[] = add %v, %d
          %z: f64[] = cos %w
          %q: f64[2] = broadcast{{shape=[2], axes=[]}} %t
          %n: f64[2] = add %b, %q
          %one: i64[] = const 1
          %l: i64[] = add %k, %one
          {uses}
          return %n, %l, %z{kept} }}"
    )
}

pub fn rows() -> Vec<Row> {
    let carried = "%c: f64[2], %s: f64[2], %k: i64[], %t: f64[]";
    let item = "%y: f64[] = mul %x, %z %o: f64[] = mul %y, %d";
    let mut rows = Vec::new();
    for reverse in ["", "reverse=1, "] {
        for n in [0, 1, 3] {
            let body = step(", %x: f64[]", item, ", %y, %o");
            rows.push(row(
                &format!("{carried}, %x: f64[{n}]"),
                &format!("scan{{consts=1, carries=3, length={n}, {reverse}body={body}}} %c, %s, %k, %t, %x"),
            ));
        }
        let body = step("", "", "");
        rows.push(row(
            &format!("%m: i64[], {carried}"),
            &format!("for{{consts=1, carries=3, {reverse}body={body}}} %m, %c, %s, %k, %t"),
        ));
    }
    // A loop without carries, and a loop whose carries pass through or are replaced by a constant.
    rows.push(row(
        "%c: f64[2], %x: f64[3,2]",
        "scan{consts=1, carries=0, length=3, body=graph(%i: i64[], %c: f64[2], %x: f64[2]) {
          %y: f64[2] = mul %c, %x %z: f64[2] = sin %y return %z, %i }} %c, %x",
    ));
    rows.push(row(
        "%a: f64[2], %b: f64[], %e: f64[0]",
        "scan{consts=0, carries=3, length=3, body=graph(%i: i64[], %a: f64[2], %b: f64[], %e: f64[0]) {
          %q: f64[2] = broadcast{shape=[2], axes=[]} %b
          %y: f64[2] = mul %q, %a %z: f64[] = const 0.7 return %a, %z, %e, %y }} %a, %b, %e",
    ));
    // Carries that swap places.
    rows.push(row(
        "%a: f64[], %b: f64[]",
        "scan{consts=0, carries=2, length=3, body=graph(%i: i64[], %a: f64[], %b: f64[]) {
          %y: f64[] = sin %a return %b, %y, %a }} %a, %b",
    ));
    let condition = "graph(%i: i64[], %c: f64[2], %s: f64[2], %k: i64[], %t: f64[]) {
          %m: i64[] = const 4 %b: bool[] = lt %k, %m return %b }";
    let body = step("", "", "");
    rows.push(row(
        carried,
        &format!("while{{consts=1, carries=3, condition={condition}, body={body}}} %c, %s, %k, %t"),
    ));
    // The number of steps depends on floats.
    rows.push(row(
        "%s: f64[], %w: f64[]",
        "while{consts=1, carries=1, condition=graph(%i: i64[], %w: f64[], %s: f64[]) {
          %l: f64[] = const 5.0 %b: bool[] = lt %s, %l return %b
        }, body=graph(%i: i64[], %w: f64[], %s: f64[]) {
          %h: f64[] = const 0.4 %a: f64[] = add %w, %h %e: f64[] = exp %a %b: f64[] = mul %s, %e return %b
        }} %w, %s",
    ));
    rows.push(row(
        "%k: i64[], %x: f64[2], %n: i64[], %y: f64[2]",
        "switch{branch0=graph(%x: f64[2], %n: i64[], %y: f64[2]) {
          %a: f64[2] = sin %x %b: f64[2] = mul %a, %y return %b, %n
        }, branch1=graph(%x: f64[2], %n: i64[], %y: f64[2]) {
          %m: i64[] = add %n, %n return %y, %m
        }, branch2=graph(%x: f64[2], %n: i64[], %y: f64[2]) {
          %c: f64[2] = const 3.0 return %c, %n
        }} %k, %x, %n, %y",
    ));
    let calculation = "%a: f64[2] = sin %x %b: f64[2] = exp %a %s: f64[] = reduce_sum{axes=[0]} %y
          %q: f64[2] = broadcast{shape=[2], axes=[]} %s %c: f64[2] = mul %b, %q";
    let inputs = "%x: f64[2], %y: f64[3]";
    for name in ["checkpoint", "scoped"] {
        rows.push(row(
            &format!("{inputs}, %n: i64[]"),
            &format!("{name}{{body=graph({inputs}, %n: i64[]) {{ {calculation} return %c, %s, %n }}}} %x, %y, %n"),
        ));
    }
    rows.push(row(
        &format!("{inputs}, %n: i64[]"),
        &format!("with_cost{{value=9, tangent=7, cotangent=8, body=graph({inputs}, %n: i64[]) {{ {calculation} return %c, %s, %n }}}} %x, %y, %n"),
    ));
    let tangent = "%ca: f64[2] = cos %x %db: f64[2] = mul %b, %ca %dx: f64[2] = mul %db, %dxi
          %dc0: f64[2] = mul %dx, %q
          %ds: f64[] = reduce_sum{axes=[0]} %dyi %dq: f64[2] = broadcast{shape=[2], axes=[]} %ds
          %dc1: f64[2] = mul %b, %dq %dc: f64[2] = add %dc0, %dc1";
    rows.push(row(
        &format!("{inputs}, %n: i64[]"),
        &format!(
            "custom_jvp{{body=graph({inputs}, %n: i64[]) {{ {calculation} return %c, %n, %s }},
             rule=graph({inputs}, %n: i64[], %y0: f64[2], %y1: i64[], %y2: f64[], %dxi: f64[2], %dyi: f64[3]) {{ {calculation} {tangent} return %dc, %ds }}}} %x, %y, %n"
        ),
    ));
    rows.push(row(
        &format!("{inputs}, %n: i64[]"),
        &format!(
            "custom_vjp{{body=graph({inputs}, %n: i64[]) {{ {calculation} return %c, %n }},
             forward=graph({inputs}, %n: i64[]) {{ {calculation} %ca: f64[2] = cos %x %d: f64[2] = mul %c, %ca return %c, %n, %b, %d }},
             backward=graph(%b: f64[2], %d: f64[2], %t: f64[2]) {{
               %tx: f64[2] = mul %d, %t %tb: f64[2] = mul %b, %t %ts: f64[] = reduce_sum{{axes=[0]}} %tb
               %ty: f64[3] = broadcast{{shape=[3], axes=[]}} %ts return %tx, %ty }}}} %x, %y, %n"
        ),
    ));
    let product = "contract{batch_left=[], batch_right=[], contract_left";
    rows.push(row(
        "%w: f64[2,3], %x: f64[3]",
        &format!(
            "linear_call{{residuals=1, body=graph(%w: f64[2,3], %x: f64[3]) {{
               %e: f64[2,3] = sin %w %y: f64[2] = {product}=[1], contract_right=[0]}} %e, %x return %y
             }}, transpose=graph(%w: f64[2,3], %y: f64[2]) {{
               %e: f64[2,3] = sin %w %x: f64[3] = {product}=[0], contract_right=[0]}} %e, %y return %x }}}} %w, %x"
        ),
    ));
    // The pullback multiplies by one, so that differences can check it.
    // `crates/gradus/tests/passing/cotangents.rs` tests other pullbacks.
    rows.push(row(
        "%h: f64[2], %x: f64[2], %y: f64[]",
        "with_cotangent{residuals=1, backward=graph(%h: f64[2], %cx: f64[2], %cy: f64[]) {
           %s: f64[2] = sin %h %c: f64[2] = cos %h %ss: f64[2] = mul %s, %s %cc: f64[2] = mul %c, %c
           %one: f64[2] = add %ss, %cc %ax: f64[2] = mul %one, %cx
           %sum: f64[] = reduce_sum{axes=[0]} %one %half: f64[] = const 0.5
           %mean: f64[] = mul %half, %sum %ay: f64[] = mul %mean, %cy return %ax, %ay
         }} %h, %x, %y",
    ));
    // The equations exp(w)·x + y = b, exp(s)·y = c.
    let system = "%w: f64[2], %s: f64[], %x: f64[2], %y: f64[]";
    let coefficients = "%e: f64[2] = exp %w %f: f64[] = exp %s";
    let shape = "broadcast{shape=[2], axes=[]}";
    rows.push(row(
        system,
        &format!(
            "linear_solve{{residuals=2, apply=graph({system}) {{ {coefficients}
               %a: f64[2] = mul %e, %x %q: f64[2] = {shape} %y %b: f64[2] = add %a, %q
               %c: f64[] = mul %f, %y return %b, %c
             }}, apply_transposed=graph({system}) {{ {coefficients}
               %b: f64[2] = mul %e, %x %t: f64[] = reduce_sum{{axes=[0]}} %x
               %a: f64[] = mul %f, %y %c: f64[] = add %a, %t return %b, %c
             }}, solve=graph({system}) {{ {coefficients}
               %c: f64[] = div %y, %f %q: f64[2] = {shape} %c
               %a: f64[2] = sub %x, %q %b: f64[2] = div %a, %e return %b, %c
             }}, solve_transposed=graph({system}) {{ {coefficients}
               %b: f64[2] = div %x, %e %t: f64[] = reduce_sum{{axes=[0]}} %b
               %a: f64[] = sub %y, %t %c: f64[] = div %a, %f return %b, %c }}}} %w, %s, %x, %y"
        ),
    ));
    rows.push(row(
        "%b: bool[], %m: f64[], %x: f64[2], %n: i64[], %y: f64[]",
        "check{message=\"{} is not right\", reported=1, passed=(f64[2], i64[], f64[])} %b, %m, %x, %n, %y",
    ));
    rows
}
