//! Graphs as text, and back.
//!
//! ```text
//! graph  = "graph" "(" [ param { "," param } ] ")" "{" { line } "return" [ name { "," name } ] "}"
//! param  = name ":" type
//! line   = ( param { "," param } | "(" ")" ) "=" word [ "{" pair { "," pair } "}" ] [ name { "," name } | number ]
//! pair   = word "=" ( integer | "[" [ integer { "," integer } ] "]" | dtype | graph | "(" [ type { "," type } ] ")" | text )
//! text   = '"' characters '"'                                            a backslash takes the character behind it as it is
//! type   = dtype "[" [ ( "?" | size ) { "," size } ] "]"                                       "?" for a list, see [`Form`](crate::Form)
//! name   = "%" letters, digits, underscores
//! number = integer | float | "inf" | "-inf" | "NaN" | "NaN(0x…)" | "true" | "false"          only after `const`
//! ```
//!
//! A line names the results of its operation; `()` means that there are none.
//! White space only separates words; `#` begins a comment that ends with the line.
//! Values are named in order, inputs first, so equal programs print equally.
//! Reading neither simplifies nor shares nodes, so the graph has exactly the nodes of the text.
//!
//! ```
//! # use gradus_ir::Graph;
//! let text = "graph(%0: f64[2,3]) {
//!   %1: f64[2,3] = sin %0
//!   %2: f64[2] = reduce_sum{axes=[1]} %1
//!   return %2
//! }
//! ";
//! let graph: Graph = text.parse()?;
//! assert_eq!(graph.to_string(), text);
//! # Ok::<(), gradus_ir::Error>(())
//! ```

mod print;
mod read;

pub(crate) use print::listed;
pub use print::{head, line, names};
