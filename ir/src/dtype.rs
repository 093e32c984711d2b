//! Element types, and the classes of element types that StableHLO's constraints speak of.
//!
//! Lives here: what an element type is called and which class it belongs to. Values of these
//! types live in [`crate::element`] and [`crate::Tensor`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of one element, named as StableHLO prints it.
///
/// ```
/// use choral_ir::DType;
/// assert_eq!(DType::Bf16.to_string(), "bf16");
/// assert_eq!(DType::from_name("ui8"), Some(DType::Ui8));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum DType {
    I1,
    I2,
    I4,
    I8,
    I16,
    I32,
    I64,
    Ui2,
    Ui4,
    Ui8,
    Ui16,
    Ui32,
    Ui64,
    F16,
    Bf16,
    F32,
    F64,
}

impl DType {
    /// Every element type, in declaration order.
    pub const ALL: [DType; 17] = [
        DType::I1,
        DType::I2,
        DType::I4,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::Ui2,
        DType::Ui4,
        DType::Ui8,
        DType::Ui16,
        DType::Ui32,
        DType::Ui64,
        DType::F16,
        DType::Bf16,
        DType::F32,
        DType::F64,
    ];

    /// The StableHLO name: `i1`, `ui8`, `bf16`, ...
    pub const fn name(self) -> &'static str {
        match self {
            DType::I1 => "i1",
            DType::I2 => "i2",
            DType::I4 => "i4",
            DType::I8 => "i8",
            DType::I16 => "i16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Ui2 => "ui2",
            DType::Ui4 => "ui4",
            DType::Ui8 => "ui8",
            DType::Ui16 => "ui16",
            DType::Ui32 => "ui32",
            DType::Ui64 => "ui64",
            DType::F16 => "f16",
            DType::Bf16 => "bf16",
            DType::F32 => "f32",
            DType::F64 => "f64",
        }
    }

    /// The element type of this StableHLO name.
    pub fn from_name(name: &str) -> Option<DType> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Width of one element in bits; `i1` counts 1.
    pub const fn bits(self) -> usize {
        match self {
            DType::I1 => 1,
            DType::I2 | DType::Ui2 => 2,
            DType::I4 | DType::Ui4 => 4,
            DType::I8 | DType::Ui8 => 8,
            DType::I16 | DType::Ui16 | DType::F16 | DType::Bf16 => 16,
            DType::I32 | DType::Ui32 | DType::F32 => 32,
            DType::I64 | DType::Ui64 | DType::F64 => 64,
        }
    }

    /// Bytes that one element takes in memory and in files; those narrower than a byte take one.
    pub const fn bytes(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// Whether this is `f16`, `bf16`, `f32` or `f64`.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::Bf16 | DType::F32 | DType::F64)
    }

    /// The type that sums and products of such elements accumulate in: `f32` for `f16` and `bf16`, which
    /// are too coarse for it, and the type itself for all others.
    ///
    /// ```
    /// use choral_ir::DType;
    /// assert_eq!(DType::Bf16.accumulator(), DType::F32);
    /// assert_eq!(DType::F64.accumulator(), DType::F64);
    /// ```
    pub const fn accumulator(self) -> DType {
        match self {
            DType::F16 | DType::Bf16 => DType::F32,
            DType::I1
            | DType::I2
            | DType::I4
            | DType::I8
            | DType::I16
            | DType::I32
            | DType::I64
            | DType::Ui2
            | DType::Ui4
            | DType::Ui8
            | DType::Ui16
            | DType::Ui32
            | DType::Ui64
            | DType::F32
            | DType::F64 => self,
        }
    }

    /// Whether this is `i2` .. `i64`.
    pub const fn is_signed_integer(self) -> bool {
        matches!(self, DType::I2 | DType::I4 | DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// Whether this is `ui2` .. `ui64`.
    pub const fn is_unsigned_integer(self) -> bool {
        matches!(self, DType::Ui2 | DType::Ui4 | DType::Ui8 | DType::Ui16 | DType::Ui32 | DType::Ui64)
    }

    /// Whether this is a signed or unsigned integer; `i1` is not.
    pub const fn is_integer(self) -> bool {
        self.is_signed_integer() || self.is_unsigned_integer()
    }

    /// Whether this is an integer of fewer bits than a byte; `i1` is not.
    ///
    /// ```
    /// use choral_ir::DType;
    /// assert!(DType::Ui4.is_narrow());
    /// assert!(!DType::I1.is_narrow() && !DType::I8.is_narrow());
    /// ```
    pub const fn is_narrow(self) -> bool {
        self.is_integer() && self.bits() < 8
    }

    /// The least and the greatest whole number of an integer type, and of `i1`; `None` for floats.
    ///
    /// ```
    /// use choral_ir::DType;
    /// assert_eq!(DType::I8.limits(), Some((-128, 127)));
    /// assert_eq!(DType::I1.limits(), Some((0, 1)));
    /// assert_eq!(DType::F32.limits(), None);
    /// ```
    pub const fn limits(self) -> Option<(i128, i128)> {
        let magnitude = self.bits() - self.is_signed_integer() as usize;
        let least = if self.is_signed_integer() { -(1 << magnitude) } else { 0 };
        if self.is_float() { None } else { Some((least, (1 << magnitude) - 1)) }
    }

    /// Whether an integer type, or `i1`, has this number.
    ///
    /// ```
    /// use choral_ir::DType;
    /// assert!(DType::Ui8.holds(255) && !DType::I8.holds(255) && !DType::F32.holds(1));
    /// ```
    pub fn holds(self, number: impl Into<i128>) -> bool {
        let number = number.into();
        self.limits().is_some_and(|(least, most)| (least..=most).contains(&number))
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of element types, as the constraints of the specification name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Every element type.
    Any,
    /// Integers and floats.
    Number,
    /// Signed integers and floats.
    SignedNumber,
    /// Floats only.
    Float,
    /// Signed and unsigned integers.
    Integer,
    /// Integers and `i1`.
    IntegerOrBoolean,
}

impl Class {
    /// Whether `dtype` belongs to the class.
    pub const fn contains(self, dtype: DType) -> bool {
        match self {
            Class::Any => true,
            Class::Number => dtype.is_integer() || dtype.is_float(),
            Class::SignedNumber => dtype.is_signed_integer() || dtype.is_float(),
            Class::Float => dtype.is_float(),
            Class::Integer => dtype.is_integer(),
            Class::IntegerOrBoolean => dtype.is_integer() || matches!(dtype, DType::I1),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Any => "any element type",
            Class::Number => "integers or floats",
            Class::SignedNumber => "signed integers or floats",
            Class::Float => "floats",
            Class::Integer => "integers",
            Class::IntegerOrBoolean => "integers or i1",
        })
    }
}
