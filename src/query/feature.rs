//! Features with a type that the compiler knows.

use crate::error::{Error, Result};
use crate::format::value;
use crate::id::{FeatureId, Opened, OpenedView, ViewId};
use crate::schema::Contract;
use crate::time::Timestamp;
use crate::value::{Elements, Strings, Type, Value, ValueRef};
use std::fmt;
use std::marker::PhantomData;

/// A Rust type that a feature can be read and written as.
///
/// | Rust | feature |
/// |---|---|
/// | `bool`, `i32`, `i64`, `f32`, `f64` | the same |
/// | `str` | `string` |
/// | `[u8]` | `bytes` |
/// | [`Timestamp`] | `timestamp` |
/// | `[f32]` | `vector<f32,N>` |
/// | `[i64]`, `[f64]`, `[String]` | `list<…>` |
#[diagnostic::on_unimplemented(
    message = "no feature is read and written as `{Self}`",
    note = "what a feature holds is named without its owner: str for String, [u8] for Vec<u8>, [f32] \
            for a vector, [i64], [f64] and [String] for lists; bool, i32, i64, f32, f64 and Timestamp \
            are what they are"
)]
pub trait Typed: sealed::Sealed {
    /// What a read gives: numbers by value, the rest where it lies in the row.
    type Ref<'a>;
    /// Whether a feature of this type can be read as this.
    #[doc(hidden)]
    fn fits(ty: Type) -> bool;
    /// From stored bytes of a feature of a type; none when they are no value of it, or it does not fit.
    #[doc(hidden)]
    fn decode(ty: Type, bytes: &[u8]) -> Option<Self::Ref<'_>>;
    #[doc(hidden)]
    fn to_value(&self) -> Value;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! typed {
    ($($rust:ty => $variant:ident, $reference:ty, $fits:pat, $to_value:expr;)*) => {$(
        impl sealed::Sealed for $rust {}
        impl Typed for $rust {
            type Ref<'a> = $reference;
            fn fits(ty: Type) -> bool {
                matches!(ty, $fits)
            }
            #[inline(always)]
            fn decode(ty: Type, bytes: &[u8]) -> Option<Self::Ref<'_>> {
                // By a name that the compiler knows here: it leaves the other types out.
                match (ty, value::decode(ty, bytes)) {
                    ($fits, Some(ValueRef::$variant(value))) => Some(value),
                    _ => None,
                }
            }
            fn to_value(&self) -> Value {
                let to_value: fn(&$rust) -> Value = $to_value;
                to_value(self)
            }
        }
    )*};
}

typed! {
    bool => Bool, bool, Type::Bool, |v| Value::Bool(*v);
    i32 => I32, i32, Type::I32, |v| Value::I32(*v);
    i64 => I64, i64, Type::I64, |v| Value::I64(*v);
    f32 => F32, f32, Type::F32, |v| Value::F32(*v);
    f64 => F64, f64, Type::F64, |v| Value::F64(*v);
    str => String, &'a str, Type::String, |v| Value::String(v.into());
    [u8] => Bytes, &'a [u8], Type::Bytes, |v| Value::Bytes(v.into());
    Timestamp => Timestamp, Timestamp, Type::Timestamp, |v| Value::Timestamp(*v);
    [f32] => Vector, Elements<'a, f32>, Type::Vector(_), |v| Value::Vector(v.into());
    [i64] => ListI64, Elements<'a, i64>, Type::ListI64, |v| Value::ListI64(v.into());
    [f64] => ListF64, Elements<'a, f64>, Type::ListF64, |v| Value::ListF64(v.into());
    [String] => ListString, Strings<'a>, Type::ListString, |v| Value::ListString(v.into());
}

/// The type that a feature is read and written as.
fn rust_of(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::String => "str",
        Type::Bytes => "[u8]",
        Type::Timestamp => "Timestamp",
        Type::Vector(_) => "[f32]",
        Type::ListI64 => "[i64]",
        Type::ListF64 => "[f64]",
        Type::ListString => "[String]",
    }
}

/// A feature of one view, resolved once and typed: `TypedFeature<f64>`, `TypedFeature<str>`.
///
/// It is bound to the store that the view was taken from, for as long as that is open.
pub struct TypedFeature<T: ?Sized> {
    opened: Opened,
    view: ViewId,
    pub(crate) id: FeatureId,
    typed: PhantomData<fn(&T)>,
}

impl<T: Typed + ?Sized> TypedFeature<T> {
    pub(crate) fn new(contract: &Contract, name: &str) -> Result<Self> {
        let feature = contract.feature(name)?;
        if !T::fits(feature.ty()) {
            return Err(Error::invalid(format!(
                "feature {name:?} of view {:?} has the type {}; resolve it as {}, not as {}",
                contract.name(),
                feature.ty(),
                rust_of(feature.ty()),
                std::any::type_name::<T>()
            )));
        }
        Ok(TypedFeature::of(contract.opened_view(), feature.id()))
    }
}

impl<T: ?Sized> TypedFeature<T> {
    /// A feature that was resolved before.
    #[inline]
    pub(super) fn of(view: OpenedView, id: FeatureId) -> Self {
        TypedFeature {
            opened: view.opened,
            view: view.id,
            id,
            typed: PhantomData,
        }
    }

    /// The view that it is a feature of.
    #[inline]
    pub(crate) fn view(&self) -> OpenedView {
        OpenedView {
            opened: self.opened,
            id: self.view,
        }
    }
}

impl<T: ?Sized> Clone for TypedFeature<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for TypedFeature<T> {}

impl<T: ?Sized> fmt::Debug for TypedFeature<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedFeature({} of view {})", self.id, self.view)
    }
}
