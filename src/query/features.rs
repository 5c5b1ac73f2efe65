//! A plain struct as the features of a view: resolved once, read from a row, written as a row.
//!
//! [`features!`](crate::features) writes the implementation. What a field is says what it makes of a
//! feature without a value: `T` is an error, `Option<T>` is none, [`Seen<T>`] keeps the status.

use super::feature::{Typed, TypedFeature};
use super::row::{Row, Seen};
use crate::error::{Error, ErrorKind, Result, did_you_mean};
use crate::id::{FeatureId, OpenedView};
use crate::law::{Status, Verdict};
use crate::schema::{Contract, FeatureDefinition, ViewBuilder};
use crate::time::Timestamp;
use crate::value::{Type, Value};
use std::fmt;
use std::marker::PhantomData;

/// A struct whose fields are features of a view. Made by [`features!`](crate::features).
///
/// A view is asked for the handles of all fields at once ([`View::features`](crate::View::features)),
/// a [`Row`] is read into the struct ([`Row::read`]), and a row is written from it
/// ([`RowWriter::set_all`](crate::RowWriter::set_all)).
pub trait Features: Sized {
    /// The name of the struct, for messages.
    const NAME: &'static str;

    /// Calls for each field, in order: its name, and whether a feature of a type can be this field.
    #[doc(hidden)]
    fn fields(each: &mut dyn FnMut(&'static str, FieldType));

    /// Reads the fields, in order.
    #[doc(hidden)]
    fn read(fields: &mut FieldReader<'_>) -> Result<Self>;

    /// Gives the fields that have something to say, in order.
    #[doc(hidden)]
    fn write(&self, fields: &mut FieldWriter<'_>);
}

/// A type that a field of a [`Features`] struct may have.
///
/// | field | feature | read where there is no value | written |
/// |---|---|---|---|
/// | `T` | one that always has a value | [`NoValue`](ErrorKind::NoValue) names feature and status | always |
/// | `Option<T>` | any | `None` for null, absent, expired and deleted alike | when `Some` |
/// | `Seen<T>` | any | status and event time, no value | its value; null as null; else nothing |
///
/// `T` is `bool`, `i32`, `i64`, `f32`, `f64`, `String`, `Vec<u8>` for `bytes`, [`Timestamp`],
/// `[f32; N]` or `Vec<f32>` for `vector<f32,N>`, `Vec<i64>`, `Vec<f64>` or `Vec<String>` for lists.
/// A `Vec<f32>` takes any dimension, and so cannot define a feature: `[f32; N]` can.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a struct of features",
    note = "a field is a bool, i32, i64, f32, f64, String, Vec<u8>, Timestamp, [f32; N], Vec<f32>, \
            Vec<i64>, Vec<f64> or Vec<String>, or an Option or a Seen of one of these"
)]
pub trait Field: sealed::Sealed + Sized {
    #[doc(hidden)]
    type Typed: Typed + ?Sized;
    #[doc(hidden)]
    fn field_type() -> FieldType;
    #[doc(hidden)]
    fn from_seen(seen: Seen<<Self::Typed as Typed>::Ref<'_>>) -> Result<Self, Status>;
    /// None where the field has nothing to say.
    #[doc(hidden)]
    fn to_spoken(&self) -> Option<Value>;
}

/// What a field asks of its feature.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct FieldType {
    /// What it would define.
    ty: Type,
    nullable: bool,
    fits: fn(Type) -> bool,
    rust: &'static str,
}

mod sealed {
    pub trait Sealed {}
}

/// A field that owns its value.
trait Owned: Sized {
    type Typed: Typed + ?Sized;
    const TYPE: Type;
    fn fits(ty: Type) -> bool {
        Self::Typed::fits(ty)
    }
    fn own(value: <Self::Typed as Typed>::Ref<'_>) -> Self;
    fn to_value(&self) -> Value;
}

macro_rules! owned {
    ($([$($generic:tt)*] $field:ty => $typed:ty, $ty:expr, $own:expr, $to_value:expr $(, $fits:expr)?;)*) => {$(
        impl<$($generic)*> Owned for $field {
            type Typed = $typed;
            const TYPE: Type = $ty;
            $(fn fits(ty: Type) -> bool {
                let fits: fn(Type) -> bool = $fits;
                fits(ty)
            })?
            fn own(value: <$typed as Typed>::Ref<'_>) -> Self {
                let own: fn(<$typed as Typed>::Ref<'_>) -> Self = $own;
                own(value)
            }
            fn to_value(&self) -> Value {
                let to_value: fn(&Self) -> Value = $to_value;
                to_value(self)
            }
        }

        impl<$($generic)*> sealed::Sealed for $field {}
        impl<$($generic)*> Field for $field {
            type Typed = $typed;
            fn field_type() -> FieldType {
                FieldType::of::<$field>(false)
            }
            fn from_seen(seen: Seen<<$typed as Typed>::Ref<'_>>) -> Result<Self, Status> {
                seen.value.map(<$field as Owned>::own).ok_or(seen.status)
            }
            fn to_spoken(&self) -> Option<Value> {
                Some(Owned::to_value(self))
            }
        }

        impl<$($generic)*> sealed::Sealed for Option<$field> {}
        impl<$($generic)*> Field for Option<$field> {
            type Typed = $typed;
            fn field_type() -> FieldType {
                FieldType::of::<$field>(true)
            }
            fn from_seen(seen: Seen<<$typed as Typed>::Ref<'_>>) -> Result<Self, Status> {
                Ok(seen.value.map(<$field as Owned>::own))
            }
            fn to_spoken(&self) -> Option<Value> {
                self.as_ref().map(Owned::to_value)
            }
        }

        impl<$($generic)*> sealed::Sealed for Seen<$field> {}
        impl<$($generic)*> Field for Seen<$field> {
            type Typed = $typed;
            fn field_type() -> FieldType {
                FieldType::of::<$field>(true)
            }
            fn from_seen(seen: Seen<<$typed as Typed>::Ref<'_>>) -> Result<Self, Status> {
                let Seen { status, value, event_time } = seen;
                let value = value.map(<$field as Owned>::own);
                Ok(Seen { status, value, event_time })
            }
            fn to_spoken(&self) -> Option<Value> {
                match (&self.value, self.status) {
                    (Some(value), _) => Some(Owned::to_value(value)),
                    (None, Status::Null) => Some(Value::Null),
                    (None, _) => None,
                }
            }
        }
    )*};
}

owned! {
    [] bool => bool, Type::Bool, |v| v, |v| Value::Bool(*v);
    [] i32 => i32, Type::I32, |v| v, |v| Value::I32(*v);
    [] i64 => i64, Type::I64, |v| v, |v| Value::I64(*v);
    [] f32 => f32, Type::F32, |v| v, |v| Value::F32(*v);
    [] f64 => f64, Type::F64, |v| v, |v| Value::F64(*v);
    [] Timestamp => Timestamp, Type::Timestamp, |v| v, |v| Value::Timestamp(*v);
    [] String => str, Type::String, |v| v.into(), |v| Value::String(v.clone());
    [] Vec<u8> => [u8], Type::Bytes, |v| v.into(), |v| Value::Bytes(v.clone());
    // Zero dimensions are no vector's: a definition with it is refused, as it must be.
    [] Vec<f32> => [f32], Type::Vector(0), |v| v.iter().collect(), |v| Value::Vector(v.clone());
    [] Vec<i64> => [i64], Type::ListI64, |v| v.iter().collect(), |v| Value::ListI64(v.clone());
    [] Vec<f64> => [f64], Type::ListF64, |v| v.iter().collect(), |v| Value::ListF64(v.clone());
    [] Vec<String> => [String], Type::ListString,
        |v| v.iter().map(String::from).collect(), |v| Value::ListString(v.clone());
    [const N: usize] [f32; N] => [f32], Type::Vector(N as u32),
        |v| {
            let mut all = v.iter();
            std::array::from_fn(|_| all.next().expect("resolving compared the dimensions"))
        },
        |v| Value::Vector(v.to_vec()),
        |ty| ty == Type::Vector(N as u32);
}

impl FieldType {
    fn of<T: Owned>(nullable: bool) -> Self {
        FieldType {
            ty: T::TYPE,
            nullable,
            fits: T::fits,
            rust: std::any::type_name::<T>(),
        }
    }
}

/// The features of one view that a struct has as fields, resolved once: names and types were
/// checked, and no name is looked up again. They are bound to the store that the view was taken from.
pub struct TypedFeatures<S> {
    view: OpenedView,
    /// One for each field, in their order.
    ids: Box<[FeatureId]>,
    of: PhantomData<fn() -> S>,
}

impl<S: Features> TypedFeatures<S> {
    pub(crate) fn new(contract: &Contract) -> Result<Self> {
        let (mut ids, mut wrong, mut unknown) = (Vec::new(), Vec::new(), false);
        S::fields(&mut |name, field| match contract.find(name) {
            None => {
                unknown = true;
                let names = contract.features().iter().map(|feature| feature.name());
                wrong.push(format!(
                    "there is no feature {name:?}{}",
                    did_you_mean(name, names)
                ));
            }
            Some(feature) if (field.fits)(feature.ty()) => ids.push(feature.id()),
            Some(feature) => wrong.push(format!(
                "feature {name:?} is a {}, which no {} holds",
                feature.ty(),
                field.rust
            )),
        });
        if wrong.is_empty() {
            return Ok(TypedFeatures {
                view: contract.opened_view(),
                ids: ids.into(),
                of: PhantomData,
            });
        }
        let kind = match unknown {
            true => ErrorKind::NotFound,
            false => ErrorKind::InvalidArgument,
        };
        Err(Error::new(
            kind,
            format!(
                "struct {} does not fit view {:?} v{}: {}",
                S::NAME,
                contract.name(),
                contract.version(),
                wrong.join("; ")
            ),
        ))
    }

    /// The features, in the order of the fields.
    pub fn ids(&self) -> &[FeatureId] {
        &self.ids
    }

    /// The view that they are features of.
    pub(crate) fn view(&self) -> OpenedView {
        self.view
    }

    /// Calls for each field that has something to say: its feature and the value.
    pub(crate) fn speak(&self, features: &S, say: &mut dyn FnMut(TypedFeature<()>, Value)) {
        features.write(&mut FieldWriter {
            view: self.view,
            ids: self.ids.iter(),
            say,
        });
    }
}

impl<S> Clone for TypedFeatures<S> {
    fn clone(&self) -> Self {
        TypedFeatures {
            view: self.view,
            ids: self.ids.clone(),
            of: PhantomData,
        }
    }
}

impl<S: Features> fmt::Debug for TypedFeatures<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypedFeatures({} of view {})", S::NAME, self.view.id)
    }
}

/// Reads fields one after the other.
#[doc(hidden)]
pub struct FieldReader<'r> {
    row: &'r Row,
    view: OpenedView,
    ids: std::slice::Iter<'r, FeatureId>,
}

impl FieldReader<'_> {
    /// The next field, whose name is for messages.
    ///
    /// # Errors
    /// As [`Row::read`].
    pub fn next_field<F: Field>(&mut self, name: &str) -> Result<F> {
        let id = *self.ids.next().expect("every field was resolved");
        let seen = self.row.see(&TypedFeature::<F::Typed>::of(self.view, id))?;
        F::from_seen(seen).map_err(|status| self.row.no_value(name, status))
    }
}

