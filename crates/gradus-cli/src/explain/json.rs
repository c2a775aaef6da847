//! The orders of a chain as JSON.

use super::orders::{Order, Orders, multiplications};
use gradus_plan::{Bracketing, Chain};

/// Everything that the table shows, every product of the mixed order, and the JSON in `measured`.
///
/// Counts are integers of up to 128 bits.
pub fn report(orders: &Orders<'_>, measured: Option<&str>) -> String {
    let widths: Vec<String> = orders.chain.widths().iter().map(u128::to_string).collect();
    let all: Vec<String> = orders.all.iter().map(order).collect();
    let mut steps = Vec::new();
    products(orders.chain, orders.mixed(), &mut steps);
    let measured = measured.map_or(String::new(), |text| {
        format!(",\n  \"measured\": {}", text.trim_end())
    });
    format!(
        "{{\n  \"widths\": [{}],\n  \"orders\": [\n    {}\n  ],\n  \"products\": [{}]{measured}\n}}\n",
        widths.join(", "),
        all.join(",\n    "),
        match steps.is_empty() {
            true => String::new(),
            false => format!("\n    {}\n  ", steps.join(",\n    ")),
        }
    )
}

fn order(order: &Order) -> String {
    let formula = order.formula.map_or_else(
        || "null".to_string(),
        |terms| {
            format!(
                "{{\"directions\": {}, \"jacobian\": {}, \"activations\": {}, \"total\": {}}}",
                terms.directions,
                terms.jacobian,
                terms.activations,
                terms.total()
            )
        },
    );
    format!(
        "{{\"name\": \"{}\", \"multiplications\": {}, \"held\": {}, \"held_by_formula\": {formula}}}",
        order.name, order.cost.operations, order.cost.memory
    )
}

/// The products of `part` in the order of their computation. The products on the output's side come first.
fn products(chain: &Chain, part: &Bracketing, out: &mut Vec<String>) {
    if let Bracketing::Product(left, right) = part {
        products(chain, left, out);
        products(chain, right, out);
        let (from, to) = part.factors();
        let cut = right.factors().1;
        let d = chain.widths();
        out.push(format!(
            "{{\"from\": {from}, \"to\": {to}, \"cut\": {cut}, \"rows\": {}, \"columns\": {}, \"multiplications\": {}}}",
            d[to],
            d[from - 1],
            multiplications(chain, left, right)
        ));
    }
}
