//! Host values of every element type, and typed storage for many of them.
//!
//! Lives here: the bridge between Rust's number types and [`DType`]. No shapes: those are
//! [`crate::Tensor`]'s.

use std::fmt::Debug;

pub use half::{bf16, f16};

use crate::DType;
use crate::elements::Elements;
use crate::narrow::Narrow;

/// Integers narrower than a byte, named as Rust would.
#[allow(missing_docs, non_camel_case_types)]
mod narrow_names {
    use super::Narrow;
    pub type i2 = Narrow<2, true>;
    pub type i4 = Narrow<4, true>;
    pub type u2 = Narrow<2, false>;
    pub type u4 = Narrow<4, false>;
}
pub use narrow_names::{i2, i4, u2, u4};

/// A Rust type that is an element of a tensor.
pub trait Element: Copy + PartialEq + Debug + Send + Sync + 'static {
    /// The element type it stands for.
    const DTYPE: DType;
    /// Puts values into typed storage.
    fn store(values: Vec<Self>) -> Storage {
        Self::hold(values.into())
    }
    /// Elements as typed storage.
    fn hold(elements: Elements<Self>) -> Storage;
    /// The values, if the storage holds this type.
    fn view(storage: &Storage) -> Option<&[Self]>;
    /// The bit pattern, in the low bits.
    fn to_bits64(self) -> u64;
    /// The value of this bit pattern; higher bits are ignored.
    fn from_bits64(bits: u64) -> Self;
    /// The nearest `f64`; exact for all but large 64-bit integers.
    fn to_f64(self) -> f64;
    /// The element nearest to `value`, saturating at the type's limits; `i1` is `value != 0`.
    fn from_f64(value: f64) -> Self;
}

macro_rules! elements {
    ($($variant:ident $ty:ty, $to_bits:expr, $from_bits:expr, $to_f64:expr, $from_f64:expr;)*) => {
        /// Elements of one type.
        #[derive(Debug, Clone)]
        #[allow(missing_docs)]
        pub enum Storage { $($variant(Elements<$ty>)),* }

        impl Storage {
            /// The type of the elements.
            pub fn dtype(&self) -> DType {
                match self { $(Storage::$variant(_) => DType::$variant),* }
            }
        }

        $(impl Element for $ty {
            const DTYPE: DType = DType::$variant;
            fn hold(elements: Elements<Self>) -> Storage { Storage::$variant(elements) }
            fn view(storage: &Storage) -> Option<&[Self]> {
                if let Storage::$variant(values) = storage { Some(values) } else { None }
            }
            fn to_bits64(self) -> u64 { $to_bits(self) }
            fn from_bits64(bits: u64) -> Self { $from_bits(bits) }
            fn to_f64(self) -> f64 { $to_f64(self) }
            fn from_f64(value: f64) -> Self { $from_f64(value) }
        })*
    };
}

elements! {
    I1 bool, |x| x as u64, |b| b & 1 == 1, |x| x as u8 as f64, |v| v != 0.0;
    I2 i2, i2::bits, |b| i2::new(b as i64), |x: i2| x.get() as f64, i2::saturating;
    I4 i4, i4::bits, |b| i4::new(b as i64), |x: i4| x.get() as f64, i4::saturating;
    I8 i8, |x| x as u8 as u64, |b| b as i8, |x| x as f64, |v| v as i8;
    I16 i16, |x| x as u16 as u64, |b| b as i16, |x| x as f64, |v| v as i16;
    I32 i32, |x| x as u32 as u64, |b| b as i32, |x| x as f64, |v| v as i32;
    I64 i64, |x| x as u64, |b| b as i64, |x| x as f64, |v| v as i64;
    Ui2 u2, u2::bits, |b| u2::new(b as i64), |x: u2| x.get() as f64, u2::saturating;
    Ui4 u4, u4::bits, |b| u4::new(b as i64), |x: u4| x.get() as f64, u4::saturating;
    Ui8 u8, |x| x as u64, |b| b as u8, |x| x as f64, |v| v as u8;
    Ui16 u16, |x| x as u64, |b| b as u16, |x| x as f64, |v| v as u16;
    Ui32 u32, |x| x as u64, |b| b as u32, |x| x as f64, |v| v as u32;
    Ui64 u64, |x| x, |b| b, |x| x as f64, |v| v as u64;
    F16 f16, |x: f16| x.to_bits() as u64, |b| f16::from_bits(b as u16), |x: f16| x.to_f64(), |v| f16::from_f32(rounded_to_odd(v));
    Bf16 bf16, |x: bf16| x.to_bits() as u64, |b| bf16::from_bits(b as u16), |x: bf16| x.to_f64(), |v| bf16::from_f32(rounded_to_odd(v));
    F32 f32, |x: f32| x.to_bits() as u64, |b| f32::from_bits(b as u32), |x| x as f64, |v| v as f32;
    F64 f64, |x: f64| x.to_bits(), f64::from_bits, |x| x, |v| v;
}

/// The `f32` next to a value, of two the one with an odd last bit: rounded on to fewer bits it gives
/// what rounding the value once would (Boldo and Melquiond, Emulation of FMA and correctly rounded
/// sums: proved algorithms using rounding to odd, 2008). [`half`] itself leaves the low bits out.
fn rounded_to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    let missing = value.abs() - f64::from(nearest).abs();
    match nearest.to_bits() {
        bits if missing > 0.0 && bits & 1 == 0 => f32::from_bits(bits + 1),
        bits if missing < 0.0 && bits & 1 == 0 => f32::from_bits(bits - 1),
        _ => nearest,
    }
}

