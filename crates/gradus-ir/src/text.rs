//! Text.
/// print
pub fn print(g: &crate::Graph) -> String { let mut s = String::new(); for (i,n) in g.nodes().iter().enumerate() { s += &format!("%{i}: {} = {}{:?} {:?}\n", n.ty, n.op.name(), n.op.attributes().0, n.operands); } s + &format!("return {:?}", g.outputs()) }
