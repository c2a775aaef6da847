//! Arguments and results of every kind, derived and built in.

use gradus::prelude::*;
use gradus::tree;
use std::collections::BTreeMap;

#[derive(Tree, Clone, Debug, PartialEq)]
struct Pair<A, B> {
    first: A,
    second: B,
}

#[derive(Tree, Clone)]
struct Wrapped(Tensor, Option<Box<Wrapped>>);

#[derive(Tree, Clone)]
struct Nothing;

#[derive(Tree, Clone)]
enum Shape<T: Tree> {
    Circle { radius: T },
    Box(T, T),
    Point,
}

#[derive(Tree, Clone)]
struct Configured {
    weight: Tensor,
    #[tree(fixed)]
    power: i32,
}

fn number(v: f64) -> Tensor {
    Tensor::from(v)
}

fn value(t: &Tensor) -> f64 {
    t.item().unwrap()
}

fn area(s: &Shape<Tensor>) -> Tensor {
    match s {
        Shape::Circle { radius } => radius.square() * std::f64::consts::PI,
        Shape::Box(a, b) => a * b,
        Shape::Point => number(0.0),
    }
}

#[test]
fn paths_name_every_tensor() {
    let tree = Pair {
        first: vec![number(1.0), number(2.0)],
        second: (
            BTreeMap::from([
                ("b".to_string(), number(3.0)),
                ("a".to_string(), number(4.0)),
            ]),
            Some([number(5.0), number(6.0)]),
            Wrapped(number(7.0), Some(Box::new(Wrapped(number(8.0), None)))),
            Nothing,
        ),
    };
    assert_eq!(
        tree::paths(&tree),
        [
            ".first.0",
            ".first.1",
            ".second.0.a",
            ".second.0.b",
            ".second.1.0",
            ".second.1.1",
            ".second.2.0",
            ".second.2.1.0"
        ]
    );
    let values: Vec<f64> = tree::leaves(&tree).iter().map(value).collect();
    assert_eq!(values, [1.0, 2.0, 4.0, 3.0, 5.0, 6.0, 7.0, 8.0]);
    let doubled = tree::map(&tree, |t| t * 2.0);
    assert_eq!(value(&doubled.second.0["b"]), 6.0);
    assert_eq!(value(&doubled.second.2.1.unwrap().0), 16.0);
    assert_eq!(tree::count(&tree), 8);
    let sum = tree::map2(&tree, &tree, |a, b| a + b).unwrap();
    assert_eq!(value(&sum.first[1]), 4.0);
}

#[test]
fn gradients_have_the_structure_of_the_argument() {
    let slope = grad(area)(&Shape::Box(number(2.0), number(5.0)));
    let Shape::Box(a, b) = slope else {
        panic!("another variant")
    };
    assert_eq!((value(&a), value(&b)), (5.0, 2.0));
    assert!(matches!(grad(area)(&Shape::Point), Shape::Point));

    let map = BTreeMap::from([
        ("x".to_string(), number(3.0)),
        ("y".to_string(), number(4.0)),
    ]);
    let norm = |m: &BTreeMap<String, Tensor>| (m["x"].square() + m["y"].square()).sqrt();
    assert_eq!(value(&grad(norm)(&map)["y"]), 0.8);

    let nested = Wrapped(number(2.0), Some(Box::new(Wrapped(number(3.0), None))));
    let product = |w: &Wrapped| &w.0 * &w.1.as_ref().unwrap().0;
    let slope = grad(product)(&nested);
    assert_eq!((value(&slope.0), value(&slope.1.unwrap().0)), (3.0, 2.0));
}

