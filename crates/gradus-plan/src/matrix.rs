//! Matrices of derivatives between two cuts, and the three ways to join them.

use crate::push::Linear;
use crate::segments::Segment;
use gradus_ir::block::Block;
use gradus_ir::{Dims, Graph, Type, ValueId};

/// The derivatives of some arrays (rows) with respect to others (columns); `None` is zero by structure.
#[derive(Clone)]
pub(crate) struct Matrix {
    rows: Vec<Vec<Option<Block>>>,
    columns: usize,
}

impl Matrix {
    /// The derivatives of arrays of these types with respect to themselves.
    pub fn identity(g: &mut Graph, types: &[Type]) -> Matrix {
        let rows = (0..types.len())
            .map(|i| {
                (0..types.len())
                    .map(|j| {
                        let ty = &types[i];
                        (i == j).then(|| Block::identity(g, ty.dtype, &ty.shape))
                    })
                    .collect()
            })
            .collect();
        Matrix {
            rows,
            columns: types.len(),
        }
    }

    /// A matrix from rows of derivatives with respect to `columns` arrays.
    pub fn new(rows: Vec<Vec<Option<Block>>>, columns: usize) -> Matrix {
        Matrix { rows, columns }
    }

    /// The derivatives of several arrays with respect to one array.
    pub fn column(blocks: Vec<Option<Block>>) -> Matrix {
        Matrix::new(blocks.into_iter().map(|b| vec![b]).collect(), 1)
    }

    /// The derivatives of arrays of these types with respect to the `k`-th of them.
    pub fn unit_column(g: &mut Graph, types: &[Type], k: usize) -> Matrix {
        let mut column = vec![None; types.len()];
        column[k] = Some(Block::identity(g, types[k].dtype, &types[k].shape));
        Matrix::column(column)
    }

    /// The derivative of a segment by pushing the unit vectors as columns; `residuals` are the segment's own.
    pub fn pushed_unit(g: &mut Graph, segment: &Segment, residuals: &[ValueId]) -> Matrix {
        Matrix::identity(g, &segment.input_types()).pushed(g, segment, residuals)
    }

    /// The derivative of a segment by pulling the unit vectors as rows; `residuals` are the segment's own.
    pub fn pulled_unit(g: &mut Graph, segment: &Segment, residuals: &[ValueId]) -> Matrix {
        Matrix::identity(g, &segment.forward.output_types()).pulled(g, segment, residuals)
    }

    /// The derivative of row `i` with respect to column `j`.
    pub fn get(&self, i: usize, j: usize) -> Option<&Block> {
        self.rows[i][j].as_ref()
    }

    fn flipped(self, g: &mut Graph) -> Matrix {
        let n = self.rows.len();
        let mut rows: Vec<Vec<Option<Block>>> = vec![Vec::with_capacity(n); self.columns];
        for row in self.rows {
            for (j, block) in row.into_iter().enumerate() {
                rows[j].push(block.map(|b| b.flipped(g)));
            }
        }
        Matrix { rows, columns: n }
    }

    /// The columns pushed through a linear program as tangents; `residuals` are its own.
    fn through(&self, g: &mut Graph, program: &Graph, residuals: &[ValueId]) -> Matrix {
        let mut linear = Linear::new(program, residuals);
        let mut rows = vec![Vec::with_capacity(self.columns); program.outputs().len()];
        for j in 0..self.columns {
            let column: Vec<Option<Block>> = self.rows.iter().map(|r| r[j].clone()).collect();
            let results = linear.push(g, &column);
            for (row, result) in rows.iter_mut().zip(results) {
                row.push(result);
            }
        }
        Matrix {
            rows,
            columns: self.columns,
        }
    }

    /// The columns pulled through `segment`, whose backward pass need not be linear.
    /// The segment gets no cotangent that is a structural zero, because its result for zero need not be zero.
    fn through_custom_pullbacks(
        &self,
        g: &mut Graph,
        segment: &Segment,
        residuals: &[ValueId],
    ) -> Matrix {
        let inputs = segment.input_types().len();
        let mut rows = vec![Vec::with_capacity(self.columns); inputs];
        for j in 0..self.columns {
            let given = (0..self.rows.len()).filter(|&i| self.rows[i][j].is_some());
            let given: Vec<usize> = given.collect();
            let column: Vec<Block> = given
                .iter()
                .filter_map(|&i| self.rows[i][j].clone())
                .collect();
            let results = match column.is_empty() {
                true => vec![None; inputs],
                false => {
                    let program = segment.reverse_of(&given);
                    Linear::new(&program, residuals).pull_all(g, &column)
                }
            };
            for (row, result) in rows.iter_mut().zip(results) {
                row.push(result);
            }
        }
        Matrix {
            rows,
            columns: self.columns,
        }
    }

    /// `J·self`, the columns pushed through `segment` as tangents; `residuals` are the segment's own.
    pub fn pushed(&self, g: &mut Graph, segment: &Segment, residuals: &[ValueId]) -> Matrix {
        self.through(g, &segment.forward, residuals)
    }

    /// `self·J`, the rows pulled through `segment` as cotangents; `residuals` are the segment's own.
    pub fn pulled(&self, g: &mut Graph, segment: &Segment, residuals: &[ValueId]) -> Matrix {
        let shapes: Vec<Option<Dims>> = self
            .rows
            .iter()
            .map(|row| row.iter().flatten().next().map(|b| b.target.clone()))
            .collect();
        let rows = self.clone().flipped(g);
        let pulled = match segment.custom_pullbacks {
            false => rows.through(g, segment.reverse(), residuals),
            true => rows.through_custom_pullbacks(g, segment, residuals),
        };
        let mut pulled = pulled.flipped(g);
        // Pulling can merge or split axes. The outputs keep their shapes.
        for (row, shape) in pulled.rows.iter_mut().zip(shapes) {
            let Some(shape) = shape else { continue };
            for block in row.iter_mut() {
                *block = block.take().map(|b| b.retargeted(g, &shape));
            }
        }
        pulled
    }

    /// `outer·inner`
    pub fn product(g: &mut Graph, outer: &Matrix, inner: &Matrix) -> Matrix {
        let rows = outer
            .rows
            .iter()
            .map(|row| {
                (0..inner.columns)
                    .map(|j| {
                        let mut sum: Option<Block> = None;
                        for (c, line) in row.iter().zip(&inner.rows) {
                            if let (Some(c), Some(b)) = (c, &line[j]) {
                                let p = Block::product(g, c.clone(), b.clone());
                                sum = Some(match sum {
                                    None => p,
                                    Some(s) => Block::sum(g, s, p),
                                });
                            }
                        }
                        sum
                    })
                    .collect()
            })
            .collect();
        Matrix {
            rows,
            columns: inner.columns,
        }
    }

    /// All tensors of the matrix, for counting their cost.
    pub fn tensors(&self) -> Vec<ValueId> {
        self.rows
            .iter()
            .flatten()
            .flatten()
            .map(|b| b.tensor)
            .collect()
    }
}
