//! `Tree` for types of the standard library.

use super::{Leaves, Structure, Tree};
use crate::tensor::Tensor;
use gradus_ir::bf16;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;

macro_rules! tuples {
    ($($($t:ident $i:tt),*;)*) => {$(
        impl<$($t: Tree),*> Tree for ($($t,)*) {
            fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
                $(self.$i.flatten(leaves);)*
            }

            fn unflatten(&self, leaves: &mut Leaves) -> Self {
                ($(self.$i.unflatten(leaves),)*)
            }

            fn describe(&self, out: &mut Structure) {
                out.enter("", [$($i),*].len());
                $(self.$i.describe(out);)*
                out.leave();
            }
        }
    )*};
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

impl Tree for () {
    fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

    fn unflatten(&self, _leaves: &mut Leaves) {}

    fn describe(&self, out: &mut Structure) {
        out.enter("", 0);
        out.leave();
    }
}

fn list<'a, T: Tree + 'a>(items: impl ExactSizeIterator<Item = &'a T>, out: &mut Structure) {
    out.enter("[", items.len());
    for item in items {
        item.describe(out);
    }
    out.leave();
}

impl<T: Tree> Tree for Vec<T> {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        for item in self {
            item.flatten(leaves);
        }
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Self {
        self.iter().map(|item| item.unflatten(leaves)).collect()
    }

    fn describe(&self, out: &mut Structure) {
        list(self.iter(), out);
    }
}

impl<T: Tree, const N: usize> Tree for [T; N] {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        for item in self {
            item.flatten(leaves);
        }
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Self {
        std::array::from_fn(|i| self[i].unflatten(leaves))
    }

    fn describe(&self, out: &mut Structure) {
        list(self.iter(), out);
    }
}

impl<T: Tree> Tree for Option<T> {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        if let Some(item) = self {
            item.flatten(leaves);
        }
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Self {
        self.as_ref().map(|item| item.unflatten(leaves))
    }

    fn describe(&self, out: &mut Structure) {
        match self {
            Some(item) => item.describe(out),
            None => out.text("None"),
        }
    }
}

macro_rules! pointers {
    ($($p:ident),*) => {$(
        impl<T: Tree> Tree for $p<T> {
            fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
                (**self).flatten(leaves);
            }

            fn unflatten(&self, leaves: &mut Leaves) -> Self {
                $p::new((**self).unflatten(leaves))
            }

            fn describe(&self, out: &mut Structure) {
                (**self).describe(out);
            }
        }
    )*};
}

pointers!(Box, Arc);

impl<K: Ord + Clone + Display, T: Tree> Tree for BTreeMap<K, T> {
    fn flatten<'a>(&'a self, leaves: &mut Vec<&'a Tensor>) {
        for item in self.values() {
            item.flatten(leaves);
        }
    }

    fn unflatten(&self, leaves: &mut Leaves) -> Self {
        self.iter()
            .map(|(key, item)| (key.clone(), item.unflatten(leaves)))
            .collect()
    }

    fn describe(&self, out: &mut Structure) {
        out.enter("{", self.len());
        for (key, item) in self {
            out.key(&key.to_string());
            item.describe(out);
        }
        out.leave();
    }
}

impl<T> Tree for PhantomData<T> {
    fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

    fn unflatten(&self, _leaves: &mut Leaves) -> Self {
        PhantomData
    }

    fn describe(&self, out: &mut Structure) {
        out.fixed("phantom", 0);
    }
}

macro_rules! values {
    ($($t:ident: |$v:ident| $bits:expr;)*) => {$(
        impl Tree for $t {
            fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

            fn unflatten(&self, _leaves: &mut Leaves) -> Self {
                *self
            }

            fn describe(&self, out: &mut Structure) {
                let $v = *self;
                out.fixed(stringify!($t), $bits);
            }
        }
    )*};
}

values! {
    bf16: |v| u64::from(v.to_bits());
    f32: |v| u64::from(v.to_bits());
    f64: |v| v.to_bits();
    i8: |v| v as u64;
    i16: |v| v as u64;
    i32: |v| v as u64;
    i64: |v| v as u64;
    isize: |v| v as u64;
    u8: |v| u64::from(v);
    u16: |v| u64::from(v);
    u32: |v| u64::from(v);
    u64: |v| v;
    usize: |v| v as u64;
    bool: |v| u64::from(v);
    char: |v| u64::from(v);
}

impl Tree for String {
    fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

    fn unflatten(&self, _leaves: &mut Leaves) -> Self {
        self.clone()
    }

    fn describe(&self, out: &mut Structure) {
        out.text(self);
    }
}

impl Tree for &'static str {
    fn flatten<'a>(&'a self, _leaves: &mut Vec<&'a Tensor>) {}

    fn unflatten(&self, _leaves: &mut Leaves) -> Self {
        self
    }

    fn describe(&self, out: &mut Structure) {
        out.text(self);
    }
}