/// A Rust number cannot stand for a value that is being traced, so it belongs to the structure: it exists,
/// has no derivative, and another number gives another program.
#[test]
fn plain_numbers_belong_to_the_structure() {
    let f = |x: &Pair<f64, Tensor>| &x.second * x.first;
    let of = |first| Pair {
        first,
        second: number(2.0),
    };
    assert_eq!(tree::leaves(&of(3.0)).len(), 1);
    let slope = grad(f)(&of(3.0));
    assert_eq!((slope.first, value(&slope.second)), (3.0, 3.0));
    let compiled = jit(f);
    assert_eq!(value(&compiled.call(&of(3.0)).unwrap()), 6.0);
    assert_eq!(value(&compiled.call(&of(4.0)).unwrap()), 8.0);
    assert_eq!(compiled.programs(), 2);
    let (value_and_count, tangent) = jvp(|x: &Tensor| (x * x, 7i64), &number(3.0), &number(1.0));
    assert_eq!((value(&tangent.0), value_and_count.1), (6.0, 7));
}

#[test]
fn another_structure_is_another_program() {
    let f = jit(area);
    let circle = Shape::Circle {
        radius: number(1.0),
    };
    assert_eq!(value(&f.call(&circle).unwrap()), std::f64::consts::PI);
    assert_eq!(
        value(&f.call(&Shape::Box(number(2.0), number(3.0))).unwrap()),
        6.0
    );
    assert_eq!(
        value(&f.call(&Shape::Box(number(4.0), number(3.0))).unwrap()),
        12.0
    );
    assert_eq!(value(&f.call(&Shape::Point).unwrap()), 0.0);
    assert_eq!(f.programs(), 3);

    let power = jit(|c: &Configured| c.weight.powi(c.power));
    let of = |power| Configured {
        weight: number(2.0),
        power,
    };
    assert_eq!(value(&power.call(&of(3)).unwrap()), 8.0);
    assert_eq!(value(&power.call(&of(5)).unwrap()), 32.0);
    assert_eq!(
        grad(|c: &Configured| c.weight.powi(c.power))(&of(3)).power,
        3
    );

    let optional = jit(|x: &Option<Tensor>| x.as_ref().map_or_else(|| number(-1.0), |t| t * 2.0));
    assert_eq!(value(&optional.call(&None).unwrap()), -1.0);
    assert_eq!(value(&optional.call(&Some(number(4.0))).unwrap()), 8.0);
    let sum = jit(|x: &Vec<Tensor>| x.iter().fold(number(0.0), |a, b| a + b));
    for n in [0, 3, 1, 3] {
        assert_eq!(value(&sum.call(&vec![number(1.0); n]).unwrap()), n as f64);
    }
    assert_eq!(sum.programs(), 3);
}

#[test]
fn trees_are_mapped() {
    let both = (
        Tensor::from([1.0, 2.0, 3.0]),
        vec![Tensor::ones(&[3, 2], F64)],
    );
    let out = vmap(|(a, v): &(Tensor, Vec<Tensor>)| Pair {
        first: a * 2.0,
        second: [v[0].sum() + a],
    })(&both);
    assert_eq!(out.first.to_vec::<f64>().unwrap(), [2.0, 4.0, 6.0]);
    assert_eq!(out.second[0].to_vec::<f64>().unwrap(), [3.0, 4.0, 5.0]);
}

/// Fields whose names could collide with names in generated code, raw identifiers, and constants of the user.
#[allow(non_upper_case_globals, dead_code)]
mod names {
    use gradus::prelude::*;

    pub const leaves: usize = 1;
    pub static out: usize = 2;
    pub const field_0: usize = 3;

    #[derive(Tree, Clone)]
    pub struct All {
        pub out: Tensor,
        pub leaves: Tensor,
        pub tree: Tensor,
        pub field_0: Tensor,
        pub field_1: Tensor,
        pub name: Tensor,
        pub count: Tensor,
        pub gradus: Tensor,
        pub std: Tensor,
        pub core: Tensor,
        pub flatten: Tensor,
        pub unflatten: Tensor,
        pub describe: Tensor,
        pub r#type: Tensor,
        pub r#match: Tensor,
        #[tree(fixed)]
        pub r#fn: i32,
        pub r#let: usize,
    }

