//! Bytes read as choices. Where they end, every further choice is the first one.

use crate::op::Op;
use crate::time::Timestamp;
use crate::value::{Type, Value};

/// What is left of the bytes.
pub(super) struct Choices<'a>(pub(super) &'a [u8]);

impl<'a> Choices<'a> {
    pub(super) fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Up to `n` of the bytes that follow.
    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn i64(&mut self) -> i64 {
        match self.byte() {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => i64::from_le_bytes(self.array()),
            small => i64::from(small) - 8,
        }
    }

    pub(super) fn time(&mut self) -> Timestamp {
        Timestamp::from_micros(self.i64())
    }

    pub(super) fn op(&mut self) -> Op {
        [Op::Put, Op::Patch, Op::Delete][self.below(3)]
    }

    fn text(&mut self) -> String {
        let length = self.below(12);
        String::from_utf8_lossy(self.take(length)).into_owned()
    }

    /// A value of a type; any bits that a float may have.
    pub(super) fn value(&mut self, ty: Type) -> Value {
        let f32 = |choices: &mut Self| f32::from_le_bytes(choices.array());
        let f64 = |choices: &mut Self| f64::from_le_bytes(choices.array());
        match ty {
            Type::Bool => Value::Bool(self.flag()),
            Type::I32 => Value::I32(i32::from_le_bytes(self.array())),
            Type::I64 => Value::I64(self.i64()),
            Type::F32 => Value::F32(f32(self)),
            Type::F64 => Value::F64(f64(self)),
            Type::String => Value::String(self.text()),
            Type::Bytes => {
                let length = self.below(12);
                Value::Bytes(self.take(length).to_vec())
            }
            Type::Timestamp => Value::Timestamp(self.time()),
            Type::Vector(n) => Value::Vector((0..n).map(|_| f32(self)).collect()),
            Type::ListI64 => Value::ListI64((0..self.below(4)).map(|_| self.i64()).collect()),
            Type::ListF64 => Value::ListF64((0..self.below(4)).map(|_| f64(self)).collect()),
            Type::ListString => {
                Value::ListString((0..self.below(4)).map(|_| self.text()).collect())
            }
        }
    }
}
