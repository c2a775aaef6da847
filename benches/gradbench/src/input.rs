//! Numbers, rows and tables from the input of an evaluation.

use crate::failure::{Failure, Result};
use serde_json::Value;

/// The input of an evaluation: a JSON object with named fields.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a Value);

/// A table of numbers, row by row.
pub struct Table {
    pub rows: usize,
    pub columns: usize,
    pub values: Vec<f64>,
}

impl<'a> Input<'a> {
    fn field(self, name: &str) -> Result<&'a Value> {
        let missing = || Failure::new(format!("the input has no field `{name}`"));
        self.0.get(name).ok_or_else(missing)
    }

    /// A number.
    pub fn number(self, name: &str) -> Result<f64> {
        number(self.field(name)?).ok_or_else(|| Failure::new(format!("`{name}` is not a number")))
    }

    /// An integer that is not negative.
    pub fn size(self, name: &str) -> Result<usize> {
        let size = self.field(name)?.as_u64().map(usize::try_from);
        match size {
            Some(Ok(size)) => Ok(size),
            _ => Err(Failure::new(format!("`{name}` is not a size"))),
        }
    }

    /// A list of numbers.
    pub fn list(self, name: &str) -> Result<Vec<f64>> {
        list(self.field(name)?)
            .ok_or_else(|| Failure::new(format!("`{name}` is not a list of numbers")))
    }

    /// A list of numbers of this length.
    pub fn list_of(self, name: &str, length: usize) -> Result<Vec<f64>> {
        let list = self.list(name)?;
        if list.len() != length {
            let got = list.len();
            return Err(Failure::new(format!(
                "`{name}` has {got} numbers instead of {length}"
            )));
        }
        Ok(list)
    }

    /// A list of rows of one length, at least one row.
    pub fn table(self, name: &str) -> Result<Table> {
        let wrong = || Failure::new(format!("`{name}` is not a list of rows of one length"));
        let rows = self.field(name)?.as_array().ok_or_else(wrong)?;
        let columns = rows.first().and_then(Value::as_array).ok_or_else(wrong)?;
        let columns = columns.len();
        let mut values = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            let row = list(row).filter(|row| row.len() == columns);
            values.extend(row.ok_or_else(wrong)?);
        }
        Ok(Table {
            rows: rows.len(),
            columns,
            values,
        })
    }

    /// The numbers of a table of this many rows and columns.
    pub fn table_of(self, name: &str, rows: usize, columns: usize) -> Result<Vec<f64>> {
        let table = self.table(name)?;
        if (table.rows, table.columns) != (rows, columns) {
            let got = format!("{} × {}", table.rows, table.columns);
            return Err(Failure::new(format!(
                "`{name}` is {got} instead of {rows} × {columns}"
            )));
        }
        Ok(table.values)
    }
}

/// A number, also one that JSON writes as an integer.
pub fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn list(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(number).collect()
}

/// Rows of `columns` numbers as a list of lists.
pub fn rows_of(values: &[f64], rows: usize, columns: usize) -> Value {
    let row = |k: usize| Value::from(&values[k * columns..(k + 1) * columns]);
    (0..rows).map(row).collect()
}