/// Takes fields one after the other.
#[doc(hidden)]
pub struct FieldWriter<'w> {
    view: OpenedView,
    ids: std::slice::Iter<'w, FeatureId>,
    say: &'w mut dyn FnMut(TypedFeature<()>, Value),
}

impl FieldWriter<'_> {
    /// The next field.
    pub fn next_field<F: Field>(&mut self, field: &F) {
        let id = *self.ids.next().expect("every field was resolved");
        if let Some(value) = field.to_spoken() {
            (self.say)(TypedFeature::of(self.view, id), value);
        }
    }
}

impl Row {
    /// All fields of a struct, read from this row. Scalars allocate nothing.
    ///
    /// # Errors
    /// [`NoValue`](ErrorKind::NoValue) for a field that must have a value and whose feature has none:
    /// it names the feature, its status and what is known of the entity; else as [`see`](Self::see).
    pub fn read<S: Features>(&self, features: &TypedFeatures<S>) -> Result<S> {
        S::read(&mut FieldReader {
            row: self,
            view: features.view,
            ids: features.ids.iter(),
        })
    }

    #[cold]
    fn no_value(&self, name: &str, status: Status) -> Error {
        let view = self.view_name().unwrap_or("?");
        let verdict = match self.verdict() {
            Verdict::Found => "other features of the entity are known",
            Verdict::Never => "nothing was ever said about the entity",
            Verdict::Deleted => "the entity was deleted",
            Verdict::Expired => "all that is known of the entity has expired",
        };
        Error::new(
            ErrorKind::NoValue,
            format!(
                "feature {name:?} of view {view:?} is {} as of {}, and its field must have a value \
                 ({verdict}); make the field an Option, or a Seen to be told why",
                status.name(),
                self.as_of()
            ),
        )
    }
}