    #[derive(Tree, Clone)]
    pub struct Tuple<A, const N: usize>(pub A, #[tree(fixed)] pub [i32; N], pub Tensor)
    where
        A: Clone;

    #[derive(Tree, Clone)]
    pub struct Empty {}

    #[derive(Tree, Clone)]
    pub struct Unit;

    /// Borrows a value that is not a tensor.
    #[derive(Tree, Clone)]
    pub struct Borrowing<'a, T> {
        #[tree(fixed)]
        pub name: &'a str,
        pub out: T,
    }

    #[derive(Tree, Clone)]
    #[allow(non_camel_case_types)]
    pub enum r#enum {
        r#struct { out: Tensor, leaves: Tensor },
        Tuple(Tensor, f64),
        Nothing(),
        Unit,
    }
}

#[test]
fn fields_are_called_as_they_like() {
    let t = |k: usize| number(k as f64);
    let all = names::All {
        out: t(0),
        leaves: t(1),
        tree: t(2),
        field_0: t(3),
        field_1: t(4),
        name: t(5),
        count: t(6),
        gradus: t(7),
        std: t(8),
        core: t(9),
        flatten: t(10),
        unflatten: t(11),
        describe: t(12),
        r#type: t(13),
        r#match: t(14),
        r#fn: 7,
        r#let: 8,
    };
    let values: Vec<f64> = tree::leaves(&all).iter().map(value).collect();
    assert_eq!(values, (0..15).map(f64::from).collect::<Vec<_>>());
    let paths = tree::paths(&all);
    assert_eq!((&paths[0][..], &paths[13][..]), (".out", ".type"));
    assert_eq!(paths[14], ".match");
    let slope = grad(|a: &names::All| &a.out * &a.leaves * 2.0 + a.r#type.square())(&all);
    assert_eq!(value(&slope.out), 2.0);
    assert_eq!(value(&slope.leaves), 0.0);
    assert_eq!(value(&slope.r#type), 26.0);
    assert_eq!((slope.r#fn, slope.r#let), (7, 8));
    let twice = jit(|a: &names::All| tree::map(a, |t| t * 2.0)).call(&all);
    assert_eq!(value(&twice.unwrap().r#match), 28.0);
}

#[test]
fn structs_and_enums_of_all_kinds_are_trees() {
    let tuple = names::Tuple(vec![number(1.0), number(2.0)], [3, 4], number(5.0));
    let slope = grad(|t: &names::Tuple<Vec<Tensor>, 2>| &t.0[1] * &t.2)(&tuple);
    assert_eq!((value(&slope.0[1]), value(&slope.2)), (5.0, 2.0));
    assert_eq!(slope.1, [3, 4]);
    assert!(tree::leaves(&names::Empty {}).is_empty());
    assert!(tree::leaves(&names::Unit).is_empty());
    let text = "x".to_string();
    let borrowing = names::Borrowing {
        name: &text,
        out: number(3.0),
    };
    let slope = grad(|b: &names::Borrowing<'_, Tensor>| b.out.square())(&borrowing);
    assert_eq!((slope.name, value(&slope.out)), ("x", 6.0));
    let (out, leaves) = (number(1.0), number(2.0));
    for (tree, leaves, text) in [
        (
            names::r#enum::r#struct { out, leaves },
            2,
            "enum::struct { out: *, leaves: * }",
        ),
        (
            names::r#enum::Tuple(number(3.0), 4.0),
            1,
            "enum::Tuple { *, 4.0 }",
        ),
        (names::r#enum::Nothing(), 0, "enum::Nothing {  }"),
        (names::r#enum::Unit, 0, "enum::Unit {  }"),
    ] {
        assert_eq!(tree::leaves(&tree).len(), leaves);
        assert_eq!(tree::Structure::record(&tree).to_string(), text);
    }
}