/// Runs the body with the storage's typed vector bound to a name, whatever its type.
#[macro_export]
macro_rules! with_storage {
    ($storage:expr, $values:ident => $body:expr) => {
        match $storage {
            $crate::Storage::I1($values) => $body,
            $crate::Storage::I2($values) => $body,
            $crate::Storage::I4($values) => $body,
            $crate::Storage::I8($values) => $body,
            $crate::Storage::I16($values) => $body,
            $crate::Storage::I32($values) => $body,
            $crate::Storage::I64($values) => $body,
            $crate::Storage::Ui2($values) => $body,
            $crate::Storage::Ui4($values) => $body,
            $crate::Storage::Ui8($values) => $body,
            $crate::Storage::Ui16($values) => $body,
            $crate::Storage::Ui32($values) => $body,
            $crate::Storage::Ui64($values) => $body,
            $crate::Storage::F16($values) => $body,
            $crate::Storage::Bf16($values) => $body,
            $crate::Storage::F32($values) => $body,
            $crate::Storage::F64($values) => $body,
        }
    };
}

/// Runs the body with the Rust type of a [`DType`] bound to a name.
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $Type:ident => $body:expr) => {
        match $dtype {
            $crate::DType::I1 => {
                type $Type = bool;
                $body
            }
            $crate::DType::I2 => {
                type $Type = $crate::element::i2;
                $body
            }
            $crate::DType::I4 => {
                type $Type = $crate::element::i4;
                $body
            }
            $crate::DType::I8 => {
                type $Type = i8;
                $body
            }
            $crate::DType::I16 => {
                type $Type = i16;
                $body
            }
            $crate::DType::I32 => {
                type $Type = i32;
                $body
            }
            $crate::DType::I64 => {
                type $Type = i64;
                $body
            }
            $crate::DType::Ui2 => {
                type $Type = $crate::element::u2;
                $body
            }
            $crate::DType::Ui4 => {
                type $Type = $crate::element::u4;
                $body
            }
            $crate::DType::Ui8 => {
                type $Type = u8;
                $body
            }
            $crate::DType::Ui16 => {
                type $Type = u16;
                $body
            }
            $crate::DType::Ui32 => {
                type $Type = u32;
                $body
            }
            $crate::DType::Ui64 => {
                type $Type = u64;
                $body
            }
            $crate::DType::F16 => {
                type $Type = $crate::element::f16;
                $body
            }
            $crate::DType::Bf16 => {
                type $Type = $crate::element::bf16;
                $body
            }
            $crate::DType::F32 => {
                type $Type = f32;
                $body
            }
            $crate::DType::F64 => {
                type $Type = f64;
                $body
            }
        }
    };
}

impl Storage {
    /// Number of elements.
    pub fn len(&self) -> usize {
        with_storage!(self, values => values.len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bits of each element, for code that is the same for all types and need not be fast.
    pub fn bits(&self) -> Vec<u64> {
        with_storage!(self, values => values.iter().map(|value| value.to_bits64()).collect())
    }

    /// Elements of a type, of these bits; higher ones are ignored.
    pub fn from_bits(dtype: DType, bits: &[u64]) -> Storage {
        with_dtype!(dtype, T => T::store(bits.iter().map(|&bits| T::from_bits64(bits)).collect()))
    }

    /// The elements of a type that are nearest to these numbers, as [`Element::from_f64`] says.
    ///
    /// ```
    /// use choral_ir::{DType, Storage, Tensor};
    /// let nearest = Storage::from_f64(DType::Ui8, &[1.5, -2.0, 300.0]);
    /// assert_eq!(Tensor::from_storage([3], nearest)?, Tensor::from([1u8, 0, 255]));
    /// # Ok::<(), choral_ir::TensorError>(())
    /// ```
    pub fn from_f64(dtype: DType, numbers: &[f64]) -> Storage {
        with_dtype!(dtype, T => T::store(numbers.iter().map(|&number| <T as Element>::from_f64(number)).collect()))
    }

    /// The elements' bits in little-endian order, as safetensors and MLIR blobs hold them.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        let width = self.dtype().bytes();
        let mut bytes = Vec::with_capacity(self.len() * width);
        with_storage!(self, values => {
            values.iter().for_each(|value| bytes.extend_from_slice(&value.to_bits64().to_le_bytes()[..width]));
        });
        bytes
    }

    /// Storage of `dtype` from little-endian bytes; `None` if their number is no multiple of the width.
    /// Of `i1` every byte other than 0 is `true`.
    pub fn from_le_bytes(dtype: DType, bytes: &[u8]) -> Option<Storage> {
        if dtype == DType::I1 {
            return Some(Storage::I1(bytes.iter().map(|&byte| byte != 0).collect()));
        }
        let width = dtype.bytes();
        if !bytes.len().is_multiple_of(width) {
            return None;
        }
        let bits = bytes.chunks_exact(width).map(|chunk| {
            let mut word = [0; 8];
            word[..width].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        });
        Some(with_dtype!(dtype, T => T::store(bits.map(T::from_bits64).collect())))
    }
}