impl ViewBuilder {
    /// One more feature for each field of a struct: `T` as it is, `Option<T>` and `Seen<T>` nullable.
    ///
    /// A definition in the code is as binding as one in a file: [`Store::apply`](crate::Store::apply)
    /// refuses what stored rows could not follow.
    pub fn features<S: Features>(self) -> Self {
        let mut builder = Some(self);
        S::fields(&mut |name, field| {
            let feature = FeatureDefinition::new(name, field.ty);
            let feature = match field.nullable {
                true => feature.nullable(),
                false => feature,
            };
            builder = builder.take().map(|builder| builder.define(feature));
        });
        builder.expect("it was put back after each field")
    }
}

/// Makes a plain struct the features of a view: see [`Features`] for what can be done with one, and
/// [`Field`] for the types that its fields may have.
///
/// ```
/// use asof::{Question, Read, Seen, Span, Status, Store, Timestamp, Type, ViewDefinition};
/// use asof::{WriteBatch, WriteOptions};
///
/// asof::features! {
///     /// The weather at an airport.
///     #[derive(Debug, Clone, PartialEq)]
///     pub struct Weather {
///         pub temp: f64,
///         pub wind_gust: Option<f64>,
///     }
/// }
///
/// # fn main() -> asof::Result<()> {
/// let store = Store::temp()?;
/// let definition = ViewDefinition::builder("weather").key("origin", Type::String);
/// store.apply(definition.features::<Weather>().build()?)?;
///
/// // Names and types are checked here, all at once.
/// let view = store.view("weather")?;
/// let fields = view.features::<Weather>()?;
/// let newark = view.entity(["EWR"])?;
///
/// let calm = Weather { temp: 39.02, wind_gust: None };
/// let mut batch = WriteBatch::new();
/// batch.put(&view, &newark, Timestamp::from_secs(0)).set_all(&fields, &calm).finish()?;
/// store.write(batch, WriteOptions::default())?;
///
/// let row = store.get(&view, &newark, Question::latest())?;
/// assert_eq!(row.read(&fields)?, calm);
/// # Ok(())
/// # }
/// ```
///
/// The struct is written out as it stands, with its attributes; fields are named like features.
#[macro_export]
macro_rules! features {
    (
        $(#[$attribute:meta])*
        $visible:vis struct $name:ident {
            $($(#[$field_attribute:meta])* $field_visible:vis $field:ident : $ty:ty),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visible struct $name {
            $($(#[$field_attribute])* $field_visible $field: $ty),+
        }

        impl $crate::Features for $name {
            const NAME: &'static str = ::core::stringify!($name);

            fn fields(each: &mut dyn ::core::ops::FnMut(&'static str, $crate::FieldType)) {
                $(each(
                    $crate::field_name(::core::stringify!($field)),
                    <$ty as $crate::Field>::field_type(),
                );)+
            }

            fn read(fields: &mut $crate::FieldReader<'_>) -> $crate::Result<Self> {
                ::core::result::Result::Ok($name {
                    $($field: fields.next_field(
                        $crate::field_name(::core::stringify!($field)),
                    )?),+
                })
            }

            fn write(&self, fields: &mut $crate::FieldWriter<'_>) {
                $(fields.next_field(&self.$field);)+
            }
        }
    };
}

/// The feature that a field means: `r#type` is `type`.
#[doc(hidden)]
pub fn field_name(written: &'static str) -> &'static str {
    written.strip_prefix("r#").unwrap_or(written)
}
